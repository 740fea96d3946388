package engine

import (
	"cmp"
	"errors"
	"os"
	"sync/atomic"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/limits"
)

// Limits on the files of one directory that are kept in memory until all of it is listed. A
// directory may never end.
const (
	maxExtra = 5_000_000  // that are extra files
	maxFiles = 10_000_000 // for [FindFiles]
)

// maxAtOnce is how many directories a job lists at the same time.
const maxAtOnce = 32

var errNotInBag = errors.New("in the bag's payload but in no manifest")

// maxHeld is how many extra files are held until the listed files are verified.
const maxHeld = 1 << 13

// findExtra begins to look for extra files, while the listed files are verified unless the caller
// asked for a number of workers. It does not get ahead of the verification: a directory in which
// files were opened is in memory. finish, which must be called, waits for the end, and adds the
// results. Its error is a [*PanicError].
func (j *Job) findExtra(dir *beneath.Root, p *plan, found *discover.Found) (finish func() error) {
	if j.options.Extra == IgnoreExtra && (found.Bag == nil || !found.Bag.HasPayload) {
		return func() error { return nil }
	}
	if j.options.Workers > 0 {
		return func() error {
			j.walkForExtra(dir, p, found, func(int64) {}, j.results.add)
			return nil
		}
	}
	var err error
	held := make(chan *Result, maxHeld)
	wait := inBackground(func() {
		defer close(held)
		defer Contain(&err)
		j.walkForExtra(dir, p, found, j.results.awaitDone, func(r *Result) bool {
			held <- r
			return !j.stopped.Load()
		})
	})
	return func() error {
		for result := range held {
			j.results.add(result)
		}
		wait()
		return err
	}
}

// walkForExtra calls add with a result for each extra file: everything below the root except
// directories, listed files, and manifests. It also does so for each directory that cannot be
// listed. In a bag it always examines the payload, even if the caller ignores extra files. Before
// each directory it calls await with the number of listed files that it has come across.
func (j *Job) walkForExtra(
	dir *beneath.Root, p *plan, found *discover.Found, await func(listed int64), add func(*Result) bool,
) {
	var seen atomic.Int64
	isListed := func(name string) bool {
		has := p.names.has(name)
		if has {
			seen.Add(1)
		}
		return has
	}
	b := found.Bag
	wanted := j.options.Extra != IgnoreExtra
	inPayload := func(name string) bool { return b != nil && discover.InPayload(name) }
	keep := func(name string, sum *beneath.Sum) bool {
		if inPayload(name) {
			if b.HasTotals() {
				size, err := dir.Size(name)
				sum.Bytes, sum.Files = sum.Bytes+size, sum.Files+1
				sum.Exhausted = sum.Exhausted || beneath.IsExhausted(err)
			}
			return !p.lists(name, b.Payload)
		}
		return wanted && !found.Owns(name) && !isListed(name)
	}
	start := "."
	if !wanted {
		start = discover.PayloadDir
	}
	shard := j.options.Shard
	listed := j.results.report.Listed
	shard.Of = min(shard.Of, listed) // no shard with a higher number has a verdict
	count := 0
	walk := j.walk(dir, maxExtra, keep)
	list := walk.List
	walk.List = func(name string, each func(string, os.FileMode) bool) error {
		await(seen.Load())
		return list(name, each)
	}
	sum := walk.Run(start, func(item beneath.Item) bool {
		count++
		if !shard.has(count - 1) {
			return true
		}
		result := &Result{Name: item.Name, Status: Extra, Size: -1, Err: errExtra, Place: listed + count - 1}
		switch {
		case item.Err != nil:
			result.Status, result.Err = Error, item.Err
		case inPayload(item.Name):
			result.Bad, result.Err = true, errNotInBag
		}
		return add(result)
	})
	if b != nil && b.HasTotals() {
		b.CheckTotals(sum.Bytes, sum.Files)
	}
}

// walk returns a walk below dir. It lists no more directories at the same time than the caller
// asked for workers.
func (j *Job) walk(dir *beneath.Root, most int, keep func(string, *beneath.Sum) bool) *beneath.Walk {
	return &beneath.Walk{
		List:    j.lister(dir),
		Ahead:   listerAhead(dir),
		AtOnce:  min(cmp.Or(j.options.Workers, maxAtOnce), maxAtOnce),
		Stopped: &j.stopped,
		Most:    most,
		Keep:    keep,
	}
}

// lister returns a lister of directories below dir. It takes a thread for each directory, and
// tries again while descriptors have run out.
func (j *Job) lister(dir *beneath.Root) beneath.Lister {
	b := limits.Backoff{Stopped: &j.stopped, Threads: limits.Threads}
	return func(name string, each func(string, os.FileMode) bool) error {
		if err := limits.Threads.Take(&j.stopped); err != nil {
			return err
		}
		defer limits.Threads.Give()
		return b.List(dir, name, each)
	}
}

// listerAhead returns a lister that does not wait for a thread or a descriptor. Several
// goroutines may call it.
func listerAhead(dir *beneath.Root) beneath.Lister {
	return func(name string, each func(string, os.FileMode) bool) (err error) {
		defer passOn()
		if !limits.Threads.TryTake() {
			return beneath.ErrNotNow
		}
		defer limits.Threads.Give()
		err = limits.ListOnce(dir, name, each)
		if beneath.IsExhausted(err) {
			return beneath.ErrNotNow
		}
		return err
	}
}
