package engine

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"checksig/internal/beneath"
)

// SpareThreads returns how many of n more threads this process may have at once.
// Package main sets it; without it no limit is known.
var SpareThreads = func(n int) int { return n }

const (
	// maxThreads is how many goroutines of all runs may be in system calls that wait
	// for a disk: Go ends the process at 10,000 threads.
	maxThreads = 512

	// firstThreads are made at first: more are when they are taken.
	firstThreads = 8

	// growPause is how long after too few threads were to be had more are tried for.
	growPause = 30 * time.Second
)

// threads is what the goroutines that wait for a disk take one of, each. The Go
// runtime ends the process when it wants a thread and gets none: so the threads are
// made first, as many as are taken at once, and Go never gives one back.
var threads = &threadPool{}

type threadPool struct {
	mu       sync.Mutex
	capacity int // how many may be taken at once
	taken    int
	queue    []chan struct{} // those who wait; closed for the first when a thread is its own
	retry    time.Time       // when to try for more
}

// UseFewThreads makes all runs share two threads, which are not made first: it is
// for a process whose end is no harm, and that has got too few.
func UseFewThreads() {
	const forever = 1 << 62
	threads.mu.Lock()
	defer threads.mu.Unlock()
	threads.capacity, threads.retry = 2, time.Now().Add(forever)
}

// stopLook is how often one who waits for a thread looks whether to stop.
const stopLook = 20 * time.Millisecond

// take takes a thread, which give gives back; while all are taken it waits for its
// turn. Its error, when there is none at all, wraps EAGAIN; it is errStopped when
// stopped is set.
func (t *threadPool) take(stopped *atomic.Bool) error {
	turn, err := t.enter()
	if turn == nil {
		return err
	}
	look := time.NewTicker(stopLook)
	defer look.Stop()
	for {
		select {
		case <-turn:
			return nil
		case <-look.C:
			if stopped.Load() && t.leave(turn) {
				return errStopped
			}
		}
	}
}

// enter takes a thread, or a place in the queue.
func (t *threadPool) enter() (turn chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken >= t.capacity && t.capacity < maxThreads && !time.Now().Before(t.retry) {
		t.grow()
	}
	switch {
	case t.capacity == 0:
		return nil, tooFewThreads()
	case t.taken < t.capacity && len(t.queue) == 0:
		t.taken++
		return nil, nil
	}
	turn = make(chan struct{})
	t.queue = append(t.queue, turn)
	return turn, nil
}

// leave gives up a place in the queue. It reports false if the turn has come.
func (t *threadPool) leave(turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.queue, turn)
	if at >= 0 {
		t.queue = slices.Delete(t.queue, at, at+1)
	}
	return at >= 0
}

// rest sleeps without the thread that the caller has taken, and takes one again.
func (t *threadPool) rest(pause time.Duration) {
	t.give()
	time.Sleep(pause)
	if turn, _ := t.enter(); turn != nil {
		<-turn
	}
}

// takeAtOnce is take that does not wait. It reports whether there was one.
func (t *threadPool) takeAtOnce() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken >= t.capacity {
		return false
	}
	t.taken++
	return true
}

func (t *threadPool) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) > 0 {
		close(t.queue[0])
		t.queue = t.queue[1:]
		return
	}
	t.taken--
}

// grow makes the runtime have more threads, if it may.
func (t *threadPool) grow() {
	want := min(max(firstThreads, 2*t.capacity), maxThreads)
	t.capacity = max(t.capacity, secure(ownThreads()+want)-ownThreads())
	if t.capacity < want {
		t.retry = time.Now().Add(growPause)
	}
}

// processors is for how many processors the runtime may start threads at once.
func processors() int { return max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }

// ownThreads is how many the runtime may want beside those in system calls.
func ownThreads() int { return processors() + 4 }

// slack is how many threads stay free for the process around the runtime, and for
// the runtime itself while it is made to have more.
func slack() int { return processors() + 16 }

// secure makes the runtime have n threads, if it may, and returns how many it has.
func secure(n int) (have int) {
	have = runtimeThreads()
	if have < n {
		n = have + max(0, SpareThreads(n-have+slack())-slack())
	}
	gate := make(chan struct{})
	defer close(gate)
	for have < n {
		ready := make(chan struct{})
		go func() {
			runtime.LockOSThread() // it waits on a thread of its own
			defer runtime.UnlockOSThread()
			close(ready)
			<-gate
		}()
		<-ready
		have = runtimeThreads()
	}
	return have
}

// runtimeThreads returns how many threads the runtime has.
func runtimeThreads() int {
	sample := []metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

func tooFewThreads() error {
	const reason = "too few threads: checksig needs %d, and the limit on processes (ulimit -u, or the container's) leaves fewer"
	return &beneath.Error{Reason: fmt.Sprintf(reason, ownThreads()+1+slack()), Err: syscall.EAGAIN}
}
