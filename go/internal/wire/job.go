package wire

import (
	"sync"
	"sync/atomic"
	"time"

	"checksig/internal/engine"
)

// A Job is a job of the engine whose results are taken as records.
type Job struct {
	*engine.Job
	kind     uint8      // of the records of its results
	mu       sync.Mutex // held by NextRecords
	ended    bool
	report   *engine.Report // once the job has ended; nil after an error, and once tail is set
	tail     []record       // records that follow those of the files
	listing  *engine.Listing
	piece    []byte // the lines that come next
	badLines atomic.Int64
	err      error
}

// NextRecords waits up to timeout for results, and writes the records that are ready and
// fit. After the last record it returns true and how the job ended; nil is success.
func (j *Job) NextRecords(timeout time.Duration, records *RecordWriter) (ended bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.ended {
		if !j.Next(timeout, func(r *engine.Result) bool { return records.write(j.record(r)) }) {
			return false, nil
		}
		j.finish()
	}
	if !j.writeListing(records) {
		return false, nil
	}
	if j.report != nil {
		j.tail, j.report = tailOf(j.report), nil
	}
	for len(j.tail) > 0 {
		if !records.write(j.tail[0]) {
			return false, nil
		}
		j.tail = j.tail[1:]
	}
	return true, j.err
}

// pieceSize is how many bytes of a listing a record has at most. Two of them fit into every buffer.
const pieceSize = 1 << 16

// writeListing writes records of lines until there are no more. It reports false if one did not fit.
func (j *Job) writeListing(records *RecordWriter) bool {
	for j.listing != nil {
		if len(j.piece) == 0 {
			j.piece = j.listing.Next()
		}
		if len(j.piece) == 0 {
			j.listing = nil
			break
		}
		size := min(len(j.piece), pieceSize)
		if !records.write(record{kind: LinesRecord, name: string(j.piece[:size])}) {
			return false
		}
		j.piece = j.piece[size:]
	}
	return true
}

// finish takes the outcome of the job.
func (j *Job) finish() {
	j.ended = true
	report, err := j.Outcome()
	if err != nil {
		j.err = err
		return
	}
	if j.listing = report.Listing; j.listing == nil && j.kind == FileRecord {
		j.err = report.Err()
	}
	j.badLines.Store(int64(report.BadLines()))
	j.report = report
}

// tailOf returns the records of the notes and the manifests.
func tailOf(report *engine.Report) (tail []record) {
	for _, note := range report.Notes {
		tail = append(tail, record{kind: NoteRecord, reason: note})
	}
	for _, source := range report.Sources {
		tail = append(tail, manifestRecord(source))
		tail = append(tail, signatureRecords(source)...)
		for _, bad := range source.BadLines {
			tail = append(tail, record{kind: BadLineRecord, number: int64(bad.Line), name: source.Path, reason: bad.Reason})
		}
	}
	return tail
}

// BadLines returns how many lines of the manifests are bad, or 0 until the job has ended.
func (j *Job) BadLines() int64 { return j.badLines.Load() }

func (j *Job) record(r *engine.Result) record {
	record := fileRecord(r)
	if record.kind = j.kind; r.Packed {
		record.kind = NamesRecord
	}
	return record
}
