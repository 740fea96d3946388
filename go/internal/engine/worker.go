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

// An opener opens the files of a job: a [*beneath.Root], except in tests.
type opener interface {
	Open(name string) (beneath.File, error)
	NewRound() *beneath.Round
}

// verifyAll verifies the files of a plan with a pool of workers. Its error is a [*PanicError].
func (j *Job) verifyAll(p *plan, dir opener) error {
	if len(p.first) == 0 {
		return nil
	}
	return runPool(j.options.Workers, len(p.first), func(workers *pool, files []stolenFile) error {
		return j.work(newWorker(j, workers, p, dir), files)
	})
}

// work lets a worker verify the stolen files, then others until there are no more, the job is
// cancelled, or a worker panicked.
func (j *Job) work(w *worker, stolen []stolenFile) (err error) {
	defer func() {
		if err != nil {
			j.Cancel()
		}
	}()
	defer Contain(&err)
	w.pool.join(w)
	defer w.pool.leave(w)
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

	// maxRound is how long a worker begins to read files in one round.
	maxRound = 10 * time.Millisecond

	// maxAhead is how many bytes of a file a worker reads ahead, and allAhead how many all
	// workers of a job read ahead: as many as a fast disk far away delivers between two answers.
	maxAhead = 8 << 20
	allAhead = 64 << 20

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
	watched
	job      *Job
	plan     *plan
	pool     *pool
	timer    readTimer
	files    *beneath.Round
	slab     []byte
	slabSize int // how many bytes of it are used
	slots    []slot
	chosen   []int            // the slots of this round
	pieces   []*beneath.Piece // theirs
	next     int              // the slot with which the next round begins
	busy     int              // slots
	large    bool             // whether a file had more than a piece since the last measurement
	room     int              // how many slots may be busy
	held     int              // files that are counted as open
	numbers  []int            // of files that were handed out and are not begun
	taken    [maxSlots]int
	batches  []batch
	done     []numbered // verdicts of this round
	sum      [digest.MaxSize]byte
}

// A slot has one file that is being verified.
type slot struct {
	beneath.Piece
	busy      bool
	number    int
	target    target
	read      int64 // how many bytes of the file were read
	candidate receipts.Candidate
}

// A batch hashes the files of all slots that have a digest of its algorithm.
type batch struct {
	algorithm *digest.Algorithm
	digest.Batch
}

func newWorker(j *Job, workers *pool, p *plan, dir opener) *worker {
	slots := min(maxSlots, len(p.first), allSlots/int(workers.limit))
	size := min(slabSize, slabsSize/int(workers.limit))
	w := &worker{
		Opener:   limits.NewOpener(dir.Open, &j.stopped),
		job:      j,
		plan:     p,
		pool:     workers,
		timer:    readTimer{pool: workers},
		files:    dir.NewRound(),
		slab:     newSlab(size),
		slabSize: size,
		slots:    make([]slot, slots),
		room:     slots,
	}
	w.files.Memory, w.files.Stopped, w.files.Time = w.slab, &j.stopped, maxRound
	return w
}

// release closes all files and gives the slab back.
func (w *worker) release() {
	for i := range w.slots {
		w.close(&w.slots[i])
	}
	w.settle()
	w.files.Close()
	freeSlab(w.slab)
}

func (w *worker) close(s *slot) {
	if s.File != nil {
		s.File.Close()
		s.File = nil
	}
}

// settle counts the files of this worker that are open.
func (w *worker) settle() {
	open := 0
	for i := range w.slots {
		if w.slots[i].File != nil {
			open++
		}
	}
	limits.Release(w.held - open)
	w.held = open
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
	hasNone := w.busy+len(w.numbers) == 0 // nothing would be left behind
	return !(w.files.Waits && hasNone && w.pool.isTooMany())
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
	start := time.Now()
	files := w.choose()
	if w.usesReceipts() {
		w.openFirst()
	}
	w.files.Ahead = min(maxAhead, allAhead/int64(w.pool.size.Load()))
	w.waitFor(w.files.Run)
	size := w.takePieces()
	if w.files.Exhausted != nil && w.busy == 0 && len(w.numbers) > 0 {
		size += w.openAlone()
	}
	w.settle()
	w.job.bytes.Add(int64(size))
	if complete, waits := w.timer.add(time.Since(start), files-len(w.numbers), size, w.files.Waited); complete {
		w.limitSlots(waits)
	}
}

// limitSlots sets how many slots may be busy. Storage that lets workers wait can answer for many
// small files at once, but is fastest if each large file is read to its end.
func (w *worker) limitSlots(waits bool) {
	w.files.Waits = waits
	switch {
	case !waits:
		w.room = len(w.slots)
	case w.large:
		w.room = 1
	default:
		w.room = min(len(w.slots), limits.Share(int(w.pool.size.Load())))
	}
	w.large = false
}

// choose chooses the slots of the next round, and gives files to those that are free. It returns
// how many files were handed out and are not begun.
func (w *worker) choose() (files int) {
	files = len(w.numbers)
	piece := min(w.slabSize/(w.busy+files), beneath.PieceSize) / digest.Block * digest.Block
	free := limits.Reserve(files, w.held > 0)
	w.held += free
	w.chosen, w.pieces = w.chosen[:0], w.pieces[:0]
	for k := range w.slots {
		i := (w.next + k) % len(w.slots)
		s := &w.slots[i]
		if !s.busy {
			if free == 0 || !w.assign(s) {
				continue
			}
			free--
		}
		s.From, s.Size = len(w.chosen)*(piece+skew), piece
		w.chosen, w.pieces = append(w.chosen, i), append(w.pieces, &s.Piece)
	}
	return files
}

// assign gives a slot the next file that can be opened. It reports false if there is none.
func (w *worker) assign(s *slot) bool {
	for len(w.numbers) > 0 {
		s.number = w.numbers[0]
		w.numbers = w.numbers[1:]
		refusal := w.plan.target(s.number, &s.target)
		if refusal == nil {
			s.Name, s.read = s.target.name, 0
			return true
		}
		w.done = append(w.done, numbered{s.number, refusal})
	}
	return false
}

// openFirst opens the files of the round, so that those with a receipt are not read.
func (w *worker) openFirst() {
	w.waitFor(w.files.Open)
	w.takeBegun(func(s *slot) bool { return s.busy || !w.passByReceipt(s) })
}

// takeBegun takes what a call did with the files of the round that are not begun, and keeps in the
// round those that begin and those that were begun before. Files that the call did not get to are
// handed out again later. keep reports whether an open file begins.
func (w *worker) takeBegun(keep func(*slot) bool) {
	var back [maxSlots]int
	later, kept := 0, 0
	w.next = 0
	for _, i := range w.chosen {
		s := &w.slots[i]
		switch {
		case !s.Begun && !s.busy:
			back[later] = s.number
			later++
			continue
		case !s.Begun && w.next == 0:
			w.next = i // this one comes first in the next round
		case s.Err != nil && !s.busy:
			w.done = append(w.done, numbered{s.number, s.target.refused(s.Err)})
			continue
		}
		if !keep(s) {
			continue
		}
		if !s.busy {
			w.occupy(i)
		}
		w.chosen[kept] = i
		kept++
	}
	w.chosen, w.pieces = w.chosen[:kept], w.pieces[:0]
	for _, i := range w.chosen {
		w.pieces = append(w.pieces, &w.slots[i].Piece)
	}
	if later > 0 {
		later += copy(back[later:], w.numbers)
		w.numbers = w.taken[:copy(w.taken[:], back[:later])]
	}
}

// takePieces takes what was read in a round, and returns how many bytes.
func (w *worker) takePieces() (size int) {
	w.takeBegun(func(*slot) bool { return true })
	for _, i := range w.chosen {
		size += w.takePiece(i)
	}
	return size
}

func (w *worker) takePiece(at int) int {
	s := &w.slots[at]
	if !s.Begun {
		return 0
	}
	s.read += int64(s.Got)
	if s.Err != nil {
		w.freeSlot(s, s.target.refused(s.Err))
	} else {
		w.add(at, s.From, s.From+s.Got, s.Last)
		w.large = w.large || !s.Last
	}
	return s.Got
}

// openAlone opens the next file when descriptors have run out and this worker has no file open, so
// that it must wait until others close theirs. It reads a piece of the file, and returns its size.
func (w *worker) openAlone() int {
	w.chosen, w.pieces = w.chosen[:0], w.pieces[:0]
	w.settle()
	s := &w.slots[0]
	if !w.assign(s) {
		return 0
	}
	file, err := w.Open(s.Name)
	if err != nil {
		w.done = append(w.done, numbered{s.number, s.target.refused(err)})
		return 0
	}
	w.held++
	s.Reader, s.Stamp = beneath.NewReader(file), file.Opened()
	if w.usesReceipts() && w.passByReceipt(s) {
		return 0
	}
	w.occupy(0)
	w.chosen, w.pieces = append(w.chosen, 0), append(w.pieces, &s.Piece)
	w.waitFor(w.files.Run)
	return w.takePiece(0)
}

// occupy begins to hash the file of a slot.
func (w *worker) occupy(at int) {
	s := &w.slots[at]
	s.busy = true
	w.busy++
	for i := range s.target.entries {
		w.batch(s.target.entries[i].Algorithm).Begin(at, s.Stamp.Size)
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

// add adds a piece of a slot's file to the batches that hash it.
func (w *worker) add(at, from, to int, last bool) {
	entries := w.slots[at].target.entries
	for i := range entries {
		w.batch(entries[i].Algorithm).Add(at, from, to, last)
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
		if w.job.listing != nil {
			w.job.listing.set(w.plan.first[s.number], actual)
			return nil
		}
		if w.job.options.Task == HashFiles {
			result := t.hashed(OK, i, actual, s.Stamp.Size)
			result.Expected = nil // none is listed
			return result
		}
		if !bytes.Equal(actual, entry.Digest()) {
			return w.failed(s, t.hashed(Failed, i, actual, s.Stamp.Size))
		}
		if entry.Size >= 0 && entry.Size != entry.Algorithm.ListedSize(s.Stamp.Size) {
			result := w.failed(s, t.hashed(Failed, i, actual, s.Stamp.Size))
			result.Err = sizeError(entry, s.Stamp.Size)
			return result
		}
	}
	w.keepReceipt(s)
	if w.job.options.Results != AllResults {
		return nil
	}
	return t.hashed(OK, 0, t.entries[0].Digest(), s.Stamp.Size)
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
