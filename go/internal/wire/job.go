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
	tail     []record // records that follow those of the files
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
	for len(j.tail) > 0 {
		if !records.write(j.tail[0]) {
			return false, nil
		}
		j.tail = j.tail[1:]
	}
	return true, j.err
}

// finish takes the outcome of the job, and makes the records of the manifests.
func (j *Job) finish() {
	j.ended = true
	report, err := j.Outcome()
	if err != nil {
		j.err = err
		return
	}
	if j.kind == FileRecord {
		j.err = report.Err()
	}
	j.badLines.Store(int64(report.BadLines()))
	for _, note := range report.Notes {
		j.tail = append(j.tail, record{kind: NoteRecord, reason: note})
	}
	for _, source := range report.Sources {
		j.tail = append(j.tail, manifestRecord(source))
		j.tail = append(j.tail, signatureRecords(source)...)
		for _, bad := range source.BadLines {
			j.tail = append(j.tail, record{kind: BadLineRecord, number: int64(bad.Line), name: source.Path, reason: bad.Reason})
		}
	}
}

// BadLines returns how many lines of the manifests are bad, or 0 until the job has ended.
func (j *Job) BadLines() int64 { return j.badLines.Load() }

func (j *Job) record(r *engine.Result) record {
	record := fileRecord(r)
	record.kind = j.kind
	return record
}
