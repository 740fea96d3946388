package engine

import (
	"cmp"
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
	start   time.Time
	most    int32
	size    atomic.Int32 // workers that have not ended
	scouted atomic.Bool  // for large files
	wait    sync.WaitGroup
	work    func(*crew, []handover) error
	mu      sync.Mutex
	err     error // the first that a worker ended with
}

// run has a crew do some work on so many files. asked is how many workers were asked
// for, or 0. Its error is one of the workers'.
func run(asked, files int, work func(*crew, []handover) error) error {
	first, most := runtime.GOMAXPROCS(0), max(runtime.GOMAXPROCS(0), maxUnasked)
	if asked > 0 {
		first, most = asked, asked
	}
	most = min(most, maxWorkers, files)
	c := &crew{start: time.Now(), most: int32(most), work: work}
	c.size.Add(1) // this goroutine, before others may have more join
	for range min(first, most) - 1 {
		c.join()
	}
	c.begin(nil) // one worker is this goroutine: to wake another costs more than to verify a small file
	c.wait.Wait()
	return c.err
}

// join has one more worker begin, if there may be one more.
func (c *crew) join() {
	if c.enlarge(c.most) {
		c.wait.Go(func() { c.begin(nil) })
	}
}

// relieve has another worker take over the files that choose returns, if there may be
// one and a core is free for it.
func (c *crew) relieve(choose func() []handover) {
	if c.enlarge(min(c.most, int32(runtime.GOMAXPROCS(0)))) {
		files := choose()
		c.wait.Go(func() { c.begin(files) })
	}
}

// takeCore counts a goroutine that hashes for a worker as one more, if a core is free
// for it; giveCore takes it off again.
func (c *crew) takeCore() bool { return c.enlarge(int32(runtime.GOMAXPROCS(0))) }

func (c *crew) giveCore() { c.size.Add(-1) }

// enlarge counts one worker more, unless there are so many.
func (c *crew) enlarge(most int32) bool {
	if c.size.Add(1) > most {
		c.size.Add(-1)
		return false
	}
	return true
}

// begin does the work of one worker.
func (c *crew) begin(files []handover) {
	defer c.size.Add(-1)
	if err := c.work(c, files); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = cmp.Or(c.err, err)
	}
}

// sparesCore reports whether there are fewer workers than cores.
func (c *crew) sparesCore() bool { return int(c.size.Load()) < runtime.GOMAXPROCS(0) }

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
