package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/discover"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

// within fails the test and ends it if work takes longer than limit.
func within(t *testing.T, limit time.Duration, work func()) {
	t.Helper()
	done := make(chan bool)
	go func() {
		defer close(done)
		work()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatal("it takes too long or hangs")
	}
}

func TestAPoolStaysWithinItsLimit(t *testing.T) {
	for range 50 {
		var now, most, all atomic.Int32
		within(t, 10*time.Second, func() {
			_ = runPool(64, 1000, func(p *pool, _ []stolenFile) error {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				if all.Add(1) < 500 {
					p.addWorker()
				}
				time.Sleep(time.Millisecond)
				now.Add(-1)
				return nil
			})
		})
		if got := most.Load(); got > 64 || got < 32 {
			t.Fatalf("got %d workers at once, want 64", got)
		}
	}
}

func TestFilesHandedOutEarlyCountForTheWindow(t *testing.T) {
	s := newStream(&Report{Files: 100}, NoResults)
	s.ring = s.ring[:10]
	var free [32]int
	var got []int
	s.take(free[:1], 0, 1)
	s.prefer([]int{9, 8, 7})
	got = append(got, free[0])
	for n := -1; n != 0; {
		n = s.take(free[:], 1, 1)
		got = append(got, free[:n]...)
	}
	slices.Sort(got)
	if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("handed out: %v, want %v", got, want)
	}
}

func TestAPanickingWorkerGivesItsThreadBack(t *testing.T) {
	before := limits.Threads.Taken()
	_, err := check(t, listing(1), 1, func(string) (beneath.File, error) { panic("broken") })
	if err == nil || limits.Threads.Taken() != before {
		t.Errorf("got %v; %d threads are taken, %d were", err, limits.Threads.Taken(), before)
	}
}

func TestACancelledJobOpensNoMoreFiles(t *testing.T) {
	j, p := newReadyJob(t, listing(1000), Options{Workers: 1})
	opened := 0
	err := verifyFakes(j, p, func(string) (beneath.File, error) {
		if opened++; opened == 3 {
			j.Cancel()
		}
		return nil, beneath.ErrMissing
	})
	if err != nil || opened != 3 {
		t.Errorf("got %v; opened %d files, of which 3 before it was cancelled", err, opened)
	}
}

func TestWorkersOpenFewFilesWhileManyAreOpen(t *testing.T) {
	content := strings.Repeat("x", 3*beneath.PieceSize)
	var list strings.Builder
	for i := range 1500 {
		list.WriteString(listed(strconv.Itoa(i), content))
	}
	for _, workers := range []int{1, 64} {
		var now, most atomic.Int64
		_, err := check(t, list.String(), workers, func(string) (beneath.File, error) {
			file := newFake(content)
			file.closed = func() { now.Add(-1) }
			most.Store(max(most.Load(), now.Add(1)))
			return &hookedFile{file, func() { time.Sleep(20 * time.Microsecond) }}, nil
		})
		if limit := max(int64(workers), min(256, 32*int64(workers))) + 64; err != nil || most.Load() > limit {
			t.Errorf("%d workers: %v; %d files open at once, want at most %d", workers, err, most.Load(), limit)
		}
	}
}

func TestHashingTimeDoesNotCountAsWaitingForStorage(t *testing.T) {
	onTwoCores(t)
	algorithm := digest.ByName("sha3-512")
	content := strings.Repeat("x", 2<<20)
	state := algorithm.New()
	state.Write([]byte(content))
	var list strings.Builder
	for i := range 60 {
		list.WriteString(fmt.Sprintf("%x  %d\n", state.Sum(nil), i))
	}
	m, err := manifest.Parse(list.String(), manifest.Options{Algorithm: algorithm}, new(atomic.Bool))
	if err != nil {
		t.Fatal(err)
	}
	p := makePlan(discover.Sources{{Manifest: m}}, new(atomic.Bool))
	j := newJob("root", Options{})
	j.results = newStream(&Report{Files: 60}, NoResults)
	close(j.ready)
	var mu sync.Mutex
	workers := map[string]bool{}
	err = verifyFakes(j, p, func(string) (beneath.File, error) {
		mu.Lock()
		defer mu.Unlock()
		workers[goroutine()] = true
		return newFake(content), nil
	})
	if err != nil || j.results.report.Counts[OK] != 60 || len(workers) > 3 {
		t.Errorf("got %v, %v; %d workers", err, j.results.report.Counts, len(workers))
	}
}

// limitThreadPool replaces the pool of threads by one that never grows during a test.
func limitThreadPool(t *testing.T, capacity int) {
	t.Helper()
	saved := limits.Threads
	t.Cleanup(func() { limits.Threads = saved })
	limits.Threads = limits.NewThreadPool(capacity)
}

func TestAWorkerThatWaitsForADescriptorHoldsNoThread(t *testing.T) {
	limitThreadPool(t, 1)
	content := strings.Repeat("x", 3*beneath.PieceSize)
	var list strings.Builder
	for i := range 200 {
		list.WriteString(listed(strconv.Itoa(i), content))
	}
	var open atomic.Int64
	within(t, 30*time.Second, func() {
		results, err := check(t, list.String(), 2, func(string) (beneath.File, error) {
			if open.Add(1) > 8 {
				open.Add(-1)
				return nil, syscall.EMFILE
			}
			file := newFake(content)
			file.closed = func() { open.Add(-1) }
			return file, nil
		})
		if err != nil || len(results) != 0 {
			t.Errorf("got %v, %v", results, err)
		}
	})
}

func TestWorkersUseTheFileSystemOnlyWithAThread(t *testing.T) {
	limitThreadPool(t, 2)
	j, p := newReadyJob(t, listing(3000), Options{Workers: 2})
	var without, asked atomic.Int64
	ask := func() {
		asked.Add(1)
		if limits.Threads.Taken() == 0 {
			without.Add(1)
		}
	}
	j.size = func(string) (int64, error) { ask(); return 1, nil }
	err := verifyFakes(j, p, func(name string) (beneath.File, error) {
		ask()
		time.Sleep(100 * time.Microsecond)
		return newFake(name), nil
	})
	if err != nil || without.Load() != 0 || asked.Load() <= 3000 {
		t.Errorf("got %v; %d of %d calls without a thread", err, without.Load(), asked.Load())
	}
}

func TestAJobThatGetsNoThreadIsAnError(t *testing.T) {
	limitThreadPool(t, 0)
	_, err := Run(t.TempDir(), Options{})
	var refused *beneath.OSError
	if !errors.As(err, &refused) || refused.Reason() == "" || !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("got %v", err)
	}
}
