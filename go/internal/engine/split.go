package engine

import (
	"sync"

	"checksig/internal/digest"
	"checksig/internal/limits"
)

const (
	// maxHelpers is how many goroutines beside the worker's hash one file, at most: more
	// would wait for their turn to read.
	maxHelpers = 15

	// splitPiece is how much of the file each reads at once, in bytes.
	splitPiece = 256 << 10

	// maxParts is how many parts of a file may be read and not joined.
	maxParts = 4 * (1 + maxHelpers)
)

// splitBuffers outlive a run, as the slabs do.
var splitBuffers = sync.Pool{New: func() any { return new([splitPiece + 1]byte) }}

// A splitFile is the only file of a worker while several goroutines hash it: each reads
// a piece, when it is its turn, hashes it while others read, and joins what can be
// joined.
type splitFile struct {
	worker    *worker
	slot      int
	splitters []digest.Splitter // one an entry
	helpers   sync.WaitGroup

	turn    sync.Mutex // to read; it guards
	at      int64      // where the next piece begins
	number  int        // of the next piece
	started int        // helpers

	mu     sync.Mutex // it guards
	moved  *sync.Cond
	parts  [maxParts]filePart // by the number of their piece
	joined int                // pieces
	ended  bool               // the last piece is read, or there was an error
	err    error
}

// A filePart is a piece of a file.
type filePart struct {
	parts []digest.Part // one an entry
	size  int
	done  bool // it is hashed, and not joined
}

// splitters returns what hashes a slot's file on several cores, or nil if one of its
// algorithms cannot.
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

// split reads a slot's file to its end and hashes it, on as many cores as are free.
func (w *worker) split(at int, splitters []digest.Splitter) {
	s := &w.slots[at]
	f := &splitFile{worker: w, slot: at, splitters: splitters, at: s.size - s.Left}
	f.moved = sync.NewCond(&f.mu)
	f.work()
	f.helpers.Wait()
	if panicked, ok := f.err.(*PanicError); ok {
		panic(panicked)
	}
	w.finish(s, f.err)
}

// help starts one more helper, if there is a core and a thread for it.
func (f *splitFile) help() {
	crew := f.worker.crew
	if f.started == maxHelpers || !crew.takeCore() {
		return
	}
	if !limits.Threads.TryTake() {
		crew.giveCore()
		return
	}
	f.started++
	f.helpers.Go(func() {
		defer crew.giveCore()
		defer limits.Threads.Give()
		f.work()
	})
}

// work reads and hashes pieces until there are no more, or something went wrong.
func (f *splitFile) work() {
	buffer := splitBuffers.Get().(*[splitPiece + 1]byte)
	defer splitBuffers.Put(buffer)
	if err := f.pieces(buffer[:]); err != nil {
		f.end(err)
	}
}

func (f *splitFile) pieces(buffer []byte) (err error) {
	defer Contain(&err)
	for {
		piece, err := f.read(buffer)
		if err != nil || piece.part == nil {
			return err
		}
		f.hash(piece, buffer)
	}
}

// A filePiece is a piece that was read; part is nil if there is none.
type filePiece struct {
	part *filePart
	at   int64
	last bool
}

// read reads the next piece, when there is room for its part. Where nobody else reads,
// one more helper pays.
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
		f.help()
	}
	p.at = f.at
	p.part.size, p.last, err = f.worker.slots[f.slot].Fill(buffer, f.worker.Stopped)
	f.at += int64(p.part.size)
	f.number++
	if p.last {
		f.end(nil)
	}
	return p, err
}

// room waits until the part before which the next one would come is joined, and
// returns its place, or nil at the end.
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

// end makes all goroutines end.
func (f *splitFile) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	if f.err == nil {
		f.err = err
	}
	f.moved.Broadcast()
}

// hash hashes a piece, and joins those that can be joined.
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
