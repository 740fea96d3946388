package engine

import (
	"sync"
	"time"

	"checksig/internal/digest"
	"checksig/internal/limits"
)

const (
	// maxHashers is how many goroutines hash one file: more would wait for their turn to
	// read.
	maxHashers = 16

	// splitPiece is how many bytes of the file a goroutine reads at once at the beginning, so
	// that all cores soon have work, and maxSplitPiece later: the system copies them faster.
	splitPiece    = 256 << 10
	maxSplitPiece = 1 << 20

	// growAfter is how many bytes are read in pieces of splitPiece. Pieces grow only if the
	// storage gives at least as many bytes a second, because the job cannot end during a read.
	growAfter = 32 << 20

	// maxParts is how many parts of a file may be read and not yet joined.
	maxParts = 4 * maxHashers
)

// splitBuffers are kept for later jobs, as the slabs are.
var splitBuffers = sync.Pool{New: func() any { return new([maxSplitPiece + 1]byte) }}

// A splitFile is a large file, the only one of a worker, that several goroutines hash. Each
// of them waits for its turn, reads a piece, hashes it while others read, and joins the
// parts that can be joined.
type splitFile struct {
	worker    *worker
	slot      int
	splitters []digest.Splitter // one an entry
	hashers   sync.WaitGroup    // besides the worker
	start     time.Time
	from      int64 // where the first piece begins in the file

	turn    sync.Mutex // to read; it guards
	at      int64      // where the next piece begins in the file
	number  int        // of the next piece
	started int        // hashers

	mu     sync.Mutex // it guards
	moved  *sync.Cond
	parts  [maxParts]filePart // by the number of their piece, modulo maxParts
	joined int                // pieces
	ended  bool               // the last piece was read, or there was an error
	err    error
}

// A filePart is a piece of a file.
type filePart struct {
	parts []digest.Part // one an entry
	size  int
	done  bool // hashed and not yet joined
}

// splitters returns what hashes a slot's file on several cores, or nil if one of the
// file's algorithms cannot.
func (w *worker) splitters(at int) (list []digest.Splitter) {
	entries := w.slots[at].target.entries
	for i := range entries {
		splitter, ok := w.batch(entries[i].Algorithm).(digest.Splitter)
		if !ok {
			return nil
		}
		list = append(list, splitter)
	}
	return list
}

// split reads and hashes a slot's file to its end, on as many cores as are free.
func (w *worker) split(at int, splitters []digest.Splitter) {
	s := &w.slots[at]
	from := s.Stamp.Size - s.Left
	f := &splitFile{worker: w, slot: at, splitters: splitters, start: time.Now(), from: from, at: from}
	f.moved = sync.NewCond(&f.mu)
	f.work()
	f.hashers.Wait()
	w.end(s, f.err)
}

// addHasher starts one more goroutine, if a core and a thread are free.
func (f *splitFile) addHasher() {
	pool := f.worker.pool
	if f.started == maxHashers-1 || !pool.takeCore() {
		return
	}
	if !limits.Threads.TryTake() {
		pool.giveCore()
		return
	}
	f.started++
	f.hashers.Go(func() {
		defer pool.giveCore()
		defer limits.Threads.Give()
		f.work()
	})
}

// work reads and hashes pieces until the file or the job ends, or an error occurs.
func (f *splitFile) work() {
	buffer := splitBuffers.Get().(*[maxSplitPiece + 1]byte)
	defer splitBuffers.Put(buffer)
	if err := f.hashPieces(buffer[:]); err != nil {
		f.end(err)
	}
}

func (f *splitFile) hashPieces(buffer []byte) (err error) {
	defer Contain(&err)
	for {
		piece, err := f.read(buffer)
		if err != nil || piece.part == nil {
			return err
		}
		f.hash(piece, buffer)
	}
}

// A filePiece is a piece that was read; part is nil if the file has no more.
type filePiece struct {
	part *filePart
	at   int64
	last bool
}

// read reads the next piece once there is room for its part. If no other goroutine was
// reading, one more hasher pays off.
func (f *splitFile) read(buffer []byte) (p filePiece, err error) {
	alone := f.turn.TryLock()
	if !alone {
		f.turn.Lock()
	}
	defer f.turn.Unlock()
	if p.part = f.room(); p.part == nil {
		return p, nil
	}
	if alone {
		f.addHasher()
	}
	p.at = f.at
	piece := pieceSize(f.at-f.from, time.Since(f.start))
	p.part.size, p.last, err = f.worker.fill(&f.worker.slots[f.slot], buffer[:piece+1])
	f.at += int64(p.part.size)
	f.number++
	if p.last {
		f.end(nil)
	}
	return p, err
}

// pieceSize returns the size of the next piece, after size bytes were read in spent.
func pieceSize(size int64, spent time.Duration) int {
	if size < growAfter || float64(size) < growAfter*spent.Seconds() {
		return splitPiece
	}
	return maxSplitPiece
}

// room waits until the next part has a place in parts, and returns the place, or nil at
// the end.
func (f *splitFile) room() *filePart {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.ended && f.number-f.joined >= maxParts {
		f.moved.Wait()
	}
	if f.ended {
		return nil
	}
	return &f.parts[f.number%maxParts]
}

// end makes all goroutines end. The first error is kept.
func (f *splitFile) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	if f.err == nil {
		f.err = err
	}
	f.moved.Broadcast()
}

// hash hashes a piece, and joins all parts that can be joined.
func (f *splitFile) hash(p filePiece, buffer []byte) {
	size := p.part.size
	for i, splitter := range f.splitters {
		if i == len(p.part.parts) {
			p.part.parts = append(p.part.parts, splitter.NewPart())
		}
		p.part.parts[i].Hash(p.at, buffer[:size], p.last)
	}
	f.worker.job.bytes.Add(int64(size))
	f.mu.Lock()
	defer f.mu.Unlock()
	p.part.done = true
	for {
		next := &f.parts[f.joined%maxParts]
		if !next.done {
			break
		}
		for i, splitter := range f.splitters {
			splitter.Join(f.slot, next.parts[i])
		}
		next.done = false
		f.joined++
	}
	f.moved.Broadcast()
}
