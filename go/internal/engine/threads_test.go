package engine

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// limitThreads lets the process have n threads more, for the time of a test.
func limitThreads(t *testing.T, n int) {
	t.Helper()
	before := SpareThreads
	t.Cleanup(func() { SpareThreads = before })
	SpareThreads = func(wanted int) int { return min(n, wanted) }
}

func TestAPoolWaitsForAThreadAndFailsWithoutAny(t *testing.T) {
	limitThreads(t, 0)
	pool := &threadPool{}
	pool.capacity = 3
	pool.retry = time.Now().Add(time.Hour)
	var most, now atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := pool.take(new(atomic.Bool)); err != nil {
				t.Error(err)
			}
			for n := now.Add(1); n > most.Load(); {
				most.Store(n)
			}
			time.Sleep(time.Millisecond)
			now.Add(-1)
			pool.give()
		})
	}
	all.Wait()
	if most.Load() > 3 || pool.taken != 0 {
		t.Errorf("%d of 3 threads were taken at once, %d still are", most.Load(), pool.taken)
	}
	pool.capacity = 0
	if err := pool.take(new(atomic.Bool)); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %v, want EAGAIN", err)
	}
}

func TestAPoolGrowsAsFarAsThereAreThreads(t *testing.T) {
	pool := &threadPool{}
	for range 20 {
		if err := pool.take(new(atomic.Bool)); err != nil {
			t.Fatal(err)
		}
	}
	if have := runtimeThreads(); pool.capacity < 20 || have < pool.capacity+ownThreads() {
		t.Errorf("the capacity is %d, and there are %d threads", pool.capacity, have)
	}
	limitThreads(t, slack()+2)
	before := pool.capacity
	pool.grow()
	if got := runtimeThreads() - ownThreads(); pool.capacity > got {
		t.Errorf("the capacity is %d, of %d threads", pool.capacity, got)
	}
	if pool.capacity < before || !time.Now().Before(pool.retry) {
		t.Errorf("the capacity went from %d to %d, and is tried again at %v", before, pool.capacity, pool.retry)
	}
}

func TestTheRuntimeHasTheThreadsThatAreSecured(t *testing.T) {
	n := runtimeThreads() + 20
	if have := secure(n); have < n {
		t.Fatalf("got %d threads, want %d", have, n)
	}
	limitThreads(t, 0)
	if have := secure(n + 100); have < n || have > n+slack() {
		t.Errorf("got %d threads, %d were there", have, n)
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
	if have := runtimeThreads(); have > n+slack() {
		t.Errorf("15 goroutines on threads of their own made %d of %d threads", have, n)
	}
}

func TestARunWithoutAThreadIsAnError(t *testing.T) {
	defer func(pool *threadPool) { threads = pool }(threads)
	threads = &threadPool{}
	threads.retry = time.Now().Add(time.Hour)
	_, err := Run(t.TempDir(), Options{})
	var refused *OSError
	if !errors.As(err, &refused) || refused.Reason() == "" || !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %v", err)
	}
}
