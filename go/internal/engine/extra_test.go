package engine

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/limits"
)

func openTemporary(t *testing.T) *beneath.Root {
	t.Helper()
	dir, err := beneath.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir
}

func TestAListerAheadDoesNotWaitForThreadsOrDescriptors(t *testing.T) {
	limitThreadPool(t, 1)
	list := listerAhead(openTemporary(t))
	each := func(string, os.FileMode) bool { return true }
	if err := list(".", each); err != nil {
		t.Errorf("with a thread: %v", err)
	}
	if err := limits.Threads.Take(new(atomic.Bool)); err != nil {
		t.Fatal(err)
	}
	if err := list(".", each); err != beneath.ErrNotNow {
		t.Errorf("without a thread: got %v", err)
	}
	limits.Threads.Give()
	defer limits.Release(limits.Reserve(1000, true)) // all that there are
	if err := list(".", each); err != beneath.ErrNotNow {
		t.Errorf("while many files are open: got %v", err)
	}
	if taken := limits.Threads.Taken(); taken != 0 {
		t.Errorf("%d threads are taken", taken)
	}
}

func TestAWalkListsNoMoreDirectoriesAtOnceThanThereMayBeWorkers(t *testing.T) {
	for workers, want := range map[int]int{0: 32, 1: 1, 5: 5, 256: 32} {
		j := newJob("root", Options{Workers: workers})
		if got := j.walk(nil, 1, nil).AtOnce; got != want {
			t.Errorf("%d workers: got %d directories at once, want %d", workers, got, want)
		}
	}
}

func TestAPanicOfAListerAheadKeepsItsStackAndGivesBackWhatItHas(t *testing.T) {
	limitThreadPool(t, 1)
	dir, err := beneath.OpenRoot(write(t, map[string]string{"a": ""}))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	passed := make(chan any)
	go func() {
		defer func() { passed <- recover() }()
		listerAhead(dir)(".", failingKeep)
	}()
	value := <-passed
	func() {
		defer Contain(&err)
		panic(value)
	}()
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "boom" || !strings.Contains(err.Error(), "failingKeep") {
		t.Errorf("got %v", err)
	}
	if taken, open := limits.Threads.Taken(), limits.OpenFiles(); taken != 0 || open != 0 {
		t.Errorf("%d threads are taken, %d files are open", taken, open)
	}
}

func failingKeep(string, os.FileMode) bool { panic("boom") }

func TestTheSearchForExtraFilesWaitsUntilFilesAreDoneOrTheJobIsStopped(t *testing.T) {
	s := newStream(&Report{Files: 3}, BadResults)
	var free [3]int
	s.take(free[:], 0, 1)
	for _, test := range []struct {
		wait int64
		end  func()
	}{
		{2, func() { s.put([]numbered{{number: 0}, {number: 1}}) }},
		{100, s.stop},
	} {
		waited := make(chan struct{})
		go func() {
			s.awaitDone(test.wait)
			close(waited)
		}()
		select {
		case <-waited:
			t.Errorf("did not wait for %d files", test.wait)
		case <-time.After(20 * time.Millisecond):
		}
		test.end()
		<-waited
	}
	s.awaitDone(2) // they are done
}

func TestMoreExtraFilesThanAreHeldComeAfterTheListedOnes(t *testing.T) {
	const extra = maxHeld + 100
	files := map[string]string{"sha1sum.txt": listing(2), "0": "0", "1": "1"}
	for i := range extra {
		files["x"+strconv.Itoa(i)] = ""
	}
	j := begin(t, write(t, files), Options{Extra: FailExtra, Results: AllResults})
	results := collect(t, j, 1000)
	report, err := j.Outcome()
	if err != nil || report.Counts[OK] != 2 || report.Counts[Extra] != extra || report.Bad != extra {
		t.Fatalf("got %+v, %v", report, err)
	}
	for i, r := range results {
		if r.Place != i || (r.Status == Extra) != (i >= 2) {
			t.Fatalf("result %d: got %+v", i, r)
		}
	}
}

func TestAPanicInTheSearchForExtraFilesIsAnErrorOfTheJob(t *testing.T) {
	j, p := newReadyJob(t, listing(1), Options{Extra: FailExtra})
	finish := j.findExtra(nil, p, &discover.Found{}) // there is no directory to list
	var panicked *PanicError
	if err := finish(); !errors.As(err, &panicked) {
		t.Errorf("got %v", err)
	}
}
