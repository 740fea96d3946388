package beneath

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNotNow is what the Ahead of a [Walk] returns if it would have to wait for something other
// than the storage. The directory is listed in its turn, and a goroutine that listed ahead ends.
var ErrNotNow = errors.New("not now")

const (
	// maxAhead is how many names that were listed before their turn a walk has in memory. Each
	// such directory counts as namesAtOnce names at least. A listing that exceeds the limit is
	// dropped, because its directory may never end.
	maxAhead    = 1 << 16
	namesAtOnce = 64

	// To list a directory that is in memory takes less than directoryTime, and nameTime for
	// each name, unless the core is shared.
	directoryTime = 8 * time.Microsecond
	nameTime      = time.Microsecond

	// waitFactor is how many times the expected time a listing takes if it waits for the storage.
	waitFactor = 4
)

// measureFor is how long a goroutine lists before its time is compared. A test replaces it.
var measureFor = 5 * time.Millisecond

// A run is a [Walk] that is under way. One goroutine visits the directories in order, and lists
// those that are not listed when their turn comes. The helpers list those that come next.
type run struct {
	*Walk
	timer listTimer // of the goroutine that visits

	mu      sync.Mutex
	path    []*directory // whose subdirectories are visited, each below the one before it
	ready   sync.Cond    // a listing that is waited for has ended
	work    sync.Cond    // helpers may have something to list
	idle    int          // how many helpers wait for that
	helpers int
	ahead   int // names that were listed before their turn, and are not visited
	ended   atomic.Bool
	group   sync.WaitGroup
}

// A directory is one that is being listed or was listed.
type directory struct {
	name   string
	items  []kept   // in order
	below  []string // the names of the subdirectories, in order
	err    error
	sum    Sum
	listed int // how many names

	// The subdirectories that helpers list or have listed, by their index in below; nil if none.
	children []*directory
	next     int // the index of the subdirectory whose turn is next
	cursor   int // there is nothing to claim in the subdirectories before this one

	// For a directory that a helper lists.
	parent   *directory
	index    int  // in the parent
	inTurn   bool // it is waited for
	done     bool
	dropped  bool // it must be listed again
	reserved int  // of run.ahead
	panicked any  // what the listing panicked with, or nil
}

func newRun(w *Walk) *run {
	r := &run{Walk: w}
	r.ready.L, r.work.L = &r.mu, &r.mu
	return r
}

// end waits until no goroutine lists.
func (r *run) end() {
	r.ended.Store(true)
	r.mu.Lock()
	r.work.Broadcast()
	r.mu.Unlock()
	r.group.Wait()
}

// listInTurn lists a directory on this goroutine.
func (r *run) listInTurn(name string) *directory {
	if r.Stopped.Load() {
		return nil
	}
	d := &directory{name: name}
	start := time.Now()
	r.fill(d, r.List, func() bool { return true })
	spent := time.Since(start)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.measure(&r.timer, spent, d.listed) == tooFew {
		r.addHelper()
	}
	r.enter(d)
	return d
}

// enter makes d the directory whose subdirectories are visited next.
func (r *run) enter(d *directory) {
	if len(d.below) > 0 {
		r.path = append(r.path, d)
		r.wake()
	}
}

// next returns the next directory in order, listed; or nil if there is none, or the walk is
// stopped.
func (r *run) next() *directory {
	name, d := r.take()
	switch {
	case d == nil && name == "":
		return nil
	case d == nil || d.dropped:
		return r.listInTurn(name)
	case d.panicked != nil:
		panic(d.panicked)
	}
	return d
}

// take returns the name of the next directory in order, and the directory if a helper has
// listed it, for which take waits.
func (r *run) take() (name string, d *directory) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.path) > 0 && !r.Stopped.Load() {
		top := r.path[len(r.path)-1]
		if top.next == len(top.below) {
			r.path[len(r.path)-1] = nil
			r.path = r.path[:len(r.path)-1]
			continue
		}
		index := top.next
		top.next++
		if top.children != nil {
			d, top.children[index] = top.children[index], nil
		}
		if d == nil {
			return join(top.name, top.below[index]), nil
		}
		for d.inTurn = true; !d.done; {
			r.ready.Wait()
		}
		full := r.isFull()
		r.ahead -= d.reserved
		if full && !r.isFull() {
			r.wake()
		}
		if !d.dropped {
			r.enter(d)
		}
		return d.name, d
	}
	return "", nil
}

// isFull reports whether helpers must not begin to list another directory.
func (r *run) isFull() bool { return r.ahead >= maxAhead/2 }

// wake wakes a helper that waits, which wakes the next one if it finds something to list.
func (r *run) wake() {
	if r.idle > 0 {
		r.work.Signal()
	}
}

// addHelper starts a helper, unless there are enough.
func (r *run) addHelper() {
	if r.Ahead != nil && r.helpers+1 < r.AtOnce && !r.ended.Load() {
		r.helpers++
		r.group.Go(r.help)
	}
}

// help lists directories before their turn until there are no more, or this does not pay off.
func (r *run) help() {
	var timer listTimer
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.helpers-- }()
	for {
		d := r.claim()
		if d == nil && r.ended.Load() {
			return
		}
		if d == nil {
			r.idle++
			r.work.Wait()
			r.idle--
			continue
		}
		r.wake()
		r.mu.Unlock()
		start := time.Now()
		r.listAhead(d)
		spent := time.Since(start)
		r.mu.Lock()
		r.finish(d)
		switch result := r.measure(&timer, spent, d.listed); {
		case result == tooMany || d.err == ErrNotNow:
			return
		case result == tooFew:
			r.addHelper()
		}
	}
}

// claim returns the next directory in order that nobody has begun to list, or nil.
func (r *run) claim() *directory {
	if r.ended.Load() || r.Stopped.Load() || r.isFull() {
		return nil
	}
	for i := len(r.path) - 1; i >= 0; i-- {
		if d := r.path[i].claim(); d != nil {
			d.reserved = namesAtOnce
			r.ahead += d.reserved
			return d
		}
	}
	return nil
}

// claim returns the first directory below d that nobody has begun to list, or nil.
func (d *directory) claim() *directory {
	for d.cursor = max(d.cursor, d.next); d.cursor < len(d.below); d.cursor++ {
		if d.children == nil {
			d.children = make([]*directory, len(d.below))
		}
		child := d.children[d.cursor]
		if child == nil {
			child = &directory{name: join(d.name, d.below[d.cursor]), parent: d, index: d.cursor}
			d.children[d.cursor] = child
			d.cursor++
			return child
		}
		if !child.done {
			continue
		}
		if below := child.claim(); below != nil {
			return below
		}
	}
	return nil
}

// listAhead lists d before its turn.
func (r *run) listAhead(d *directory) {
	defer func() {
		if d.panicked = recover(); d.panicked != nil {
			d.items, d.below = nil, nil
		}
	}()
	room := true
	r.fill(d, r.Ahead, func() bool {
		room = len(d.items)+len(d.below) < d.reserved || r.reserve(d)
		return room && !r.ended.Load()
	})
	if !room || d.sum.Exhausted || d.err == ErrNotNow {
		d.dropped = true
		d.items, d.below = nil, nil
	}
}

// reserve lets d have more names. It reports false if too many names were listed before their
// turn. If d is waited for, it may have any number.
func (r *run) reserve(d *directory) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ahead+namesAtOnce > maxAhead && !d.inTurn {
		return false
	}
	d.reserved += namesAtOnce
	r.ahead += namesAtOnce
	return true
}

// finish notes that d was listed before its turn.
func (r *run) finish(d *directory) {
	d.done = true
	if d.dropped {
		r.ahead -= d.reserved
		d.reserved = 0
	}
	if d.inTurn {
		r.ready.Signal()
	}
	if len(d.below) == 0 {
		return
	}
	for child := d; child.parent != nil; child = child.parent {
		child.parent.cursor = min(child.parent.cursor, child.index)
	}
	r.wake()
}

// A listTimer measures whether a goroutine waits for the storage.
type listTimer struct {
	spent    time.Duration // on listing since the last measurement
	expected time.Duration // what that takes at most if the directories are in memory
}

// A result of a measurement says whether too few or too many goroutines list.
type result int

const (
	incomplete result = iota
	enough
	tooFew
	tooMany
)

// measure adds the time that it took to list a directory of so many names.
func (r *run) measure(t *listTimer, spent time.Duration, names int) result {
	t.spent += spent
	t.expected += directoryTime + time.Duration(names)*nameTime
	if t.spent < measureFor {
		return incomplete
	}
	processors, busy := runtime.GOMAXPROCS(0), r.helpers-r.idle+1
	waits := t.spent > waitFactor*t.expected*time.Duration(max(1, busy/processors))
	t.spent, t.expected = 0, 0
	switch {
	case waits:
		return tooFew
	case busy > processors:
		return tooMany
	}
	return enough
}
