package main

import (
	"sync"

	"checksig/internal/wire"
)

// jobs are the jobs that C has a handle for.
var jobs = &jobTable{jobs: map[uint64]*wire.Job{}}

// A jobTable gives each job a handle: a number that is never used again, so that C never
// holds a Go pointer.
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

// get returns the job with a handle, or nil.
func (t *jobTable) get(handle uint64) *wire.Job {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.jobs[handle]
}

// remove returns the job with a handle, or nil, and forgets the handle.
func (t *jobTable) remove(handle uint64) *wire.Job {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.jobs[handle]
	delete(t.jobs, handle)
	return j
}
