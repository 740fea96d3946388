package limits

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"checksig/internal/beneath"
)

// A fakeFile can only be closed.
type fakeFile struct{ beneath.File }

func (fakeFile) Close() error { return nil }

// setFree makes descriptors free, or not, during a test.
func setFree(t *testing.T, free bool) {
	before := DescriptorIsFree
	t.Cleanup(func() { DescriptorIsFree = before })
	DescriptorIsFree = func() bool { return free }
}

func TestAnOpenerDoubtsAnErrorWhileADescriptorIsFree(t *testing.T) {
	setFree(t, true)
	always := func(string) (beneath.File, error) { return nil, beneath.Reason(syscall.EMFILE) }
	o := Opener{Backoff{Stopped: new(atomic.Bool)}, always}
	start := time.Now()
	for range 3 {
		if _, err := o.Open("a"); !errors.Is(err, syscall.EMFILE) {
			t.Errorf("got %v", err)
		}
	}
	if got := time.Since(start); got < maxDoubt || got > 3*maxDoubt || o.waited != 0 {
		t.Errorf("3 files took %v and count as %v of waiting; want little more than %v for all", got, o.waited, maxDoubt)
	}
	tries := 0
	o.doubted = maxDoubt - 1
	o.open = func(string) (beneath.File, error) {
		if tries++; tries == 2 {
			return fakeFile{}, nil
		}
		return always("")
	}
	file, err := o.Open("a")
	if err != nil || o.doubted != 0 {
		t.Fatalf("got %v, and %v of doubt after waiting helped", err, o.doubted)
	}
	Close(file)
	setFree(t, false)
	o.doubted, tries = maxDoubt, 0
	if file, err = o.Open("a"); err != nil {
		t.Fatalf("got %v although no descriptor was free at first", err)
	}
	Close(file)
}

func TestAnOpenerWaitsAsLongAsAnotherFileIsOpen(t *testing.T) {
	setFree(t, false)
	held := &Opener{Backoff{Stopped: new(atomic.Bool)}, func(name string) (beneath.File, error) { return fakeFile{}, nil }}
	file, err := held.Open("held")
	if err != nil {
		t.Fatal(err)
	}
	tries := 0
	waiting := Opener{Backoff{Stopped: new(atomic.Bool), waited: maxWaiting - 1}, func(name string) (beneath.File, error) {
		if tries++; tries == 6 {
			return fakeFile{}, nil
		}
		return nil, beneath.Reason(syscall.EMFILE)
	}}
	second, err := waiting.Open("a")
	if err != nil || tries != 6 || waiting.waited != 0 {
		t.Errorf("got %v after %d tries, with %v waited", err, tries, waiting.waited)
	}
	Close(file)
	Close(second)
	if got := openFiles.Load(); got != 0 {
		t.Errorf("%d files count as open", got)
	}
}

func TestAnOpenerThatHasWaitedLongEnoughDoesNotWaitAgain(t *testing.T) {
	setFree(t, false)
	tries := 0
	o := Opener{Backoff{Stopped: new(atomic.Bool), waited: maxWaiting}, func(string) (beneath.File, error) { tries++; return nil, beneath.Reason(syscall.ENFILE) }}
	for range 3 {
		if _, err := o.Open("a"); !errors.Is(err, syscall.ENFILE) {
			t.Errorf("got %v", err)
		}
	}
	if tries != 3 {
		t.Errorf("got %d tries, want 3", tries)
	}
}

func TestAnOpenerThatIsStoppedDoesNotWait(t *testing.T) {
	tries, stopped := 0, new(atomic.Bool)
	o := Opener{Backoff{Stopped: stopped}, func(string) (beneath.File, error) {
		if tries++; tries == 2 {
			stopped.Store(true)
		}
		return nil, beneath.Reason(syscall.EMFILE)
	}}
	if _, err := o.Open("a"); !errors.Is(err, syscall.EMFILE) || tries != 2 {
		t.Errorf("got %v after %d tries, want EMFILE after 2", err, tries)
	}
}
