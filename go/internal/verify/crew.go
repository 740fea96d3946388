package verify

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxWorkers is how many files one run reads at once.
	maxWorkers = 256

	// maxUnasked is how many workers there are, at most, if nobody said how many.
	maxUnasked = 32
)

// A crew is the workers of a run: one a core at first. While they wait for the
// storage, and nobody said how many there are to be, more join them.
type crew struct {
	start    time.Time
	most     int32
	size     atomic.Int32 // all that ever began
	scouted  atomic.Bool  // for large files
	large    atomic.Int32 // files under way of which much is left
	failures chan error
	wait     sync.WaitGroup
	work     func(*crew) error

	mu      sync.Mutex
	changed *sync.Cond
	active  int // workers that have not ended
	helpers int // goroutines that hash for one of them
	idle    atomic.Int32
	offered [][]handover
}

// run has a crew do some work on so many files. asked is how many workers were asked
// for, or 0. Its error is one of the workers'.
func run(asked, files int, work func(*crew) error) error {
	first, most := runtime.GOMAXPROCS(0), max(runtime.GOMAXPROCS(0), maxUnasked)
	if asked > 0 {
		first, most = asked, asked
	}
	most = min(most, maxWorkers, files)
	c := &crew{start: time.Now(), most: int32(most), failures: make(chan error, most), work: work}
	c.changed = sync.NewCond(&c.mu)
	for range min(first, most) - 1 {
		c.join()
	}
	c.size.Add(1)
	c.begin() // one worker is this goroutine: to wake another costs more than to verify a small file
	c.wait.Wait()
	close(c.failures)
	for err := range c.failures {
		if err != nil {
			return err
		}
	}
	return nil
}

// join has one more worker begin, if there may be one more.
func (c *crew) join() {
	if c.size.Add(1) > c.most {
		c.size.Add(-1)
		return
	}
	c.wait.Go(c.begin)
}

func (c *crew) begin() {
	c.count(1)
	defer c.count(-1)
	c.failures <- c.work(c)
}

func (c *crew) count(workers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active += workers
	c.changed.Broadcast()
}

// sparesCore reports whether fewer workers than cores have something to do.
func (c *crew) sparesCore() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.coreIsFree()
}

func (c *crew) coreIsFree() bool {
	return c.active-int(c.idle.Load())+c.helpers < runtime.GOMAXPROCS(0)
}

// takeCore counts one more helper, if there is a core for it; giveCore one less.
func (c *crew) takeCore() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.coreIsFree() {
		return false
	}
	c.helpers++
	return true
}

func (c *crew) giveCore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.helpers--
}

// adopt waits for files that another worker offers, as long as there is one that might.
func (c *crew) adopt() []handover {
	if c.large.Load() == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle.Add(1)
	defer c.idle.Add(-1)
	c.changed.Broadcast()
	for len(c.offered) == 0 {
		if int(c.idle.Load()) == c.active || c.large.Load() == 0 {
			return nil
		}
		c.changed.Wait()
	}
	files := c.offered[0]
	c.offered = c.offered[1:]
	return files
}

// offer gives files to a worker that waits for some, if there is one.
func (c *crew) offer(choose func() []handover) {
	if c.idle.Load() == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if int(c.idle.Load()) > len(c.offered) {
		if files := choose(); len(files) > 0 {
			c.offered = append(c.offered, files)
			c.changed.Broadcast()
		}
	}
}

// A pace tells a worker whether it waits for the storage.
type pace struct {
	crew  *crew
	spent time.Duration // reading, since the last judgement
	fair  time.Duration // what that would have taken from memory
}

const (
	// judged is how long a worker reads until its pace is judged.
	judged = 10 * time.Millisecond

	// To open and read a file that is in memory takes less than fairOpening, and for
	// each byte less than a fairRate'th of a nanosecond, unless others have the core.
	fairOpening = 6 * time.Microsecond
	fairRate    = 3
	unfair      = 4
)

// note takes the time that it took to open files and to read bytes of them. It reports
// whether a judgement is due, and if so whether this worker waits.
func (p *pace) note(spent time.Duration, files, bytes int) (due, waits bool) {
	p.spent += spent
	p.fair += time.Duration(files)*fairOpening + time.Duration(bytes/fairRate)
	if p.spent < judged {
		return false, false
	}
	crowd := max(1, int(p.crew.size.Load())/runtime.GOMAXPROCS(0))
	waits = p.spent > time.Duration(unfair*crowd)*p.fair
	p.spent, p.fair = 0, 0
	if waits {
		p.crew.join()
	}
	return true, waits
}
