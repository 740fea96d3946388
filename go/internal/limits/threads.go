// Package limits shares out what this process may have few of, its threads and its file
// descriptors, and waits where they have run out.
//
// The Go runtime ends the process when it wants a thread, or a descriptor for its
// poller, and gets none. So [Threads] makes the runtime start threads before they are
// needed, and [PrimePoller] makes it open its poller.
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

// Threads is the pool from which every goroutine of this process that may wait for a disk
// takes a thread. A test may put another one here.
var Threads = &ThreadPool{}

// A ThreadPool counts threads that the Go runtime has already started, as many as may be
// taken at once. Go never gives a thread back.
type ThreadPool struct {
	mu       sync.Mutex
	capacity int // how many may be taken at once
	taken    int
	queue    []chan struct{} // those who wait; closed for the first when a thread is its own
	retry    time.Time       // when to try for more
}

// UseFewThreads makes all runs share two threads, which are not made first: it is
// for a process whose end is no harm, and that has got too few.
func UseFewThreads() {
	Threads = NewThreadPool(2)
}

// NewThreadPool returns a pool with that capacity, which never grows. Its threads are not
// started in advance.
func NewThreadPool(capacity int) *ThreadPool {
	const forever = 1 << 62
	return &ThreadPool{capacity: capacity, retry: time.Now().Add(forever)}
}

// stopPoll is how often one who waits for a thread looks whether to stop.
const stopPoll = 20 * time.Millisecond

// Take takes a thread, which Give gives back; while all are taken it waits for its
// turn. Its error wraps EAGAIN if there is none at all; it is [beneath.ErrStopped] if
// stopped is set while it waits.
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

// takeOrQueue takes a thread, or a place in the queue.
func (t *ThreadPool) takeOrQueue() (turn chan struct{}, err error) {
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

// unqueue gives up a place in the queue. It reports false if the turn has come.
func (t *ThreadPool) unqueue(turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := slices.Index(t.queue, turn)
	if at >= 0 {
		t.queue = slices.Delete(t.queue, at, at+1)
	}
	return at >= 0
}

// sleep sleeps without the thread that the caller has taken, and takes one again.
func (t *ThreadPool) sleep(pause time.Duration) {
	t.Give()
	time.Sleep(pause)
	if turn, _ := t.takeOrQueue(); turn != nil {
		<-turn
	}
}

// TryTake takes a thread if one is free. It reports whether one was.
func (t *ThreadPool) TryTake() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken >= t.capacity {
		return false
	}
	t.taken++
	return true
}

// Give gives back a thread, to the goroutine that has waited longest.
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

// grow makes the runtime have more threads, if it may.
func (t *ThreadPool) grow() {
	want := min(max(firstThreads, 2*t.capacity), maxThreads)
	t.capacity = max(t.capacity, startThreads(ownThreads()+want)-ownThreads())
	if t.capacity < want {
		t.retry = time.Now().Add(growPause)
	}
}

// processors is for how many processors the runtime may start threads at once.
func processors() int { return max(runtime.NumCPU(), runtime.GOMAXPROCS(0)) }

// ownThreads is how many the runtime may want beside those in system calls.
func ownThreads() int { return processors() + 4 }

// headroom is how many threads stay free for the process around the runtime, and for
// the runtime itself while it is made to have more.
func headroom() int { return processors() + 16 }

// startThreads makes the runtime have n threads, if it may, and returns how many it has.
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
	return &beneath.Error{Reason: fmt.Sprintf(reason, ownThreads()+1+headroom()), Err: syscall.EAGAIN}
}
