package engine

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"checksig/internal/limits"
)

const (
	// maxWorkers is how many workers one job may have.
	maxWorkers = 256

	// maxDefaultWorkers is how many workers one job may have if the caller gave no number.
	maxDefaultWorkers = 32
)

// A pool is the workers of one job. It starts with one worker a core. If the caller gave
// no number of workers, more are added while the workers wait for the storage.
type pool struct {
	start          time.Time
	limit          int32        // on workers
	grows          bool         // whether the caller gave no number of workers
	size           atomic.Int32 // workers that have not ended, and goroutines that hash for them
	lookedForLarge atomic.Bool
	group          sync.WaitGroup
	work           func(*pool, []stolenFile) error
	mu             sync.Mutex // it guards
	err            error      // the first that a worker returned
	load           load
	workers        []*worker
	ended          bool
	watchdog       *time.Timer
}

// runPool runs work on as many workers as pay off for that number of files. asked is the
// number of workers that the caller asked for, or 0. It returns the first error of a
// worker.
func runPool(asked, files int, work func(*pool, []stolenFile) error) error {
	first, limit := limits.Cores(), max(limits.Cores(), maxDefaultWorkers)
	if asked > 0 {
		first, limit = asked, asked
	}
	limit = min(limit, maxWorkers, files)
	p := &pool{start: time.Now(), limit: int32(limit), grows: asked == 0, work: work}
	if files > 1 {
		p.use() // begins to measure
	}
	p.size.Add(1) // this goroutine, before another worker may add more
	if files > 1 {
		p.mu.Lock()
		p.watchdog = time.AfterFunc(watchEvery, p.watch)
		p.mu.Unlock()
		defer p.stopWatching()
	}
	for range min(first, limit) - 1 {
		p.addWorker()
	}
	p.runWorker(nil) // on this goroutine: to wake another one costs more than to verify a small file
	p.group.Wait()
	return p.err
}

func (p *pool) stopWatching() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.watchdog.Stop()
}

// addWorker starts one more worker, unless the pool has reached its limit.
func (p *pool) addWorker() {
	if p.tryGrow(p.limit) {
		p.group.Go(func() { p.runWorker(nil) })
	}
}

// steal starts a worker that continues the files that choose returns. It does nothing, and
// does not call choose, if the pool has reached its limit or no core is free.
func (p *pool) steal(choose func() []stolenFile) {
	if p.tryGrow(min(p.limit, int32(limits.Cores()))) {
		files := choose()
		p.group.Go(func() { p.runWorker(files) })
	}
}

// takeCore counts a goroutine that hashes for a worker like a worker. It reports false if
// no core is free. giveCore reverses it.
func (p *pool) takeCore() bool { return p.tryGrow(int32(limits.Cores())) }

func (p *pool) giveCore() { p.size.Add(-1) }

// tryGrow adds 1 to the size of the pool. It reports false if the size would exceed limit.
func (p *pool) tryGrow(limit int32) bool {
	if p.size.Add(1) > limit {
		p.size.Add(-1)
		return false
	}
	return true
}

// runWorker does the work of one worker, which begins with the given files.
func (p *pool) runWorker(files []stolenFile) {
	defer p.size.Add(-1)
	if err := p.work(p, files); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.err = cmp.Or(p.err, err)
	}
}

// hasFreeCore reports whether there are fewer workers than cores.
func (p *pool) hasFreeCore() bool { return int(p.size.Load()) < limits.Cores() }

// A load measures how much of the cores this process uses.
type load struct {
	since   time.Time
	spent   time.Duration // processor time before that
	percent int           // of the cores, as of the last measurement
}

const (
	// loadFor is how long the load is measured.
	loadFor = 5 * time.Millisecond

	// A pool gets more workers only below addBelow percent of the cores. From removeFrom percent
	// on, a worker that waits for the storage ends, unless the pool has only workersPerCore for
	// each core: fewer workers have more files under way each, which costs less.
	addBelow       = 80
	removeFrom     = 85
	workersPerCore = 4
)

// use returns how many percent of the cores this process uses, and whether that was measured just
// now. If it is not known, the percentage is 0.
func (p *pool) use() (percent int, now bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	passed := time.Since(p.load.since)
	if passed < loadFor {
		return p.load.percent, false
	}
	spent, known := processTime()
	percent = int(100 * (spent - p.load.spent) / (passed * time.Duration(limits.Cores())))
	if !known || p.load.since.IsZero() {
		percent = 0
	}
	p.load = load{time.Now(), spent, percent}
	return percent, true
}

// isTooMany reports whether a worker that waits for the storage should end. Only one of them is
// told so after each measurement, and none that the caller asked for.
func (p *pool) isTooMany() bool {
	percent, now := p.use()
	return now && percent >= removeFrom && p.grows && int(p.size.Load()) > workersPerCore*limits.Cores()
}

// A readTimer measures whether a worker waits for the storage.
type readTimer struct {
	pool     *pool
	spent    time.Duration // on opening and reading since the last measurement
	expected time.Duration // what that takes at most if the files are in memory
	waited   int           // for how many pieces
}

const (
	// measureFor is how long a worker reads before its time is compared.
	measureFor = 10 * time.Millisecond

	// Opening and reading a file that is in memory takes less than openTime, and each
	// bytesPerNanosecond bytes take less than a nanosecond, unless the core is shared.
	openTime           = 6 * time.Microsecond
	bytesPerNanosecond = 3

	// waitFactor is how many times the expected time a worker spends if it waits for the
	// storage.
	waitFactor = 4

	// maxAdded is how many workers are added after one measurement, at most.
	maxAdded = 4
)

// add adds the time that a worker spent on opening so many files and on reading so many
// bytes of them, of which waited pieces were not in memory. It reports whether a measurement is
// complete and, if so, whether the worker waits for the storage. If it does, and cores are idle,
// add also adds workers to the pool, the more the longer it waits.
func (t *readTimer) add(spent time.Duration, files, bytes, waited int) (complete, waits bool) {
	t.spent += spent
	t.expected += time.Duration(files)*openTime + time.Duration(bytes/bytesPerNanosecond)
	t.waited += waited
	if t.spent < measureFor {
		return false, false
	}
	sharing := max(1, int(t.pool.size.Load())/limits.Cores()) // workers a core
	factor := t.spent / (time.Duration(waitFactor*sharing)*t.expected + 1)
	waits = factor >= 1 && t.waited > 0
	t.spent, t.expected, t.waited = 0, 0, 0
	if !waits {
		return true, false
	}
	if percent, now := t.pool.use(); now && percent < addBelow { // what was added before is measured
		for range min(factor, maxAdded) {
			t.pool.addWorker()
		}
	}
	return true, true
}
