package main

import (
	"sync"
	"sync/atomic"
	"time"

	engine "checksig/internal/verify"
)

// A job is a run that C has a handle for, and what is to be told at its end.
type job struct {
	*engine.Job
	kind     uint8      // of the records of its results
	mu       sync.Mutex // held by next
	ended    bool
	tail     []record // records that come after those of the files
	badLines atomic.Int64
	err      error
}

// jobs are those that were started and not yet closed.
var jobs = &jobTable{jobs: map[uint64]*job{}}

// A jobTable gives each job a number, which is never used again: C never holds
// a Go pointer.
type jobTable struct {
	mu   sync.Mutex
	last uint64
	jobs map[uint64]*job
}

func (t *jobTable) add(j *engine.Job, kind uint8) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.jobs[t.last] = &job{Job: j, kind: kind}
	return t.last
}

// get returns the job with that number, or nil.
func (t *jobTable) get(number uint64) *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.jobs[number]
}

func (t *jobTable) remove(number uint64) *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.jobs[number]
	delete(t.jobs, number)
	return j
}

// next writes the records that are there and fit, after it waited for some. At
// the end, after the last of them, the error is the outcome.
func (j *job) next(timeout time.Duration, records *recordWriter) (ended bool, err error) {
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
func (j *job) finish() {
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

func (j *job) record(r *engine.Result) record {
	record := fileRecord(r)
	record.kind = j.kind
	return record
}
