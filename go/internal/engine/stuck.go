package engine

import (
	"slices"
	"sync"
	"time"

	"checksig/internal/beneath"
)

const (
	// stuckAfter is how long a worker waits for one file before its other files are handed out
	// again.
	stuckAfter = time.Second

	// watchEvery is how often a pool looks for workers that wait so long.
	watchEvery = 250 * time.Millisecond
)

// watched is what a pool watches of a worker. An answer that never comes from the storage must
// hold up only its own file.
type watched struct {
	mu      sync.Mutex // held by the worker except while it waits for the storage
	waiting bool
	seen    bool      // whether at and since are set for this call
	at      int       // the index of the file, in the round, for which the worker waits
	since   time.Time // when that was seen first
	lost    bool      // whether all other files of the worker were handed out again
	kept    int       // the slot of that file
}

// waitFor opens or reads files of the round.
func (w *worker) waitFor(run func([]*beneath.Piece)) {
	w.files.Reset()
	w.waiting, w.seen = true, false
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.waiting = false
		if w.lost {
			w.forget()
		}
	}()
	run(w.pieces)
}

// surrender hands out again the files of a worker that waits too long for one of them, except
// that one. Another goroutine calls it. It reports whether there were others.
func (w *worker) surrender(now time.Time) bool {
	if !w.mu.TryLock() {
		return false
	}
	defer w.mu.Unlock()
	if !w.waiting || w.lost {
		return false
	}
	if at := w.files.At(); !w.seen || at != w.at {
		w.seen, w.at, w.since = true, at, now
		return false
	}
	if now.Sub(w.since) < stuckAfter || w.at >= len(w.chosen) {
		return false
	}
	w.kept = w.chosen[w.at]
	numbers := slices.Clone(w.numbers)
	for i := range w.slots {
		if i != w.kept && (w.slots[i].busy || slices.Contains(w.chosen, i)) {
			numbers = append(numbers, w.slots[i].number)
		}
	}
	if len(numbers) == 0 {
		return false
	}
	w.lost = true
	w.files.LeaveAlone()
	w.job.results.takeBack(numbers)
	return true
}

// forget drops the files that were handed out again. Another worker verifies them from the start.
func (w *worker) forget() {
	w.lost = false
	w.numbers = w.numbers[:0]
	for i := range w.slots {
		s := &w.slots[i]
		if i == w.kept {
			continue
		}
		w.close(s)
		if s.busy {
			s.busy = false
			w.busy--
			w.job.bytes.Add(-s.read)
		}
	}
	w.chosen, w.pieces = append(w.chosen[:0], w.kept), append(w.pieces[:0], &w.slots[w.kept].Piece)
}

// watch looks for workers that wait too long, and starts one for the files of each.
func (p *pool) watch() {
	var err error
	defer Contain(&err) // nothing is lost: the job then waits for its workers
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	now := time.Now()
	for _, w := range p.workers {
		if w.surrender(now) {
			p.addWorker()
		}
	}
	p.watchdog.Reset(watchEvery)
}

// join adds a worker to those that the pool watches. leave reverses it.
func (p *pool) join(w *worker) {
	w.mu.Lock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.workers = append(p.workers, w)
}

func (p *pool) leave(w *worker) {
	p.mu.Lock()
	p.workers = slices.DeleteFunc(p.workers, func(other *worker) bool { return other == w })
	p.mu.Unlock()
	w.mu.Unlock()
}
