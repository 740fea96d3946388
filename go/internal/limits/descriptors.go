package limits

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"checksig/internal/beneath"
)

// While descriptors have run out, a patience pauses between its tries. While
// other files of this process's runs are open it waits for them to be closed,
// else it gives up after maxWaiting without a success.
const (
	firstPause = time.Millisecond
	lastPause  = 100 * time.Millisecond
	maxWaiting = 10 * time.Second
)

// maxOpen is how many files a worker that has one open may see open, of all runs of
// this process, and yet open another: the process around needs descriptors, too. Of
// those that it may have, maxOpenShare is the part.
const (
	maxOpen      = 256
	maxOpenShare = 4
)

// openBudget is maxOpen, or less where the process may have few descriptors.
var openBudget = sync.OnceValue(func() int64 { return min(maxOpen, max(1, maxDescriptors()/maxOpenShare)) })

// openFiles counts the files that all runs of this process have open.
var openFiles atomic.Int64

// OpenFiles returns how many files all runs of this process have open.
func OpenFiles() int64 { return openFiles.Load() }

// ManyOpen reports whether so many files are open that a worker that has one open must
// not open another.
func ManyOpen() bool { return openFiles.Load() >= openBudget() }

// Close closes a file that an [Opener] opened.
func Close(file beneath.File) {
	file.Close()
	openFiles.Add(-1)
}

// A Backoff waits, where descriptors have run out, for some to come free, since
// what could not be opened may be good. It serves one goroutine.
type Backoff struct {
	Stopped *atomic.Bool  // true: wait no longer
	Threads *ThreadPool   // one of which the goroutine has, and does without while it waits; or nil
	waited  time.Duration // since the last success, with no file open
}

// Try calls open until it fails of no descriptor, or for too long.
func (b *Backoff) Try(open func() error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := open()
		if !Exhausted(err) {
			b.waited = 0
			return err
		}
		if b.waited >= maxWaiting || b.Stopped.Load() {
			return err
		}
		b.pause(pause)
		if openFiles.Load() == 0 {
			b.waited += pause
		}
	}
}

// pause sleeps. Whoever has a file open may want the thread.
func (b *Backoff) pause(length time.Duration) {
	if b.Threads == nil {
		time.Sleep(length)
		return
	}
	b.Threads.sleep(length)
}

// List lists a directory below the root, with retries, as long as nothing of it was listed.
func (b *Backoff) List(root *beneath.Root, dir string, each func(string, os.FileMode) bool) (err error) {
	_ = b.Try(func() error {
		began := false
		err = root.List(dir, func(name string, mode os.FileMode) bool {
			began = true
			return each(name, mode)
		})
		if began {
			return nil
		}
		return err
	})
	return err
}

// An Opener opens files, with retries.
type Opener struct {
	Backoff
	open func(name string) (beneath.File, error)
}

// NewOpener returns an Opener that opens files with open. Its goroutine has taken a
// thread of [Threads], and does without while it waits.
func NewOpener(open func(name string) (beneath.File, error), stopped *atomic.Bool) Opener {
	return Opener{Backoff{Stopped: stopped, Threads: Threads}, open}
}

// Open opens a file, which [Close] must close.
func (o *Opener) Open(name string) (file beneath.File, err error) {
	err = o.Try(func() error {
		file, err = o.OpenOnce(name)
		return err
	})
	return file, err
}

// OpenOnce is Open without retries.
func (o *Opener) OpenOnce(name string) (beneath.File, error) {
	file, err := o.open(name)
	if err == nil {
		openFiles.Add(1)
	}
	return file, err
}

// Exhausted reports whether err says that no descriptor was free.
func Exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// descriptorsNeeded are free when a run begins: two for the runtime's poller,
// one for the root, one for a file.
const descriptorsNeeded = 4

var poller struct {
	mu     sync.Mutex
	primed atomic.Bool
}

// PrimePoller makes the Go runtime open its poller now, while descriptors are
// free: it ends the process if it needs the poller later and cannot have it. Its error,
// a [*beneath.OSError], says that too few descriptors are free.
func PrimePoller() error {
	if poller.primed.Load() {
		return nil
	}
	poller.mu.Lock()
	defer poller.mu.Unlock()
	if poller.primed.Load() {
		return nil
	}
	if err := checkFree(descriptorsNeeded); err != nil {
		return err
	}
	time.Sleep(1) // a timer, and timers need the poller
	poller.primed.Store(true)
	return nil
}

// checkFree fails if descriptors run out before n more are open at once.
func checkFree(n int) error {
	for range n {
		fd, err := syscall.Open("/", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if Exhausted(err) {
			return &beneath.OSError{Path: "/", Err: err}
		}
		if err == nil {
			defer syscall.Close(fd)
		}
	}
	return nil
}
