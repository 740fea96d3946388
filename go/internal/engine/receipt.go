package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/limits"
	"checksig/internal/receipts"
)

// Receipts says what a job does with receipts. Without a directory it does nothing.
type Receipts struct {
	Directory string        // that has the journals of all roots
	Use       bool          // do not hash files that have a receipt, and write new receipts
	MaxAge    time.Duration // of a receipt that is used
}

// A receiptJob is what a job knows of receipts. The store is opened before the workers start if
// receipts are used, and otherwise when the first file is bad, because a bad verdict revokes.
type receiptJob struct {
	open    sync.Once
	store   *receipts.Store // nil if there is none
	count   atomic.Int64    // files that are OK by receipts
	spared  atomic.Int64    // their bytes
	mu      sync.Mutex
	oldest  int64
	problem string // why there is no store
}

const noState = "receipts need a state directory: set XDG_STATE_HOME or HOME"

// openReceipts returns the store of the root, or nil.
func (j *Job) openReceipts() *receipts.Store {
	r := &j.receipts
	r.open.Do(func() {
		directory := j.options.Receipts.Directory
		if directory == "" {
			r.problem = noState
			return
		}
		store, err := receipts.New(directory, j.root, j.options.Receipts.MaxAge)
		if err != nil {
			r.problem = "receipts not used: " + err.Error()
			return
		}
		j.withThread(func() { store.Load(&j.stopped) })
		r.store = store
	})
	return r.store
}

// verifyWithReceipts verifies the files of a plan. If receipts are used, it writes new ones from
// time to time, so that a run that is killed need not begin again.
func (j *Job) verifyWithReceipts(p *plan, dir *beneath.Root) error {
	if j.options.Receipts.Use {
		if store := j.openReceipts(); store != nil {
			ended := make(chan struct{})
			defer inBackground(func() { j.flushUntil(store, ended) })()
			defer close(ended)
		}
	}
	err := j.verifyAll(p, dir)
	if store := j.receipts.store; store != nil {
		j.withThread(store.Close)
	}
	return err
}

// withThread does work that may wait for a disk, with a thread if there is one.
func (j *Job) withThread(work func()) {
	if limits.Threads.Take(&j.stopped) == nil {
		defer limits.Threads.Give()
	}
	work()
}

func (j *Job) flushUntil(store *receipts.Store, ended <-chan struct{}) {
	var err error
	defer Contain(&err) // the receipts are then lost
	ticker := time.NewTicker(receipts.FlushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			j.withThread(store.Flush)
		case <-ended:
			return
		}
	}
}

// countReceipts counts the receipts of the root.
func (j *Job) countReceipts() {
	j.report = &Report{Root: j.root}
	if store := j.openReceipts(); store != nil {
		j.receipts.set(store.Count())
	}
	j.report.Notes = j.receipts.notes()
}

func (r *receiptJob) progress(p *Progress) {
	if p.ByReceipt = r.count.Load(); p.ByReceipt == 0 {
		return
	}
	if p.TotalBytes >= 0 {
		p.TotalBytes -= r.spared.Load()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p.OldestReceipt = r.oldest
}

func (r *receiptJob) set(count, oldest int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.oldest = oldest
	r.count.Store(count)
}

func (r *receiptJob) pass(when, size int64) {
	r.spared.Add(size)
	r.mu.Lock()
	if r.oldest == 0 || when < r.oldest {
		r.oldest = when
	}
	r.mu.Unlock()
	r.count.Add(1)
}

func (r *receiptJob) notes() []string {
	if r.store != nil {
		return r.store.Notes()
	}
	if r.problem != "" {
		return []string{r.problem}
	}
	return nil
}

// usesReceipts reports whether files may be OK by receipts.
func (w *worker) usesReceipts() bool {
	return w.job.receipts.store != nil && w.job.options.Receipts.Use
}

// passByReceipt reports whether a receipt says that a slot's file, which was opened just now, is
// OK. Then it closes the file and notes the verdict. Otherwise the file may become a candidate for
// a receipt.
func (w *worker) passByReceipt(s *slot) bool {
	store := w.job.receipts.store
	when, ok := store.Find(s.target.name, s.target.entries, s.File)
	if !ok {
		s.candidate = store.Begin(s.File)
		return false
	}
	w.close(s)
	w.job.receipts.pass(when, s.Stamp.Size)
	var result *Result
	if w.job.options.Results == AllResults {
		result = s.target.result(OK, nil)
		result.Size, result.Receipt = s.Stamp.Size, when
	}
	w.done = append(w.done, numbered{s.number, result})
	return true
}

// keepReceipt adds a receipt for a slot's file, which is OK.
func (w *worker) keepReceipt(s *slot) {
	if w.usesReceipts() {
		w.job.receipts.store.Keep(s.target.name, s.target.entries, s.Stamp, s.candidate)
	}
}

// failed adds to the result of a slot's file when the file was last OK, if that is known.
func (w *worker) failed(s *slot, result *Result) *Result {
	if w.job.options.Receipts.Directory != "" {
		if store := w.job.openReceipts(); store != nil {
			result.Receipt, result.Touched = store.Known(s.target.name, s.target.entries, s.Stamp)
		}
	}
	return result
}

// revokeBad revokes the receipts of the files that are bad, before their verdicts are passed on.
func (w *worker) revokeBad() {
	if w.job.options.Receipts.Directory == "" {
		return
	}
	var names []string
	for _, done := range w.done {
		if r := done.result; r != nil && (r.Status != Missing || !w.job.options.IgnoreMissing) && r.Status != OK {
			names = append(names, r.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	if store := w.job.openReceipts(); store != nil {
		w.job.withThread(func() { store.Revoke(names) })
	}
}
