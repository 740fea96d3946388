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

// A Job is one piece of work that runs while its results are taken from it. Several
// goroutines may call its methods at once, but only one at a time may call Next.
type Job struct {
	root    string
	options Options

	size       func(name string) (int64, error) // returns the size of a file below the root
	results    *stream
	bytes      atomic.Int64 // that were hashed
	totalBytes atomic.Int64 // of all listed files that exist; -1 until they are counted
	stopped    atomic.Bool
	receipts   receiptJob
	listing    *Listing // for [WriteEntries]

	begun time.Time
	ready chan struct{} // closed when results is set, which may never happen
	done  chan struct{} // closed when no goroutine of the job reads any more

	// The outcome. It is set before done is closed.
	report *Report
	err    error
	took   time.Duration
}

// Progress says how much of a job is done.
type Progress struct {
	Files, Bytes           int64         // that are done
	TotalFiles, TotalBytes int64         // -1 while they are not known
	Listed                 int64         // the files of all shards; -1 while it is not known
	Bad                    int64         // how many files are bad
	Counts                 [statuses]int // of the files that are done, by status
	ByReceipt              int64         // how many files are OK by receipts
	OldestReceipt          int64         // when the first of them was hashed, in seconds since 1970; 0: none
	Elapsed                time.Duration // since the job began; once it has ended, what it took
}

func newJob(root string, options Options) *Job {
	j := &Job{
		root:    root,
		options: options,
		ready:   make(chan struct{}),
		done:    make(chan struct{}),
		begun:   time.Now(),
	}
	j.totalBytes.Store(-1)
	return j
}

// ErrCancelled says that a job was cancelled before its end, so there is no verdict.
var ErrCancelled = errors.New("cancelled")

// Start starts a job in the directory root. The caller must close it. The error, a
// [*beneath.OSError], says that too few descriptors are free to start a job.
func Start(root string, options Options) (*Job, error) {
	limits.AddProcessors()
	if err := limits.PrimePoller(); err != nil {
		return nil, err
	}
	j := newJob(root, options)
	go j.run(beneath.OpenRoot)
	return j, nil
}

// run does the whole job. open opens the root.
func (j *Job) run(open func(string) (*beneath.Root, error)) {
	defer func() {
		j.took = time.Since(j.begun)
		close(j.done)
	}()
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
	if j.options.Task == CountReceipts {
		give()
		j.countReceipts()
		return
	}
	if j.options.Task == FindFiles {
		give()
		j.report = &Report{Root: j.root}
		j.err = j.unlessCancelled(j.giveFiles(dir))
		return
	}
	options := j.options.Options
	options.NamesOnly = j.options.Task == FindManifests
	options.NoDigests = j.options.Task == HashFiles || j.options.Task == WriteEntries
	found, err := discover.Read(j.root, dir, options, &j.stopped)
	give()
	if err == nil {
		err = j.verify(dir, found)
	}
	j.err = j.unlessCancelled(err)
}

// verify does what the task asks for with the manifests that were found.
func (j *Job) verify(dir *beneath.Root, found *discover.Found) error {
	list := found.Sources
	if err := j.refuseWeak(list); err != nil {
		return err
	}
	if j.options.Task == ReadEntries || j.options.Task == FindManifests {
		j.report = &Report{Root: j.root, Sources: list}
		return j.giveEntries(list)
	}
	p := makePlan(list, &j.stopped)
	if j.stopped.Load() {
		return ErrCancelled // list and p may be incomplete
	}
	if found.Bag != nil {
		p.toFetch = found.Bag.ToFetch
	}
	j.checkBag(p, found)
	listed := len(p.first)
	if j.options.Task == WriteEntries {
		var err error
		if j.listing, err = newListing(p, j.options.Listing); err != nil {
			return err
		}
	}
	p.keep(j.options.Shard)
	if j.options.Shard.Of > 0 && len(p.first) == 0 {
		return &manifest.Error{Path: list[0].Path, Reason: j.options.Shard.empty(listed)}
	}
	report := &Report{
		Root:          j.root,
		Sources:       list,
		Files:         len(p.first),
		Listed:        listed,
		shard:         j.options.Shard,
		ignoreMissing: j.options.IgnoreMissing,
		failExtra:     j.options.Extra == FailExtra,
	}
	j.results = newStream(report, j.options.Results)
	close(j.ready)
	if j.stopped.Load() {
		j.results.stop() // Cancel was called before results was set
	}
	if j.options.Totals {
		defer inBackground(func() { j.countBytes(p, dir) })()
	}
	j.size = dir.Size
	finishExtra := j.findExtra(dir, p, found)
	err := j.verifyWithReceipts(p, dir)
	err = cmp.Or(err, finishExtra())
	if err != nil || j.stopped.Load() {
		return cmp.Or(err, ErrCancelled)
	}
	if !j.results.finished() {
		panic("a file has no verdict")
	}
	if found.Bag != nil {
		report.Sources = append(report.Sources, found.Bag.Rest()...)
	}
	if j.listing != nil && report.Bad == 0 {
		report.Listing = j.listing
	}
	report.Bytes = j.bytes.Load()
	report.Hint = j.hint(report, dir, p)
	report.Notes = j.receipts.notes()
	j.report = report
	return nil
}

// giveEntries makes the entries of all manifests the results of the job.
func (j *Job) giveEntries(list discover.Sources) error {
	j.results = newStream(&Report{Files: 0}, AllResults)
	close(j.ready)
	if j.options.DigestEntries {
		digestEntries(list, &j.stopped)
		return nil
	}
	if j.stopped.Load() || j.options.Task == FindManifests {
		return nil
	}
	var entry manifest.Entry
	for i := range list.Len() {
		list.ReadEntry(i, &entry)
		result := &Result{Name: entry.Name, Algorithm: entry.Algorithm, Expected: bytes.Clone(entry.Digest()), Size: entry.Size, Place: i}
		if !j.results.add(result) {
			return ErrCancelled
		}
	}
	return nil
}

// PackedNames is how many bytes of names a result of [FindFiles] has at most, with PackNames.
const PackedNames = 1 << 16

// giveFiles makes everything below dir except directories the results of the job.
func (j *Job) giveFiles(dir *beneath.Root) error {
	j.results = newStream(&Report{}, AllResults)
	if j.options.PackNames {
		j.results.most = keptNames / PackedNames
	}
	close(j.ready)
	var names []byte
	give := func() bool {
		result := &Result{Name: string(names), Size: -1, Packed: true}
		names = names[:0]
		return result.Name == "" || j.results.add(result)
	}
	j.walk(dir, maxFiles, nil).Run(".", func(item beneath.Item) bool {
		result := &Result{Name: item.Name, Size: -1, Err: item.Err}
		if item.Err != nil {
			result.Status = Error
		} else if err := beneath.NoFile(item.Type); err != nil {
			result.Status, result.Err = Extra, err
		} else if j.options.PackNames {
			more := len(names)+len(item.Name) < PackedNames || give()
			names = append(append(names, item.Name...), 0)
			return more
		}
		return j.results.add(result)
	})
	if j.stopped.Load() || !give() {
		return ErrCancelled
	}
	return nil
}

// unlessCancelled returns err, but ErrCancelled if the job was cancelled, because then that
// may have caused err. It still returns a [*PanicError].
func (j *Job) unlessCancelled(err error) error {
	var panicked *PanicError
	if j.stopped.Load() && !errors.As(err, &panicked) {
		return ErrCancelled
	}
	return err
}

// inBackground runs work on another goroutine, and returns a function that waits for its end.
func inBackground(work func()) (wait func()) {
	var group sync.WaitGroup
	group.Go(work)
	return group.Wait
}

// countBytes sets totalBytes to the sum of the sizes of all files of the plan that exist.
func (j *Job) countBytes(p *plan, dir *beneath.Root) {
	var err error
	defer Contain(&err) // the total then stays unknown
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
		if beneath.IsExhausted(err) {
			return
		}
		if err == nil {
			total += size
		}
	}
	j.totalBytes.Store(total)
}

// Next waits up to timeout for results, and calls take with each, in the manifests' order,
// until there are no more now or take returns false. A result for which take returns false
// comes again. Next reports whether the job has ended and all results were taken.
func (j *Job) Next(timeout time.Duration, take func(*Result) bool) (finished bool) {
	if timeout > 0 && !isClosed(j.done) {
		j.await(timeout)
	}
	ended := isClosed(j.done)
	if !isClosed(j.ready) {
		return ended
	}
	return j.results.give(take) && ended
}

// await waits until there are results, the job has ended, or timeout has passed.
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

// Progress returns how much of the job is done.
func (j *Job) Progress() Progress {
	p := Progress{Bytes: j.bytes.Load(), TotalFiles: -1, TotalBytes: j.totalBytes.Load(), Listed: -1}
	j.receipts.progress(&p)
	if isClosed(j.ready) {
		p.TotalFiles, p.Listed = int64(j.results.total), int64(j.results.report.Listed)
		p.Files, p.Bad, p.Counts = j.results.counts()
	}
	if p.Elapsed = time.Since(j.begun); isClosed(j.done) {
		p.Elapsed = j.took
	}
	return p
}

// Outcome waits for the end of the job, and returns the report, or the error that kept the
// job from a verdict. It may be called once [Job.Next] has returned true.
func (j *Job) Outcome() (*Report, error) {
	<-j.done
	if j.err != nil {
		return nil, j.err // even if there is a report, because Cancel may come after it
	}
	return j.report, nil
}

// Cancel makes the job end soon: it opens no more files, and reads at most the current pieces
// to their end.
func (j *Job) Cancel() {
	j.stopped.Store(true)
	if isClosed(j.ready) {
		j.results.stop()
	}
}

// Close cancels the job and waits up to timeout until it reads no more and has no descriptor
// open. It reports whether that is so.
func (j *Job) Close(timeout time.Duration) bool {
	j.Cancel()
	if isClosed(j.done) {
		return true
	}
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
