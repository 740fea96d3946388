package limits

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"checksig/internal/beneath"
)

// A fakeFile can only be closed.
type fakeFile struct{ beneath.File }

func (fakeFile) Close() error { return nil }

func TestAnOpenerWaitsAsLongAsAnotherFileIsOpen(t *testing.T) {
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
