package wire

import (
	"sync"
	"sync/atomic"
	"time"

	"checksig/internal/engine"
)

// A Job is a run, and what is to be told at its end.
type Job struct {
	*engine.Job
	kind     uint8      // of the records of its results
	mu       sync.Mutex // held by NextRecords
	ended    bool
	tail     []record // records that come after those of the files
	badLines atomic.Int64
	err      error
}

// NextRecords writes the records that are there and fit, after it waited for some. At
// the end, after the last of them, the error is the outcome.
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

// finish takes the outcome of the run.
func (j *Job) finish() {
	j.ended = true
	report, err := j.Outcome()
	if err != nil {
		j.err = err
		return
	}
	if j.kind == fileKind {
		j.err = report.Err()
	}
	j.badLines.Store(int64(report.BadLines()))
	for _, source := range report.Sources {
		j.tail = append(j.tail, manifestRecord(source))
		for _, bad := range source.BadLines {
			j.tail = append(j.tail, record{kind: badLineKind, number: int64(bad.Line), name: source.Path, reason: bad.Reason})
		}
	}
}

// BadLines returns how many lines of the manifests are bad, once the run has ended.
func (j *Job) BadLines() int64 { return j.badLines.Load() }

func (j *Job) record(r *engine.Result) record {
	record := fileRecord(r)
	record.kind = j.kind
	return record
}
