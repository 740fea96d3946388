package engine

import (
	"bytes"
	"cmp"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

// A Job is a run that goes on while its results are taken from it. Its methods
// may be called from many goroutines, Next from one at a time.
type Job struct {
	root    string
	options Options

	size       func(name string) (int64, error) // of a file below the root
	results    *stream
	bytes      atomic.Int64 // hashed
	totalBytes atomic.Int64 // of the files that are there; -1 until they are counted
	stopped    atomic.Bool

	ready chan struct{} // closed when results is there; never, if the run ends without
	done  chan struct{} // closed when no goroutine of the run reads any more

	// Written before done is closed.
	report *Report
	err    error
}

// Progress is how far a job has come.
type Progress struct {
	Files, Bytes           int64         // done
	TotalFiles, TotalBytes int64         // -1 while not known
	Bad                    int64         // files
	Counts                 [statuses]int // done, by verdict
}

func newJob(root string, options Options) *Job {
	j := &Job{
		root:    root,
		options: options,
		ready:   make(chan struct{}),
		done:    make(chan struct{}),
	}
	j.totalBytes.Store(-1)
	return j
}

// ErrCancelled says that a job was cancelled before its end: there is no verdict.
var ErrCancelled = errors.New("cancelled")

// Start begins to verify the directory root. The caller must close the job. An
// error, an [*beneath.OSError], says that too few descriptors are free to begin at all.
func Start(root string, options Options) (*Job, error) {
	if err := limits.PrimePoller(); err != nil {
		return nil, err
	}
	j := newJob(root, options)
	go j.run(beneath.OpenRoot)
	return j, nil
}

// run does the whole work.
func (j *Job) run(open func(string) (*beneath.Root, error)) {
	defer close(j.done)
	defer Contain(&j.err)
	if err := limits.Threads.Take(&j.stopped); err != nil {
		j.err = j.unlessCancelled(&beneath.OSError{Path: j.root, Err: err})
		return
	}
	give := sync.OnceFunc(limits.Threads.Give)
	defer give()
	dir, err := open(j.root)
	if err != nil {
		j.err = &beneath.OSError{Path: j.root, Err: err}
		return
	}
	defer dir.Close()
	if j.options.Task == FindFiles {
		give()
		j.report = &Report{Root: j.root}
		j.err = j.unlessCancelled(j.giveFiles(dir))
		return
	}
	options := j.options.Options
	options.NamesOnly = j.options.Task == FindManifests
	options.NoDigests = j.options.Task == HashFiles
	found, err := discover.Read(j.root, dir, options, &j.stopped)
	give()
	if err == nil {
		err = j.verify(dir, found)
	}
	j.err = j.unlessCancelled(err)
}

// verify checks the files that the manifests list.
func (j *Job) verify(dir *beneath.Root, found *discover.Found) error {
	list := found.Sources
	if j.options.Task == ReadEntries || j.options.Task == FindManifests {
		j.report = &Report{Root: j.root, Sources: list}
		return j.giveEntries(list)
	}
	p := makePlan(list, &j.stopped)
	if j.stopped.Load() {
		return ErrCancelled // list and p may be cut short
	}
	if found.Bag != nil {
		checkComplete(found.Bag, p)
		p.toFetch = found.Bag.ToFetch
	}
	listed := len(p.first)
	p.keep(j.options.Shard)
	if j.options.Shard.Of > 0 && len(p.first) == 0 {
		return &manifest.Error{Path: list[0].Path, Reason: j.options.Shard.empty(listed)}
	}
	report := &Report{
		Root:          j.root,
		Sources:       list,
		Files:         len(p.first),
		ignoreMissing: j.options.IgnoreMissing,
		failExtra:     j.options.Extra == FailExtra,
	}
	j.results = newStream(report, j.options.Results)
	close(j.ready)
	if j.stopped.Load() {
		j.results.stop() // Cancel came before there was anything to stop
	}
	if j.options.Totals {
		defer inBackground(func() { j.countBytes(p, dir) })()
	}
	j.size = dir.Size
	err := j.verifyAll(p, dir.Open)
	if err != nil || j.stopped.Load() {
		return cmp.Or(err, ErrCancelled)
	}
	if !j.results.finished() {
		panic("a file has no verdict")
	}
	j.findExtra(dir, p, found)
	if j.stopped.Load() {
		return ErrCancelled
	}
	if found.Bag != nil && found.Bag.Info != nil {
		report.Sources = append(report.Sources, found.Bag.Info)
	}
	report.Bytes = j.bytes.Load()
	report.Hint = j.hint(report, dir)
	j.report = report
	return nil
}

// giveEntries makes the entries of all manifests the results of the run.
func (j *Job) giveEntries(list discover.Sources) error {
	j.results = newStream(&Report{Files: 0}, AllResults)
	close(j.ready)
	if j.stopped.Load() || j.options.Task == FindManifests {
		return nil
	}
	for i := range list.Len() {
		entry := list.Entry(i)
		result := &Result{Name: entry.Name, Algorithm: entry.Algorithm, Expected: bytes.Clone(entry.Digest()), Size: entry.Size}
		if !j.results.add(result) {
			return ErrCancelled
		}
	}
	return nil
}

// giveFiles makes all that is below dir, and no directory, the results of the run.
func (j *Job) giveFiles(dir *beneath.Root) error {
	j.results = newStream(&Report{}, AllResults)
	close(j.ready)
	everything := func(string) bool { return true }
	beneath.Walk(j.lister(dir), ".", &j.stopped, everything, func(item beneath.Item) bool {
		result := &Result{Name: item.Name, Size: -1, Err: item.Err}
		if item.Err != nil {
			result.Status = Error
		} else if err := beneath.NoFile(item.Type); err != nil {
			result.Status, result.Err = Unlisted, err
		}
		return j.results.add(result)
	})
	if j.stopped.Load() {
		return ErrCancelled
	}
	return nil
}

// unlessCancelled returns err, or in a cancelled job ErrCancelled: there err may
// come of that. A panic stays one.
func (j *Job) unlessCancelled(err error) error {
	var panicked *PanicError
	if j.stopped.Load() && !errors.As(err, &panicked) {
		return ErrCancelled
	}
	return err
}

// inBackground runs work on another goroutine, and returns a function that waits
// for its end.
func inBackground(work func()) (wait func()) {
	var group sync.WaitGroup
	group.Go(work)
	return group.Wait
}

// countBytes adds up the sizes of all files that are there.
func (j *Job) countBytes(p *plan, dir *beneath.Root) {
	var err error
	defer Contain(&err) // the total stays unknown
	if limits.Threads.Take(&j.stopped) != nil {
		return
	}
	defer limits.Threads.Give()
	var t target
	total := int64(0)
	for i := range p.first {
		if j.stopped.Load() || j.results.finished() {
			return
		}
		if p.target(i, &t) != nil {
			continue
		}
		size, err := dir.Size(t.name)
		if limits.Exhausted(err) {
			return
		}
		if err == nil {
			total += size
		}
	}
	j.totalBytes.Store(total)
}

// Next waits for results, up to timeout, and gives them to take, in the
// manifest's order, until there are no more now or take returns false; that
// result comes again. It reports whether all have been given.
func (j *Job) Next(timeout time.Duration, take func(*Result) bool) (finished bool) {
	if timeout > 0 {
		j.await(timeout)
	}
	ended := isClosed(j.done)
	if !isClosed(j.ready) {
		return ended
	}
	return j.results.give(take) && ended
}

// await waits until there are results, the run has ended, or timeout is over.
func (j *Job) await(timeout time.Duration) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-j.ready:
	case <-j.done:
		return
	case <-timer.C:
		return
	}
	select {
	case <-j.results.wake:
	case <-j.done:
	case <-timer.C:
	}
}

// Progress tells how far the job has come.
func (j *Job) Progress() Progress {
	p := Progress{Bytes: j.bytes.Load(), TotalFiles: -1, TotalBytes: j.totalBytes.Load()}
	if isClosed(j.ready) {
		p.TotalFiles = int64(j.results.total)
		p.Files, p.Bad, p.Counts = j.results.counts()
	}
	return p
}

// Outcome returns the report, or the error that kept the run from a verdict. It
// may be called when [Job.Next] has returned true.
func (j *Job) Outcome() (*Report, error) {
	<-j.done
	if j.err != nil {
		return nil, j.err // even if there was a report before: Cancel may come after it
	}
	return j.report, nil
}

// Cancel makes the run end soon: no file is opened any more, and reading ends
// with the current piece.
func (j *Job) Cancel() {
	j.stopped.Store(true)
	if isClosed(j.ready) {
		j.results.stop()
	}
}

// Close cancels the job and waits, up to timeout, until nothing of it reads any
// more or holds a descriptor. It reports whether that is so.
func (j *Job) Close(timeout time.Duration) bool {
	j.Cancel()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-j.done:
		return true
	case <-timer.C:
		return false
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
