package engine

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/limits"
	"checksig/internal/manifest"
	"checksig/internal/receipts"
)

// verifyAll verifies the files of a plan with a pool of workers. Its error is a
// [*PanicError].
func (j *Job) verifyAll(p *plan, open func(string) (beneath.File, error)) error {
	if len(p.first) == 0 {
		return nil
	}
	return runPool(j.options.Workers, len(p.first), func(workers *pool, files []stolenFile) error {
		return j.work(workers, p, open, files)
	})
}

// work is one worker. It verifies the stolen files, then others until there are no more,
// the job is cancelled, or a worker panicked.
func (j *Job) work(workers *pool, p *plan, open func(string) (beneath.File, error), stolen []stolenFile) (err error) {
	defer func() {
		if err != nil {
			j.Cancel()
		}
	}()
	defer Contain(&err)
	w := newWorker(j, workers, p, open)
	defer w.release()
	w.attach(stolen)
	for w.round() {
	}
	return nil
}

const (
	// maxSlots is how many files a worker verifies at once: twice as many as most kernels
	// have lanes, so that the lane of a short file gets another file at once.
	maxSlots = 32

	// allSlots is how many files all workers of a job verify at once.
	allSlots = 2048

	// maxRound is how long a worker opens and reads files in one round, apart from the last
	// file. It looks at the clock after each clockEvery slots.
	maxRound   = 10 * time.Millisecond
	clockEvery = 4

	// slabSize is how many bytes a worker reads in one round: fewer than a core's own cache
	// holds.
	slabSize = 512 * 1024

	// slabsSize is how many bytes all workers of a job read in one round, at most.
	slabsSize = 32 << 20

	// slabExtra is for the space between pieces, and for one byte more of each piece.
	slabExtra = maxSlots * (skew + digest.Block)

	// skew is the space between pieces, in bytes. Without it, pieces of one size would
	// begin a power of two apart, and share few lines of the cache.
	skew = 192
)

// slabs hold what a worker reads in one round. They are kept for later jobs, because a new
// one costs more than to read a small file. Smaller ones, for many workers, are not kept.
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

// A worker verifies many files at once, in rounds: it reads a piece of each file, hashes
// all pieces together, and gives the verdicts on the files that ended.
type worker struct {
	limits.Opener
	job      *Job
	plan     *plan
	pool     *pool
	timer    readTimer
	slab     []byte
	slabSize int // how many bytes of it are used
	slots    []slot
	next     int   // the slot with which the next round begins
	busy     int   // slots
	room     int   // how many slots may be busy
	numbers  []int // of files that were handed out and are not begun
	taken    [maxSlots]int
	batches  []batch
	done     []numbered // verdicts of this round
	sum      [digest.MaxSize]byte
}

// A slot has one file that is being verified.
type slot struct {
	beneath.Reader // its File is nil once it is closed
	busy           bool
	number         int
	target         target
	size           int64
	stamp          beneath.Stamp // as of the opening
	candidate      receipts.Candidate
}

// A batch hashes the files of all slots that have a digest of its algorithm.
type batch struct {
	algorithm *digest.Algorithm
	digest.Batch
}

func newWorker(j *Job, workers *pool, p *plan, open func(string) (beneath.File, error)) *worker {
	slots := min(maxSlots, len(p.first), allSlots/int(workers.limit))
	size := min(slabSize, slabsSize/int(workers.limit))
	return &worker{
		Opener:   limits.NewOpener(open, &j.stopped),
		job:      j,
		plan:     p,
		pool:     workers,
		timer:    readTimer{pool: workers},
		slab:     newSlab(size),
		slabSize: size,
		slots:    make([]slot, slots),
		room:     slots,
	}
}

// release closes all files and gives the slab back.
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

// round works for one round. It reports whether there may be another one.
func (w *worker) round() bool {
	if len(w.numbers) == 0 && w.busy < w.room {
		free := w.taken[:w.room-w.busy]
		w.numbers = free[:w.job.results.take(free, w.busy, int(w.pool.size.Load()))]
	}
	if len(w.numbers)+w.busy == 0 {
		return false
	}
	w.workWithThread()
	if w.job.stopped.Load() {
		return false
	}
	w.giveVerdicts()
	w.offerLargeFiles()
	return true
}

// workWithThread takes a thread for everything in a round that uses the file system.
func (w *worker) workWithThread() {
	if err := limits.Threads.Take(w.Stopped); err != nil {
		w.refuseAll(err)
		return
	}
	defer limits.Threads.Give()
	w.work()
	w.findLarge()
}

// work reads and hashes.
func (w *worker) work() {
	if at := w.singleLargeFile(); at >= 0 {
		if splitters := w.splitters(at); splitters != nil {
			w.split(at, splitters)
			return
		}
		if limits.Threads.TryTake() {
			defer limits.Threads.Give()
			w.hashWithReadAhead(at)
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

// refuseAll gives all files of this worker the verdict that they could not be read.
func (w *worker) refuseAll(err error) {
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
			w.freeSlot(s, s.target.refused(err))
		}
	}
}

// read opens files for the free slots, and reads the next piece of each slot's file.
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
		if k%clockEvery == clockEvery-1 && time.Since(start) > maxRound {
			w.next = i + 1 // the other slots come first in the next round
			break
		}
	}
	w.job.bytes.Add(int64(size))
	if complete, waits := w.timer.add(time.Since(start), files-len(w.numbers), size); complete && waits {
		w.room = 1 // a disk is fastest if each file is read to its end
	} else if complete {
		w.room = len(w.slots)
	}
}

// mayBegin reports whether a slot may get another file after that many could not be opened,
// in the round that began at start.
func (w *worker) mayBegin(tries int, start time.Time) bool {
	return !w.Stopped.Load() && (tries == 0 || time.Since(start) <= maxRound)
}

// begin opens the next file for a slot. It reports false if that must wait until a file of
// this worker is closed.
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
		switch {
		case err != nil:
			refusal = s.target.refused(err)
		case w.passByReceipt(s, number, file):
		default:
			w.occupy(at, number, file)
		}
	}
	if refusal != nil {
		w.done = append(w.done, numbered{number, refusal})
	}
	w.numbers = w.numbers[1:]
	return true
}

// openFile waits for a free descriptor only if this worker has no file open. Otherwise
// closing that file may be what frees one.
func (w *worker) openFile(name string) (beneath.File, error) {
	if w.busy > 0 {
		return w.OpenOnce(name)
	}
	return w.Open(name)
}

// occupy puts an open file into a slot.
func (w *worker) occupy(at, number int, file beneath.File) {
	s := &w.slots[at]
	s.Reader, s.busy, s.number = beneath.NewReader(file), true, number
	s.size, s.stamp = s.Left, file.Opened()
	w.busy++
	for i := range s.target.entries {
		w.batch(s.target.entries[i].Algorithm).Begin(at, s.size)
	}
}

// freeSlot frees a slot and notes the result of its file. A nil result is OK, where such
// results are not wanted.
func (w *worker) freeSlot(s *slot, result *Result) {
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

// readPiece reads the next piece of a slot's file to its place in the slab.
func (w *worker) readPiece(at, from, piece int) (n int) {
	s := &w.slots[at]
	n, last, err := s.Fill(w.slab[from:from+piece+1], w.Stopped)
	w.add(at, from, from+n, last)
	if last || err != nil {
		w.finish(s, err)
	}
	return n
}

// add adds a piece of a slot's file to the batches that hash it.
func (w *worker) add(at, from, to int, last bool) {
	entries := w.slots[at].target.entries
	for i := range entries {
		w.batch(entries[i].Algorithm).Add(at, from, to, last)
	}
}

// finish closes a slot's file, which was read to its end or could not be read.
func (w *worker) finish(s *slot, err error) {
	if err == nil {
		err = s.Verify()
	}
	w.close(s)
	if err != nil {
		w.freeSlot(s, s.target.refused(err))
	}
}

// giveVerdicts gives the verdicts of this round to the job's stream.
func (w *worker) giveVerdicts() {
	for i := range w.slots {
		if s := &w.slots[i]; s.busy && s.File == nil {
			w.freeSlot(s, w.verdict(i))
		}
	}
	if len(w.done) > 0 {
		w.revokeBad()
		w.job.results.put(w.done)
		w.done = w.done[:0]
	}
}

// verdict returns the result of a slot's file, all of which was hashed. nil is OK, where
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
			return w.failed(s, t.hashed(Failed, i, actual, s.size))
		}
		if entry.Size >= 0 && entry.Size != entry.Algorithm.ListedSize(s.size) {
			result := w.failed(s, t.hashed(Failed, i, actual, s.size))
			result.Err = sizeError(entry, s.size)
			return result
		}
	}
	w.keepReceipt(s)
	if w.job.options.Results != AllResults {
		return nil
	}
	return t.hashed(OK, 0, t.entries[0].Digest(), s.size)
}

// sizeError returns the reason for a file whose size is not the listed one.
func sizeError(entry *manifest.Entry, size int64) error {
	unit := entry.Algorithm.Unit
	if unit == 0 {
		return fmt.Errorf("size is %d bytes, listed as %d", size, entry.Size)
	}
	blocks := entry.Algorithm.ListedSize(size) / unit
	return fmt.Errorf("size in blocks of %d bytes is %d, listed as %d", unit, blocks, entry.Size/unit)
}
