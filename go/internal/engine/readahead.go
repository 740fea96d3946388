package engine

import (
	"checksig/internal/beneath"
	"checksig/internal/digest"
)

// readAheadSize is how many bytes of a file must be left for a second goroutine to pay off.
const readAheadSize = 8 << 20

// A readAheadPart is a piece that was read ahead.
type readAheadPart struct {
	from, to int // in the slab
	last     bool
	err      error
}

// singleLargeFile returns the slot of the worker's only file, if that is large, the worker
// has nothing else to do, and a core is free. Otherwise it returns -1.
func (w *worker) singleLargeFile() int {
	if w.busy != 1 || len(w.numbers) > 0 || !w.pool.hasFreeCore() {
		return -1
	}
	for i := range w.slots {
		if w.slots[i].busy && w.slots[i].Left >= readAheadSize {
			return i
		}
	}
	return -1
}

// hashWithReadAhead reads a slot's file to its end on a second goroutine, and hashes on
// this one what was read.
func (w *worker) hashWithReadAhead(at int) {
	s := &w.slots[at]
	piece := w.slabSize / 2 / digest.Block * digest.Block
	parts, free := make(chan readAheadPart, 1), make(chan int, 2)
	free <- 0
	free <- piece + skew
	go w.readAhead(s, piece, parts, free)
	defer func() { // after a panic too, wait until the other goroutine reads no more
		close(free)
		for range parts {
		}
	}()
	var failed error
	for part := range parts {
		w.add(at, part.from, part.to, part.last)
		w.hash()
		w.job.bytes.Add(int64(part.to - part.from))
		failed = part.err
		free <- part.from
	}
	w.end(s, failed)
}

// fill reads the next piece of a slot's file, the only one of the worker, into a buffer that has one
// byte more. It closes the file after the last piece or an error.
func (w *worker) fill(s *slot, buffer []byte) (n int, last bool, err error) {
	w.files.Memory = buffer
	s.From, s.Size = 0, len(buffer)-1
	w.files.Run([]*beneath.Piece{&s.Piece})
	if !s.Begun {
		return 0, false, beneath.ErrStopped
	}
	return s.Got, s.Last, s.Err
}

// end ends the work at a slot's file, all of which was read, or where err occurred. It passes a
// panic on.
func (w *worker) end(s *slot, err error) {
	w.files.Memory = w.slab
	if panicked, ok := err.(*PanicError); ok {
		panic(panicked)
	}
	if err != nil {
		w.freeSlot(s, s.target.refused(err))
	}
}

// readAhead reads a file to its end and sends it piece by piece, each to a free part of
// the slab.
func (w *worker) readAhead(s *slot, piece int, parts chan<- readAheadPart, free <-chan int) {
	defer close(parts)
	for from := range free {
		part := readAheadPart{from: from, to: from}
		func() {
			defer Contain(&part.err)
			var n int
			n, part.last, part.err = w.fill(s, w.slab[part.from:part.from+piece+1])
			part.to += n
		}()
		parts <- part
		if part.last || part.err != nil {
			return
		}
	}
}
