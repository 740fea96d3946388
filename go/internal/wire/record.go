package wire

import (
	"encoding/binary"
	"strings"

	"checksig/internal/discover"
	"checksig/internal/engine"
)

// order is the byte order of records and of the pipe: both ends are on one machine.
var order = binary.NativeEndian

// A record is a checksig_record with the strings and digests that follow it.
type record struct {
	kind, status     uint8
	bad              bool
	errno            int32
	number, place    int64
	mtime, ctime     int64
	name, reason     string
	algorithm        string
	expected, actual []byte
	receipt, touched int64
}

func fileRecord(r *engine.Result) record {
	file := record{
		kind:     FileRecord,
		status:   uint8(r.Status),
		bad:      r.Bad,
		errno:    systemErrno(r.Errno()),
		number:   r.Size,
		place:    int64(r.Place),
		name:     r.Name,
		reason:   r.Reason(),
		expected: r.Expected,
		actual:   r.Actual,
		receipt:  r.Receipt,
		touched:  r.Touched,
	}
	if r.Algorithm != nil {
		file.algorithm = r.Algorithm.Name
	}
	return file
}

// manifestRecord says how a manifest was read. The first line of its reason lists the
// algorithms; each further line is a note.
func manifestRecord(s *discover.Source) record {
	var algorithms []string
	for _, a := range s.Algorithms {
		algorithms = append(algorithms, a.Name)
	}
	r := record{kind: ManifestRecord, name: s.Path, number: int64(s.Len()), place: -1, mtime: -1, ctime: -1}
	r.expected = s.Entries
	if s.State != nil {
		r.actual, r.place, r.mtime, r.ctime = s.State.Digest, s.State.Size, s.State.Mtime, s.State.Ctime
	}
	r.reason = strings.Join(append([]string{strings.Join(algorithms, ",")}, s.Notes...), "\n")
	if s.Format != nil {
		r.algorithm = s.Format.Name
	}
	return r
}

// signatureRecords says who has signed a manifest, or which signatures are beside it.
func signatureRecords(s *discover.Source) (records []record) {
	for _, path := range s.Signatures {
		records = append(records, record{kind: SignatureRecord, name: path, number: -1})
	}
	for _, signer := range s.Signers {
		r := record{kind: SignatureRecord, name: signer.Path, number: -1, algorithm: signer.Scheme}
		r.reason = strings.Join([]string{signer.Key, signer.Name, signer.Note}, "\n")
		if !signer.Created.IsZero() {
			r.number = signer.Created.Unix()
		}
		records = append(records, r)
	}
	return records
}

// A RecordWriter writes records into a buffer, one after the other.
type RecordWriter struct {
	free    []byte // the rest of the buffer
	written int
}

// NewRecordWriter returns a writer into a buffer of at least MinBuffer bytes.
func NewRecordWriter(buffer []byte) *RecordWriter { return &RecordWriter{free: buffer} }

// Written returns how many bytes the records take.
func (w *RecordWriter) Written() int { return w.written }

// write writes a record, and reports whether it fit.
func (w *RecordWriter) write(r record) bool {
	length := RecordSize + len(r.name) + len(r.reason) + len(r.algorithm) + len(r.expected) + len(r.actual)
	if length > len(w.free) {
		return false
	}
	b := w.free[:0]
	b = order.AppendUint32(b, RecordSize)
	b = order.AppendUint32(b, uint32(length))
	bad := uint8(0)
	if r.bad {
		bad = 1
	}
	b = append(b, r.kind, r.status, uint8(len(r.algorithm)), uint8(len(r.expected)), uint8(len(r.actual)), bad, 0, 0)
	b = order.AppendUint32(b, uint32(r.errno))
	b = order.AppendUint32(b, uint32(len(r.name)))
	b = order.AppendUint64(b, uint64(r.number))
	b = order.AppendUint32(b, uint32(len(r.reason)))
	b = order.AppendUint32(b, 0)
	b = order.AppendUint64(b, uint64(r.receipt))
	b = order.AppendUint64(b, uint64(r.touched))
	for _, number := range []int64{r.place, r.mtime, r.ctime} {
		b = order.AppendUint64(b, uint64(number))
	}
	b = append(b, r.name...)
	b = append(b, r.reason...)
	b = append(b, r.algorithm...)
	b = append(b, r.expected...)
	b = append(b, r.actual...)
	w.free = w.free[length:]
	w.written += length
	return true
}
