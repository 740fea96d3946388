package wire

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"checksig/internal/digest"
)

// The pipe carries one request and, as the answer, frames. Numbers are in the machine's byte
// order, without padding.
//
// A request is its length in 8 bytes, then its members: the length of the name in 1 byte,
// the name, the length of the value in 8 bytes, the value. A member that is absent is NULL.
// The value of a number is decimal.
//
// A frame is its length in 4 bytes, a checksig_progress, a checksig_error with the lengths of
// its strings in 8 bytes each instead of the pointers, the three strings, and records up to
// its end. Its kind is what checksig_next would return. The first frame has the version as
// its message and the algorithms as its reason. The second one answers the request as
// checksig_start does. The last one has a kind other than More; without it there is no verdict.
const (
	lengthSize = 4

	// frameWait is how long a frame waits for records.
	frameWait = 75 * time.Millisecond
)

// Serve performs the request that it reads from in, and writes the answer to out. It calls
// gone when in ends after the request: then nobody is waiting for the answer anymore.
func Serve(in io.Reader, out io.Writer, version string, gone func()) error {
	hello := Outcome{Kind: More, Message: version, Reason: digest.Names()}
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
		return writeFrame(out, nil, OutcomeOf(err), nil)
	}
	return answer(out, job)
}

// answer writes the frames of a job.
func answer(out io.Writer, job *Job) error {
	err := writeFrame(out, job, Outcome{Kind: More}, nil)
	buffer := make([]byte, 2*MinBuffer)
	for ended := false; err == nil && !ended; {
		records := NewRecordWriter(buffer)
		outcome := Contained(func() (err error) {
			ended, err = job.NextRecords(frameWait, records)
			return err
		})
		state := Outcome{Kind: More}
		switch {
		case outcome != nil:
			state, ended = OutcomeOf(outcome), true
		case ended:
			state.Kind = OK
		}
		err = writeFrame(out, job, state, buffer[:records.Written()])
	}
	return err
}

// writeFrame writes a frame in one call. The job may be nil.
func writeFrame(out io.Writer, job *Job, o Outcome, records []byte) error {
	strings := o.Message + o.Path + o.Reason
	length := ProgressSize + ErrorSize + len(strings) + len(records)
	b := order.AppendUint32(make([]byte, 0, lengthSize+length), uint32(length))
	b = appendProgress(b, job)
	for _, number := range []int32{ErrorSize, o.Kind, o.Errno, 0} {
		b = order.AppendUint32(b, uint32(number))
	}
	for _, number := range []int64{o.Line, int64(len(o.Message)), int64(len(o.Path)), int64(len(o.Reason))} {
		b = order.AppendUint64(b, uint64(number))
	}
	b = append(b, strings...)
	b = append(b, records...)
	_, err := out.Write(b)
	return err
}

// appendProgress appends the checksig_progress of a job, which may be nil.
func appendProgress(b []byte, job *Job) []byte {
	numbers := [ProgressSize/8 - 1]int64{1: -1, 3: -1, 16: -1}
	last := numbers[len(numbers)-5:]
	if job != nil {
		p := job.Progress()
		copy(numbers[:], []int64{p.Files, p.TotalFiles, p.Bytes, p.TotalBytes, p.Bad})
		for status, count := range p.Counts {
			numbers[5+status] = int64(count)
		}
		copy(last, []int64{job.BadLines(), p.ByReceipt, p.OldestReceipt, p.Listed, int64(p.Elapsed)})
	}
	b = order.AppendUint32(b, ProgressSize)
	b = order.AppendUint32(b, 0)
	for _, number := range numbers {
		b = order.AppendUint64(b, uint64(number))
	}
	return b
}

// members says how each member of a request is set, by its name in checksig_request.
var members = map[string]func(*Request, string) error{
	"root":         func(r *Request, value string) error { r.Root = value; return nil },
	"algorithm":    func(r *Request, value string) error { r.Algorithm = &value; return nil },
	"manifest":     func(r *Request, value string) error { r.Manifest = &value; return nil },
	"name":         func(r *Request, value string) error { r.Name = &value; return nil },
	"format":       func(r *Request, value string) error { r.Format = &value; return nil },
	"list":         func(r *Request, value string) error { r.List = &value; return nil },
	"strip_prefix": func(r *Request, value string) error { r.Prefix = &value; return nil },
	"keys":         func(r *Request, value string) error { r.Keys = &value; return nil },
	"signature":    func(r *Request, value string) error { r.Signature = &value; return nil },
	"name_space":   func(r *Request, value string) error { r.NameSpace = &value; return nil },
	"min_signers":  func(r *Request, value string) error { return number(&r.MinSigners, value) },
	"workers":      func(r *Request, value string) error { return number(&r.Workers, value) },
	"flags":        func(r *Request, value string) error { return number(&r.Flags, value) },
	"shard":        func(r *Request, value string) error { return number(&r.Shard, value) },
	"shards":       func(r *Request, value string) error { return number(&r.Shards, value) },
	"receipts":     func(r *Request, value string) error { r.Receipts = &value; return nil },
	"max_age":      func(r *Request, value string) error { return number(&r.MaxAge, value) },
}

func number(to *int, value string) (err error) {
	*to, err = strconv.Atoi(value)
	return err
}

var errIncomplete = errors.New("the request is incomplete")

// readRequest reads a whole request.
func readRequest(in io.Reader) (*Request, error) {
	var length [8]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(io.LimitReader(in, int64(order.Uint64(length[:]))))
	if err != nil {
		return nil, err
	}
	if uint64(len(rest)) < order.Uint64(length[:]) {
		return nil, errIncomplete
	}
	return parseRequest(rest)
}

func parseRequest(b []byte) (*Request, error) {
	r := &Request{}
	for len(b) > 0 {
		name, rest, ok := cut(b[1:], uint64(b[0]))
		if !ok || len(rest) < 8 {
			return nil, errIncomplete
		}
		value, rest, ok := cut(rest[8:], order.Uint64(rest))
		if !ok {
			return nil, errIncomplete
		}
		set := members[name]
		if set == nil {
			return nil, fmt.Errorf("unknown member %q of a request", name)
		}
		if err := set(r, value); err != nil {
			return nil, err
		}
		b = rest
	}
	return r, nil
}

// cut returns the first length bytes of b, and the rest.
func cut(b []byte, length uint64) (head string, rest []byte, ok bool) {
	if uint64(len(b)) < length {
		return "", nil, false
	}
	return string(b[:length]), b[length:], true
}
