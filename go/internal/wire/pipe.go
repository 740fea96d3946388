package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"checksig/internal/digest"
)

// The pipe has one request, and then frames as the answer, all in little-endian
// order without padding.
//
// A request is its length in 8 bytes and then its members: the length of the name in
// 1 byte, the name, the length of the value in 8 bytes, the value. A member that is
// not there is NULL; a number is written in decimal.
//
// A frame is its length in 4 bytes, a checksig_progress, a checksig_error that has
// the lengths of its strings in the place of pointers, the three strings, and
// checksig_records up to its end. Its kind is what checksig_next returns. The first
// frame says the version in its message and the algorithms in its reason; the second
// one answers the request as checksig_start does; the last one has another kind than
// More. Without that there is no verdict.
const (
	lengthSize = 4

	// ProgressSize is the size in bytes of checksig_progress.
	ProgressSize = 112
	failureSize  = 40

	// pause is how long a frame waits for records.
	pause = 75 * time.Millisecond
)

// Serve does the job of the request that it reads from in, and writes the answer to
// out. It calls gone when in ends behind the request, that is when nobody waits for
// the answer any more.
func Serve(in io.Reader, out io.Writer, version string, gone func()) error {
	hello := Failure{Kind: More, Message: version, Reason: digest.Names()}
	if err := writeFrame(out, nil, hello, nil); err != nil {
		return err
	}
	request, err := readRequest(in)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		gone()
	}()
	var job *Job
	err = Contained(func() (err error) {
		job, err = request.Start()
		return err
	})
	if err != nil {
		return writeFrame(out, nil, FailureOf(err), nil)
	}
	return answer(out, job)
}

// answer writes the frames of a job.
func answer(out io.Writer, job *Job) error {
	err := writeFrame(out, job, Failure{Kind: More}, nil)
	buffer := make([]byte, 2*MinBuffer)
	for ended := false; err == nil && !ended; {
		records := NewRecordWriter(buffer)
		outcome := Contained(func() (err error) {
			ended, err = job.NextRecords(pause, records)
			return err
		})
		state := Failure{Kind: More}
		switch {
		case outcome != nil:
			state, ended = FailureOf(outcome), true
		case ended:
			state.Kind = OK
		}
		err = writeFrame(out, job, state, buffer[:records.Written()])
	}
	return err
}

// writeFrame writes a frame at one stroke. The job may be nil.
func writeFrame(out io.Writer, job *Job, f Failure, records []byte) error {
	strings := f.Message + f.Path + f.Reason
	length := ProgressSize + failureSize + len(strings) + len(records)
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, lengthSize+length), uint32(length))
	b = appendProgress(b, job)
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(f.Errno))
	b = binary.LittleEndian.AppendUint64(b, uint64(f.Line))
	for _, text := range []string{f.Message, f.Path, f.Reason} {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(text)))
	}
	b = append(b, strings...)
	b = append(b, records...)
	_, err := out.Write(b)
	return err
}

// appendProgress appends the checksig_progress of a job, or of none.
func appendProgress(b []byte, job *Job) []byte {
	numbers := [ProgressSize / 8]int64{1: -1, 3: -1}
	if job != nil {
		p := job.Progress()
		copy(numbers[:], []int64{p.Files, p.TotalFiles, p.Bytes, p.TotalBytes, p.Failed})
		for status, count := range p.Counts {
			numbers[5+status] = int64(count)
		}
		numbers[len(numbers)-1] = job.BadLines()
	}
	for _, number := range numbers {
		b = binary.LittleEndian.AppendUint64(b, uint64(number))
	}
	return b
}

// members are what a request on the pipe may have, by name.
var members = map[string]func(*Request, string) error{
	"root":      func(r *Request, value string) error { r.Root = value; return nil },
	"algorithm": func(r *Request, value string) error { r.Algorithm = &value; return nil },
	"manifest":  func(r *Request, value string) error { r.Manifest = &value; return nil },
	"name":      func(r *Request, value string) error { r.Name = &value; return nil },
	"format":    func(r *Request, value string) error { r.Format = &value; return nil },
	"list":      func(r *Request, value string) error { r.List = &value; return nil },
	"workers":   func(r *Request, value string) error { return number(&r.Workers, value) },
	"flags":     func(r *Request, value string) error { return number(&r.Flags, value) },
	"shard":     func(r *Request, value string) error { return number(&r.Shard, value) },
	"shards":    func(r *Request, value string) error { return number(&r.Shards, value) },
}

func number(to *int, value string) (err error) {
	*to, err = strconv.Atoi(value)
	return err
}

var errTorn = errors.New("the request is torn")

// readRequest reads a request to its end.
func readRequest(in io.Reader) (*Request, error) {
	var length [8]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(io.LimitReader(in, int64(binary.LittleEndian.Uint64(length[:]))))
	if err != nil {
		return nil, err
	}
	if uint64(len(rest)) < binary.LittleEndian.Uint64(length[:]) {
		return nil, errTorn
	}
	return parseRequest(rest)
}

func parseRequest(b []byte) (*Request, error) {
	r := &Request{}
	for len(b) > 0 {
		name, rest, ok := cut(b[1:], uint64(b[0]))
		if !ok || len(rest) < 8 {
			return nil, errTorn
		}
		value, rest, ok := cut(rest[8:], binary.LittleEndian.Uint64(rest))
		if !ok {
			return nil, errTorn
		}
		set := members[name]
		if set == nil {
			return nil, fmt.Errorf("a request has no member %q", name)
		}
		if err := set(r, value); err != nil {
			return nil, err
		}
		b = rest
	}
	return r, nil
}

// cut returns the first length bytes, and those behind them.
func cut(b []byte, length uint64) (head string, rest []byte, ok bool) {
	if uint64(len(b)) < length {
		return "", nil, false
	}
	return string(b[:length]), b[length:], true
}
