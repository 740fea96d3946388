// Package limits keeps the process within its limits on threads and file descriptors. It
// waits while they have run out.
//
// The Go runtime ends the process if it cannot start a thread, or cannot get a descriptor for
// its poller. So [Threads] makes the runtime start threads before they are needed, and
// [PrimePoller] makes it open its poller.
package limits

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

// SpareThreads returns how many more threads this process may start now, at most n. Package
// main replaces it. The default knows no limit.
var SpareThreads = func(n int) int { return n }

const (
	// maxThreads is how many goroutines of all jobs may wait for a disk at once. Go ends the
	// process at 10,000 threads.
	maxThreads = 512

	// firstThreads is the capacity that a pool gets first. It doubles when all are taken.
	firstThreads = 8

	// growPause is how long a pool that got too few threads waits before it tries to grow.
	growPause = 30 * time.Second
)

// Threads is the pool of this process. Every goroutine that may wait for a disk takes a
// thread from it first. A test may replace it.
var Threads = &ThreadPool{}

// A ThreadPool counts the threads that the Go runtime has started and that may wait for a
// disk. The runtime never ends a thread, so a thread that was started stays available.
type ThreadPool struct {
	mu       sync.Mutex
	capacity int // how many may be taken at once
	taken    int
	queue    []chan struct{} // of waiting goroutines; the first is closed to hand it a thread
	retry    time.Time       // when to try to grow again
}

// few is whether UseFewThreads was called.
var few bool

// UseFewThreads makes all jobs share two threads, which are not started in advance. It is for
// a process that may have only few threads, and whose sudden end does no harm.
func UseFewThreads() {
	few = true
	Threads = NewThreadPool(2)
}

// NewThreadPool returns a pool with that capacity, which never grows. Its threads are not
// started in advance.
func NewThreadPool(capacity int) *ThreadPool {
	const forever = 1 << 62
	return &ThreadPool{capacity: capacity, retry: time.Now().Add(forever)}
}

// stopPoll is how often a goroutine that waits for a thread checks whether to stop.
const stopPoll = 20 * time.Millisecond

// Take takes a thread, which the caller must give back with Give. While all are taken, it
// waits for its turn. Its error wraps EAGAIN if the process has no thread to spare at all, and
// is [beneath.ErrStopped] if stopped is set while it waits.
func (t *ThreadPool) Take(stopped *atomic.Bool) error {
	turn, err := t.takeOrQueue()
	if turn == nil {
		return err
	}
	look := time.NewTicker(stopPoll)
	defer look.Stop()
	for {
		select {
		case <-turn:
			return nil
		case <-look.C:
			if stopped.Load() && t.unqueue(turn) {
				return beneath.ErrStopped
			}
		}
	}
}

// takeOrQueue takes a thread and returns nil, or joins the queue and returns a channel that is
// closed once a thread is handed over.
func (t *ThreadPool) takeOrQueue() (turn chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.growIfNeeded()
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

// unqueue leaves the queue. It reports false if a thread has been handed over already.
func (t *ThreadPool) unqueue(turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.queue, turn)
	if at >= 0 {
		t.queue = slices.Delete(t.queue, at, at+1)
	}
	return at >= 0
}

// sleep gives back the thread that the caller has taken, sleeps, and takes one again.
func (t *ThreadPool) sleep(pause time.Duration) {
	t.Give()
	time.Sleep(pause)
	if turn, _ := t.takeOrQueue(); turn != nil {
		<-turn
	}
}

// TryTake takes a thread if one is free or can be started. It reports whether it took one.
func (t *ThreadPool) TryTake() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.growIfNeeded()
	if t.taken >= t.capacity {
		return false
	}
	t.taken++
	return true
}

// Give gives back a thread. If goroutines wait, it hands the thread to the first one.
func (t *ThreadPool) Give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) > 0 {
		close(t.queue[0])
		t.queue = t.queue[1:]
		return
	}
	t.taken--
}

// Taken returns how many threads are taken.
func (t *ThreadPool) Taken() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.taken
}

// growIfNeeded makes the pool grow if all threads are taken.
func (t *ThreadPool) growIfNeeded() {
	if t.taken >= t.capacity && t.capacity < maxThreads && !time.Now().Before(t.retry) {
		t.grow()
	}
}

// grow makes the runtime start more threads, as far as the process's limits allow.
func (t *ThreadPool) grow() {
	want := min(max(firstThreads, 2*t.capacity), maxThreads)
	t.capacity = max(t.capacity, startThreads(ownThreads()+want)-ownThreads())
	if t.capacity < want {
		t.retry = time.Now().Add(growPause)
	}
}

// processors returns the largest number of processors for which the runtime may start
// threads.
func processors() int { return max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }

// ownThreads returns how many threads the runtime may need besides those in system calls.
func ownThreads() int { return processors() + 4 }

// headroom returns how many threads must stay available to the rest of the process, and to
// the runtime while it starts more.
func headroom() int { return processors() + 16 }

// startThreads makes the runtime have n threads, as far as the process's limits allow, and
// returns how many it has.
func startThreads(n int) (have int) {
	have = runtimeThreads()
	if have < n {
		n = have + max(0, SpareThreads(n-have+headroom())-headroom())
	}
	gate := make(chan struct{})
	defer close(gate)
	for have < n {
		ready := make(chan struct{})
		go func() {
			runtime.LockOSThread() // so it waits on its own thread
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
	const reason = "too few threads: checksig needs %d, but the limit on processes (ulimit -u or the container's) leaves fewer"
	return &beneath.Error{Reason: fmt.Sprintf(reason, ownThreads()+1+headroom()), Err: syscall.EAGAIN}
}
