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
	if panicked, ok := failed.(*PanicError); ok {
		panic(panicked)
	}
	if failed != nil {
		w.freeSlot(s, s.target.refused(failed))
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
			s.From, s.Size = part.from, piece
			w.files.Run([]*beneath.Piece{&s.Piece})
			part.to, part.last, part.err = part.from+s.Got, s.Last, s.Err
			if !s.Begun {
				part.err = beneath.ErrStopped
			}
		}()
		parts <- part
		if part.last || part.err != nil {
			return
		}
	}
}
