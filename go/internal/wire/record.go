package wire

import (
	"encoding/binary"
	"strings"

	"checksig/internal/engine"
)

// The kinds of checksig_record.
const (
	fileKind = iota
	badLineKind
	manifestKind
	entryKind
)

// RecordHeader is the size in bytes of checksig_record.
const RecordHeader = 32

// A record is a checksig_record and what stands behind it.
type record struct {
	kind, status     uint8
	bad              bool
	errno            int32
	number           int64
	name, reason     string
	algorithm        string
	expected, actual []byte
}

func fileRecord(r *engine.Result) record {
	file := record{
		kind:     fileKind,
		status:   uint8(r.Status),
		bad:      r.Bad,
		errno:    systemsOwn(r.Errno()),
		number:   r.Size,
		name:     r.Name,
		reason:   r.Reason(),
		expected: r.Expected,
		actual:   r.Actual,
	}
	if r.Algorithm != nil {
		file.algorithm = r.Algorithm.Name
	}
	return file
}

// manifestRecord tells what was understood of a manifest: in its reason the
// algorithms, and in further lines what else there is to know.
func manifestRecord(s *engine.Source) record {
	var algorithms []string
	for _, a := range s.Algorithms {
		algorithms = append(algorithms, a.Name)
	}
	r := record{kind: manifestKind, name: s.Path, number: int64(s.Len())}
	r.reason = strings.Join(append([]string{strings.Join(algorithms, ",")}, s.Notes...), "\n")
	if s.Format != nil {
		r.algorithm = s.Format.Name
	}
	return r
}

// A RecordWriter writes records one behind the other.
type RecordWriter struct {
	free    []byte // what is left of the buffer
	written int
}

// NewRecordWriter returns a writer into a buffer of at least MinBuffer bytes.
func NewRecordWriter(buffer []byte) *RecordWriter { return &RecordWriter{free: buffer} }

// Written returns how many bytes the records take.
func (w *RecordWriter) Written() int { return w.written }

// write writes a record if it fits.
func (w *RecordWriter) write(r record) bool {
	length := RecordHeader + len(r.name) + len(r.reason) + len(r.algorithm) + len(r.expected) + len(r.actual)
	if length > len(w.free) {
		return false
	}
	b := w.free[:0]
	b = binary.LittleEndian.AppendUint32(b, uint32(length))
	bad := uint8(0)
	if r.bad {
		bad = 1
	}
	b = append(b, r.kind, r.status, uint8(len(r.algorithm)), uint8(len(r.expected)), uint8(len(r.actual)), bad, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.errno))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.number))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.name)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.reason)))
	b = append(b, r.name...)
	b = append(b, r.reason...)
	b = append(b, r.algorithm...)
	b = append(b, r.expected...)
	b = append(b, r.actual...)
	w.free = w.free[length:]
	w.written += length
	return true
}
