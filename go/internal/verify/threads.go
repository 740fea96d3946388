package verify

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
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
var threads = newThreadPool()

type threadPool struct {
	mu       sync.Mutex
	given    *sync.Cond
	capacity int // how many may be taken at once
	taken    int
	retry    time.Time // when to try for more
}

func newThreadPool() *threadPool {
	t := &threadPool{}
	t.given = sync.NewCond(&t.mu)
	return t
}

// take takes a thread, which give gives back; it waits while all are taken. Its
// error, when there is none at all, wraps EAGAIN.
func (t *threadPool) take() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.taken >= t.capacity {
		if t.capacity < maxThreads && !time.Now().Before(t.retry) {
			t.grow()
			continue
		}
		if t.capacity == 0 {
			return tooFewThreads()
		}
		t.given.Wait()
	}
	t.taken++
	return nil
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
	t.taken--
	t.given.Signal()
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
