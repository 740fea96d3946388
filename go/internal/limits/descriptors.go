package limits

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"checksig/internal/beneath"
)

// While descriptors have run out, a [Backoff] pauses between its tries, longer each time.
// While other files of this process's jobs are open, it waits until they are closed.
// Otherwise it gives up after maxWaiting without a success. If a descriptor is free all the
// time, the error comes from the file system, and it gives up after maxDoubt in all.
const (
	firstPause = time.Millisecond
	lastPause  = 100 * time.Millisecond
	maxWaiting = 10 * time.Second
	maxDoubt   = time.Second
)

// A worker that has a file open opens another one only if all jobs of this process together
// have fewer than maxOpen files open, and fewer than 1/maxOpenShare of the descriptors that
// the process may have. The rest of the process needs descriptors too.
const (
	maxOpen      = 256
	maxOpenShare = 4
)

// openBudget returns maxOpen, or less if the process may have few descriptors.
var openBudget = sync.OnceValue(func() int64 { return min(maxOpen, max(1, maxDescriptors()/maxOpenShare)) })

// openFiles counts the files that all jobs of this process have open.
var openFiles atomic.Int64

// OpenFiles returns how many files all jobs of this process have open.
func OpenFiles() int64 { return openFiles.Load() }

// Reserve counts up to n files as open, before a worker opens them, and returns how many it may
// open. A worker that has no file open may open one whatever others have.
func Reserve(n int, hasOpen bool) int {
	if n == 0 {
		return 0
	}
	free := openBudget() - openFiles.Add(int64(n)) + int64(n)
	got := min(n, int(max(free, 0)))
	if got == 0 && !hasOpen {
		got = 1
	}
	Release(n - got)
	return got
}

// Release is for n files that were counted as open and are not open, or were closed.
func Release(n int) { openFiles.Add(-int64(n)) }

// Share returns how many files each of so many workers may have open, 1 at least.
func Share(workers int) int { return max(1, int(openBudget())/workers) }

// Close closes a file that an [Opener] opened.
func Close(file beneath.File) {
	file.Close()
	Release(1)
}

// A Backoff waits for free descriptors once they have run out, because a file that could not
// be opened may be good. It is for one goroutine.
type Backoff struct {
	Stopped *atomic.Bool  // if set, it waits no longer
	Threads *ThreadPool   // the goroutine has taken one and gives it back while it waits; nil if not
	waited  time.Duration // since the last success, while no file was open
	doubted time.Duration // while a descriptor was free each time
}

// Try calls open until it succeeds, fails for another reason than a lack of descriptors, or
// has failed for too long. It returns the last error.
func (b *Backoff) Try(open func() error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := open()
		if !beneath.IsExhausted(err) {
			b.waited = 0
			if pause > firstPause {
				b.doubted = 0 // waiting helped
			}
			return err
		}
		free := DescriptorIsFree()
		if !free {
			b.doubted = 0
		}
		if b.waited >= maxWaiting || b.doubted >= maxDoubt || b.Stopped.Load() {
			return err
		}
		b.pause(pause)
		if free {
			b.doubted += pause
		} else if openFiles.Load() == 0 {
			b.waited += pause
		}
	}
}

// DescriptorIsFree reports whether another file can be opened now. A test may replace it.
var DescriptorIsFree = func() bool { return checkFree(1) == nil }

// pause sleeps, without a thread, because a goroutine with an open file may need it.
func (b *Backoff) pause(length time.Duration) {
	if b.Threads == nil {
		time.Sleep(length)
		return
	}
	b.Threads.sleep(length)
}

// List lists a directory below the root. It tries again as long as each was not called.
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

// ListOnce is [Backoff.List] with a single try. While many files are open, it fails as if
// descriptors had run out.
func ListOnce(root *beneath.Root, dir string, each func(string, os.FileMode) bool) error {
	defer openFiles.Add(-1)
	if openFiles.Add(1) > openBudget() {
		return beneath.Reason(syscall.EMFILE)
	}
	return root.List(dir, each)
}

// An Opener opens files, and tries again while descriptors have run out.
type Opener struct {
	Backoff
	open func(name string) (beneath.File, error)
}

// NewOpener returns an Opener that opens files with open. Its goroutine must have taken a
// thread of [Threads] when it opens a file.
func NewOpener(open func(name string) (beneath.File, error), stopped *atomic.Bool) Opener {
	return Opener{Backoff{Stopped: stopped, Threads: Threads}, open}
}

// Open opens a file, which the caller must close with [Close].
func (o *Opener) Open(name string) (file beneath.File, err error) {
	err = o.Try(func() error {
		file, err = o.open(name)
		return err
	})
	if err == nil {
		openFiles.Add(1)
	}
	return file, err
}

// descriptorsNeeded is how many descriptors must be free when the first job starts: two for
// the runtime's poller, one for the root, and one for a file.
const descriptorsNeeded = 4

var poller struct {
	mu     sync.Mutex
	primed atomic.Bool
}

// PrimePoller makes the Go runtime open its poller now, while descriptors are free. Otherwise
// the runtime would end the process if it could not open the poller later. The error, a
// [*beneath.OSError], says that too few descriptors are free.
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
	time.Sleep(1) // starts a timer, which needs the poller
	poller.primed.Store(true)
	return nil
}

// checkFree returns an error unless n more descriptors can be open at once.
func checkFree(n int) error {
	for range n {
		fd, err := syscall.Open("/", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if beneath.IsExhausted(err) {
			return &beneath.OSError{Path: "/", Err: err}
		}
		if err == nil {
			defer syscall.Close(fd)
		}
	}
	return nil
}
