package engine

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/limits"
)

// checkAll verifies the files of a plan on a bounded number of goroutines. Its
// error is a [*PanicError].
func (j *Job) checkAll(p *plan, open func(string) (beneath.File, error)) error {
	if len(p.first) == 0 {
		return nil
	}
	return run(j.options.Workers, len(p.first), func(c *crew, files []handover) error {
		return j.work(c, p, open, files)
	})
}

// work checks files until there are no more, the job is cancelled, or a worker
// panicked; first those that another worker has begun.
func (j *Job) work(c *crew, p *plan, open func(string) (beneath.File, error), begun []handover) (err error) {
	defer func() {
		if err != nil {
			j.Cancel()
		}
	}()
	defer Contain(&err)
	w := newWorker(j, c, p, open)
	defer w.release()
	w.takeOver(begun)
	for w.round() {
	}
	return nil
}

const (
	// maxSlots is how many files a worker has under way: twice as many as most kernels
	// have lanes, so that a short file's lane has a next one.
	maxSlots = 32

	// looks is after how many files a worker looks at the clock.
	looks = 4

	// allSlots is how many files all workers of a run have under way.
	allSlots = 2048

	// slabSize is how many bytes a worker reads in one round: less than a core's own cache.
	slabSize = 512 * 1024

	// slabsSize bounds what all workers of a run read in one round, in bytes.
	slabsSize = 32 << 20

	// slabExtra is for what keeps pieces apart, and for one byte more of each.
	slabExtra = maxSlots * (skew + digest.Block)

	// skew is what keeps pieces of one size from beginning a power of two apart, where
	// they would share few lines of the cache.
	skew = 192
)

// slabs hold what a worker reads in one round. They outlive a run, since a new one
// costs more than to read a small file; smaller ones, for many workers, do not.
var slabs = sync.Pool{New: func() any { return new([slabSize + slabExtra]byte) }}

func newSlab(size int) []byte {
	if size < slabSize {
		return make([]byte, size+slabExtra)
	}
	return slabs.Get().(*[slabSize + slabExtra]byte)[:]
}

func freeSlab(slab []byte) {
	if len(slab) == slabSize+slabExtra {
		slabs.Put((*[slabSize + slabExtra]byte)(slab))
	}
}

// A worker verifies many files at once, round by round: it reads a piece of each,
// hashes all pieces together, and gives a verdict on the files that ended.
type worker struct {
	limits.Opener
	job      *Job
	plan     *plan
	crew     *crew
	pace     pace
	slab     []byte
	slabSize int // what it uses of it
	slots    []slot
	next     int   // slot to begin a round with
	busy     int   // slots
	room     int   // how many may be busy
	numbers  []int // of files that were handed out and are not begun
	taken    [maxSlots]int
	batches  []batch
	done     []numbered // verdicts of this round
	sum      [digest.MaxSize]byte
}

// A slot is for one file under way.
type slot struct {
	beneath.Reader // its File is nil when it is closed
	busy           bool
	number         int
	target         target
	size           int64
}

// A batch is what hashes the files of all slots that have a digest of that algorithm.
type batch struct {
	algorithm *digest.Algorithm
	digest.Batch
}

func newWorker(j *Job, c *crew, p *plan, open func(string) (beneath.File, error)) *worker {
	slots := min(maxSlots, len(p.first), allSlots/int(c.most))
	size := min(slabSize, slabsSize/int(c.most))
	return &worker{
		Opener:   limits.NewOpener(open, &j.stopped),
		job:      j,
		plan:     p,
		crew:     c,
		pace:     pace{crew: c},
		slab:     newSlab(size),
		slabSize: size,
		slots:    make([]slot, slots),
		room:     slots,
	}
}

// release closes what is open.
func (w *worker) release() {
	for i := range w.slots {
		w.close(&w.slots[i])
	}
	freeSlab(w.slab)
}

func (w *worker) close(s *slot) {
	if s.File != nil {
		limits.Close(s.File)
		s.File = nil
	}
}

// round reports whether there may be a next one.
func (w *worker) round() bool {
	if len(w.numbers) == 0 && w.busy < w.room {
		free := w.taken[:w.room-w.busy]
		w.numbers = free[:w.job.results.take(free, w.busy, int(w.crew.size.Load()))]
	}
	if len(w.numbers)+w.busy == 0 {
		return false
	}
	w.withThread()
	if w.job.stopped.Load() {
		return false
	}
	w.settle()
	w.share()
	return true
}

// withThread does what a round does with files.
func (w *worker) withThread() {
	if err := limits.Threads.Take(w.Stopped); err != nil {
		w.refuse(err)
		return
	}
	defer limits.Threads.Give()
	w.work()
	w.scout()
}

// work reads and hashes.
func (w *worker) work() {
	if at := w.maySolo(); at >= 0 {
		if splitters := w.splitters(at); splitters != nil {
			w.split(at, splitters)
			return
		}
		if limits.Threads.TryTake() {
			defer limits.Threads.Give()
			w.solo(at)
			return
		}
	}
	w.read()
	w.hash()
}

func (w *worker) hash() {
	for _, batch := range w.batches {
		batch.Run()
	}
}

// refuse gives the verdict that no file could be read.
func (w *worker) refuse(err error) {
	var t target
	for _, number := range w.numbers {
		refusal := w.plan.target(number, &t)
		if refusal == nil {
			refusal = t.refused(err)
		}
		w.done = append(w.done, numbered{number, refusal})
	}
	w.numbers = w.numbers[:0]
	for i := range w.slots {
		if s := &w.slots[i]; s.busy {
			w.leave(s, s.target.refused(err))
		}
	}
}

// read begins files for the free slots, and reads the next piece of each slot's file.
func (w *worker) read() {
	piece := min(w.slabSize/(w.busy+len(w.numbers)), beneath.PieceSize) / digest.Block * digest.Block
	start := time.Now()
	files, size, at := len(w.numbers), 0, 0
	for k := range w.slots {
		i := (w.next + k) % len(w.slots)
		for tries := 0; !w.slots[i].busy && len(w.numbers) > 0 && w.mayBegin(tries, start) && w.begin(i); tries++ {
		}
		if w.slots[i].busy {
			size += w.readPiece(i, at, piece)
			at += piece + skew
		}
		if k%looks == looks-1 && time.Since(start) > judged {
			w.next = i + 1 // the others' turn comes first
			break
		}
	}
	w.job.bytes.Add(int64(size))
	if due, waits := w.pace.note(time.Since(start), files-len(w.numbers), size); due && waits {
		w.room = 1 // a disk reads best what it reads to the end
	} else if due {
		w.room = len(w.slots)
	}
}

// mayBegin reports whether one more file may be begun for a slot, after so many that
// could not be opened, in a round since start.
func (w *worker) mayBegin(tries int, start time.Time) bool {
	return !w.Stopped.Load() && (tries == 0 || time.Since(start) <= judged)
}

// begin opens the next file, for a slot. It reports false if that must wait until a
// file of this worker is closed.
func (w *worker) begin(at int) bool {
	s := &w.slots[at]
	number := w.numbers[0]
	refusal := w.plan.target(number, &s.target)
	if refusal == nil {
		if w.busy > 0 && limits.ManyOpen() {
			return false
		}
		file, err := w.openFile(s.target.name)
		if limits.Exhausted(err) && w.busy > 0 {
			return false
		}
		if err == nil {
			w.occupy(at, number, file)
		} else {
			refusal = s.target.refused(err)
		}
	}
	if refusal != nil {
		w.done = append(w.done, numbered{number, refusal})
	}
	w.numbers = w.numbers[1:]
	return true
}

// openFile waits for descriptors only if no file of this worker is open: one that is
// may be what they wait for.
func (w *worker) openFile(name string) (beneath.File, error) {
	if w.busy > 0 {
		return w.OpenOnce(name)
	}
	return w.Open(name)
}

func (w *worker) occupy(at, number int, file beneath.File) {
	s := &w.slots[at]
	s.Reader, s.busy, s.number = beneath.NewReader(file), true, number
	s.size = s.Left
	w.busy++
	for i := range s.target.entries {
		w.batch(s.target.entries[i].Algorithm).Begin(at, s.size)
	}
}

// leave makes a slot free, with the verdict on its file; nil is OK, when such results
// are not wanted.
func (w *worker) leave(s *slot, result *Result) {
	w.close(s)
	s.busy = false
	w.busy--
	w.done = append(w.done, numbered{s.number, result})
}

func (w *worker) batch(algorithm *digest.Algorithm) digest.Batch {
	for i := range w.batches {
		if w.batches[i].algorithm == algorithm {
			return w.batches[i].Batch
		}
	}
	made := algorithm.NewBatch(w.slab, len(w.slots))
	w.batches = append(w.batches, batch{algorithm, made})
	return made
}

// readPiece reads the next piece of a slot's file to where it belongs in the slab.
func (w *worker) readPiece(at, from, piece int) (n int) {
	s := &w.slots[at]
	n, last, err := s.Fill(w.slab[from:from+piece+1], w.Stopped)
	w.add(at, from, from+n, last)
	if last || err != nil {
		w.finish(s, err)
	}
	return n
}

// add gives a piece of a slot's file to be hashed.
func (w *worker) add(at, from, to int, last bool) {
	entries := w.slots[at].target.entries
	for i := range entries {
		w.batch(entries[i].Algorithm).Add(at, from, to, last)
	}
}

// finish closes a slot's file, of which there is no more, or that could not be read.
func (w *worker) finish(s *slot, err error) {
	if err == nil {
		err = s.Verify()
	}
	w.close(s)
	if err != nil {
		w.leave(s, s.target.refused(err))
	}
}

// settle gives the verdicts of a round.
func (w *worker) settle() {
	for i := range w.slots {
		if s := &w.slots[i]; s.busy && s.File == nil {
			w.leave(s, w.verdict(i))
		}
	}
	if len(w.done) > 0 {
		w.job.results.put(w.done)
		w.done = w.done[:0]
	}
}

// verdict gives the verdict on a slot's file, all of which was hashed; nil is OK, when
// such results are not wanted.
func (w *worker) verdict(at int) *Result {
	s := &w.slots[at]
	t := &s.target
	for i := range t.entries {
		entry := &t.entries[i]
		actual := w.batch(entry.Algorithm).Sum(at, w.sum[:0])
		if w.job.options.Task == HashFiles {
			return t.hashed(OK, i, actual, s.size)
		}
		if !bytes.Equal(actual, entry.Digest()) {
			return t.hashed(Failed, i, actual, s.size)
		}
		if entry.Size >= 0 && entry.Size != s.size {
			result := t.hashed(Failed, i, actual, s.size)
			result.Err = fmt.Errorf("%d bytes, not the %d that are listed", s.size, entry.Size)
			return result
		}
	}
	if w.job.options.Results != AllResults {
		return nil
	}
	return t.hashed(OK, 0, t.entries[0].Digest(), s.size)
}
