package engine

import (
	"errors"
	"fmt"
	"runtime"
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
	"checksig/internal/manifest"
)

// within fails the test, and ends it, if work takes longer than limit.
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
		t.Fatal("it takes too long, or hangs")
	}
}

func TestACrewIsNeverLargerThanItMayBe(t *testing.T) {
	for range 50 {
		var now, most, all atomic.Int32
		within(t, 10*time.Second, func() {
			_ = run(64, 1000, func(c *crew, _ []handover) error {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				if all.Add(1) < 500 {
					c.join()
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

func TestEarlyFilesCountForTheWindow(t *testing.T) {
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

func TestAPanicGivesItsThreadBack(t *testing.T) {
	before := threads.taken
	_, err := check(t, listing(1), 1, func(string) (File, error) { panic("broken") })
	if err == nil || threads.taken != before {
		t.Errorf("got %v; %d threads are taken, %d were", err, threads.taken, before)
	}
}

func TestACancelledRunOpensNothingMore(t *testing.T) {
	j, p := newRun(t, listing(1000), Options{Workers: 1})
	opened := 0
	err := j.checkAll(p, func(string) (File, error) {
		if opened++; opened == 3 {
			j.Cancel()
		}
		return nil, beneath.ErrMissing
	})
	if err != nil || opened != 3 {
		t.Errorf("got %v; %d files opened, 3 when it was cancelled", err, opened)
	}
}

func TestAWorkerKeepsFewFilesOpenWhereManyAre(t *testing.T) {
	content := strings.Repeat("x", 3*bufferSize)
	var list strings.Builder
	for i := range 1500 {
		list.WriteString(listed(strconv.Itoa(i), content))
	}
	for _, workers := range []int{1, 64} {
		var now, most atomic.Int64
		_, err := check(t, list.String(), workers, func(string) (File, error) {
			file := newFake(content)
			file.closed = func() { now.Add(-1) }
			most.Store(max(most.Load(), now.Add(1)))
			return &hookedFile{file, func() { time.Sleep(20 * time.Microsecond) }}, nil
		})
		if limit := max(int64(workers), min(openBudget(), 32*int64(workers))) + 64; err != nil || most.Load() > limit {
			t.Errorf("%d workers: %v; %d files open at once, want at most %d", workers, err, most.Load(), limit)
		}
	}
}

func TestToHashIsNotToWait(t *testing.T) {
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
	p := makePlan(sources{{Manifest: m}}, new(atomic.Bool))
	j := newJob("root", Options{})
	j.results = newStream(&Report{Files: 60}, NoResults)
	close(j.ready)
	var mu sync.Mutex
	workers := map[string]bool{}
	err = j.checkAll(p, func(string) (File, error) {
		mu.Lock()
		defer mu.Unlock()
		workers[goroutine()] = true
		return newFake(content), nil
	})
	if err != nil || j.results.report.Counts[OK] != 60 || len(workers) > 3 {
		t.Errorf("got %v, %v; %d workers", err, j.results.report.Counts, len(workers))
	}
}

// scarce makes the pool have so many threads, and no more.
func scarce(t *testing.T, capacity int) {
	t.Helper()
	saved := threads
	t.Cleanup(func() { threads = saved })
	threads = &threadPool{capacity: capacity, retry: time.Now().Add(time.Hour)}
}

func TestWhoWaitsForADescriptorHoldsNoThread(t *testing.T) {
	scarce(t, 1)
	content := strings.Repeat("x", 3*bufferSize)
	var list strings.Builder
	for i := range 200 {
		list.WriteString(listed(strconv.Itoa(i), content))
	}
	var open atomic.Int64
	within(t, 30*time.Second, func() {
		results, err := check(t, list.String(), 2, func(string) (File, error) {
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

func TestThreadsGoToThoseWhoWaitInTurn(t *testing.T) {
	pool := &threadPool{capacity: 1, retry: time.Now().Add(time.Hour)}
	stopped := new(atomic.Bool)
	if err := pool.take(stopped); err != nil {
		t.Fatal(err)
	}
	order := make(chan int, 3)
	for i := range 3 {
		go func() {
			if err := pool.take(stopped); err != nil {
				t.Error(err)
			}
			order <- i
			pool.give()
		}()
		for waiting := 0; waiting <= i; {
			pool.mu.Lock()
			waiting = len(pool.queue)
			pool.mu.Unlock()
			runtime.Gosched()
		}
	}
	pool.give()
	if got := []int{<-order, <-order, <-order}; !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("got %v", got)
	}
}

func TestWhoWaitsForAThreadSeesThatItIsToStop(t *testing.T) {
	scarce(t, 1)
	stopped := new(atomic.Bool)
	if err := threads.take(stopped); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { stopped.Store(true) })
	within(t, 10*time.Second, func() {
		if err := threads.take(stopped); !errors.Is(err, errStopped) {
			t.Errorf("got %v, want %v", err, errStopped)
		}
	})
	threads.give()
	if threads.taken != 0 || len(threads.queue) != 0 {
		t.Errorf("%d are taken, %d wait", threads.taken, len(threads.queue))
	}
}

func TestNothingIsAskedOfTheSystemWithoutAThread(t *testing.T) {
	scarce(t, 2)
	j, p := newRun(t, listing(3000), Options{Workers: 2})
	var without, asked atomic.Int64
	ask := func() {
		threads.mu.Lock()
		defer threads.mu.Unlock()
		asked.Add(1)
		if threads.taken == 0 {
			without.Add(1)
		}
	}
	j.size = func(string) (int64, error) { ask(); return 1, nil }
	err := j.checkAll(p, func(name string) (File, error) {
		ask()
		time.Sleep(100 * time.Microsecond)
		return newFake(name), nil
	})
	if err != nil || without.Load() != 0 || asked.Load() <= 3000 {
		t.Errorf("got %v; %d of %d questions without a thread", err, without.Load(), asked.Load())
	}
}
