package main

import (
	"sync"

	"checksig/internal/wire"
)

// jobs are those that C has a handle for.
var jobs = &jobTable{jobs: map[uint64]*wire.Job{}}

// A jobTable gives each job a number, which is never used again: C never holds
// a Go pointer.
type jobTable struct {
	mu   sync.Mutex
	last uint64
	jobs map[uint64]*wire.Job
}

func (t *jobTable) add(j *wire.Job) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last++
	t.jobs[t.last] = j
	return t.last
}

// get returns the job with that number, or nil.
func (t *jobTable) get(number uint64) *wire.Job {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.jobs[number]
}

func (t *jobTable) remove(number uint64) *wire.Job {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.jobs[number]
	delete(t.jobs, number)
	return j
}
