package verify

import (
	"errors"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// limitThreads lets the process have n threads more, for the time of a test.
func limitThreads(t *testing.T, n int) {
	t.Helper()
	before := SpareThreads
	t.Cleanup(func() { SpareThreads = before })
	SpareThreads = func(wanted int) int { return min(n, wanted) }
}

func TestAPoolPromisesNoMoreThreadsThanThereAre(t *testing.T) {
	const left = 10
	limitThreads(t, left+spareThreads)
	var pool threadPool
	if _, err := pool.take(1); err != nil {
		t.Fatal(err)
	}
	have := runtimeThreads()
	limitThreads(t, left+spareThreads) // of those the pool has made now
	granted, err := pool.take(1000)
	if want := have + left - ownThreads() - 1; err != nil || granted != want {
		t.Errorf("got %d threads, %v; want %d", granted, err, want)
	}
	limitThreads(t, 0)
	if _, err := pool.take(1); !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %v, want EAGAIN", err)
	}
	if granted := pool.takeWorkers(0, 100); granted != 0 {
		t.Errorf("got %d workers, want 0", granted)
	}
	pool.give(1)
	if granted, err := pool.take(5); granted != 1 || err != nil {
		t.Errorf("got %d, %v of 1 thread that was given back", granted, err)
	}
}

func TestTheRuntimeHasTheThreadsThatAreSecured(t *testing.T) {
	n := runtimeThreads() + 20
	if have := secure(n); have < n {
		t.Fatalf("got %d threads, want %d", have, n)
	}
	limitThreads(t, 0)
	if have := secure(n); have < n {
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
	if have := runtimeThreads(); have > n+spareThreads {
		t.Errorf("15 goroutines on threads of their own made %d of %d threads", have, n)
	}
}

func TestWorkersAreAsManyAsAskedOrAsPayOff(t *testing.T) {
	var pool threadPool
	for _, c := range []struct{ asked, files, want int }{
		{1, 100, 0}, {3, 100, 2}, {3, 2, 1}, {0, 1, 0}, {0, 1000, max(runtime.GOMAXPROCS(0), minWorkers) - 1},
		{1000, 1000, maxWorkers - 1},
	} {
		granted := pool.takeWorkers(c.asked, c.files)
		if granted != c.want {
			t.Errorf("workers %d for %d files: got %d, want %d", c.asked, c.files, granted, c.want)
		}
		pool.give(granted)
	}
	pool.promised = manyWorkers
	if granted := pool.takeWorkers(0, 100); granted != 0 {
		t.Errorf("got %d workers beside %d others, want 0", granted, manyWorkers)
	}
	if granted := pool.takeWorkers(3, 100); granted != 2 {
		t.Errorf("got %d workers, of 2 that were asked for", granted)
	}
}

func TestARunWithoutAThreadIsAnError(t *testing.T) {
	defer func(n int) { threads.promised = n }(threads.promised)
	threads.promised += 1 << 20
	limitThreads(t, 0)
	_, err := Run(t.TempDir(), Options{})
	var refused *OSError
	if !errors.As(err, &refused) || refused.Reason() == "" || !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %v", err)
	}
}
