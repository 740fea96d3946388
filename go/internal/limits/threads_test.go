package limits

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"checksig/internal/beneath"
)

// limitThreads lets the process start at most n more threads during a test.
func limitThreads(t *testing.T, n int) {
	t.Helper()
	before := SpareThreads
	t.Cleanup(func() { SpareThreads = before })
	SpareThreads = func(wanted int) int { return min(n, wanted) }
}

func TestAPoolWaitsForAThreadAndFailsIfThereIsNone(t *testing.T) {
	limitThreads(t, 0)
	pool := NewThreadPool(3)
	var most, now atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := pool.Take(new(atomic.Bool)); err != nil {
				t.Error(err)
			}
			for n := now.Add(1); n > most.Load(); {
				most.Store(n)
			}
			time.Sleep(time.Millisecond)
			now.Add(-1)
			pool.Give()
		})
	}
	all.Wait()
	if most.Load() > 3 || pool.taken != 0 {
		t.Errorf("%d of 3 threads were taken at once, %d still are", most.Load(), pool.taken)
	}
	pool.capacity = 0
	if err := pool.Take(new(atomic.Bool)); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %v, want EAGAIN", err)
	}
}

func TestTryTakeStartsThreadsButDoesNotWait(t *testing.T) {
	pool := &ThreadPool{}
	for i := range 20 {
		if !pool.TryTake() {
			t.Fatalf("took %d threads of %d", i, pool.capacity)
		}
	}
	if have := runtimeThreads(); have < pool.capacity+ownThreads() {
		t.Errorf("the capacity is %d, and there are %d threads", pool.capacity, have)
	}
	pool = NewThreadPool(1)
	if !pool.TryTake() || pool.TryTake() || pool.taken != 1 {
		t.Errorf("%d threads are taken", pool.taken)
	}
}

func TestAPoolGrowsAsFarAsTheProcessMayHaveThreads(t *testing.T) {
	pool := &ThreadPool{}
	for range 20 {
		if err := pool.Take(new(atomic.Bool)); err != nil {
			t.Fatal(err)
		}
	}
	if have := runtimeThreads(); pool.capacity < 20 || have < pool.capacity+ownThreads() {
		t.Errorf("the capacity is %d, and there are %d threads", pool.capacity, have)
	}
	limitThreads(t, headroom()+2)
	before := pool.capacity
	pool.grow()
	if got := runtimeThreads() - ownThreads(); pool.capacity > got {
		t.Errorf("the capacity is %d, of %d threads", pool.capacity, got)
	}
	if pool.capacity < before || !time.Now().Before(pool.retry) {
		t.Errorf("the capacity went from %d to %d, and the next try is at %v", before, pool.capacity, pool.retry)
	}
}

func TestTheRuntimeHasTheThreadsThatWereStarted(t *testing.T) {
	n := runtimeThreads() + 20
	if have := startThreads(n); have < n {
		t.Fatalf("got %d threads, want %d", have, n)
	}
	limitThreads(t, 0)
	if have := startThreads(n + 100); have < n || have > n+headroom() {
		t.Errorf("got %d threads, had %d before", have, n)
	}
	var all, ready sync.WaitGroup
	ready.Add(15)
	for range 15 {
		all.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			ready.Wait()
		})
	}
	all.Wait()
	if have := runtimeThreads(); have > n+headroom() {
		t.Errorf("15 goroutines on their own threads made the runtime have %d threads instead of %d", have, n)
	}
}

func TestThreadsAreHandedOverInTheOrderOfWaiting(t *testing.T) {
	pool := NewThreadPool(1)
	stopped := new(atomic.Bool)
	if err := pool.Take(stopped); err != nil {
		t.Fatal(err)
	}
	order := make(chan int, 3)
	for i := range 3 {
		go func() {
			if err := pool.Take(stopped); err != nil {
				t.Error(err)
			}
			order <- i
			pool.Give()
		}()
		for waiting := 0; waiting <= i; {
			pool.mu.Lock()
			waiting = len(pool.queue)
			pool.mu.Unlock()
			runtime.Gosched()
		}
	}
	pool.Give()
	if got := []int{<-order, <-order, <-order}; !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("got %v", got)
	}
}

func TestAGoroutineThatWaitsForAThreadCanBeStopped(t *testing.T) {
	pool := NewThreadPool(1)
	stopped := new(atomic.Bool)
	if err := pool.Take(stopped); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { stopped.Store(true) })
	ended := make(chan error, 1)
	go func() { ended <- pool.Take(stopped) }()
	select {
	case err := <-ended:
		if !errors.Is(err, beneath.ErrStopped) {
			t.Errorf("got %v, want %v", err, beneath.ErrStopped)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Take does not notice that it was stopped")
	}
	pool.Give()
	if pool.taken != 0 || len(pool.queue) != 0 {
		t.Errorf("%d threads are taken, %d goroutines wait", pool.taken, len(pool.queue))
	}
}
