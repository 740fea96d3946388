package engine

import "checksig/internal/digest"

// soloSize is how much of a file must be left, in bytes, for a goroutine of its own.
const soloSize = 8 << 20

// A soloPart is what was read of the only file of a worker.
type soloPart struct {
	from, to int // in the slab
	last     bool
	err      error
}

// maySolo returns the only slot that is busy, if its file is large, nothing else
// is to be done, and a core is free; else -1.
func (w *worker) maySolo() int {
	if w.busy != 1 || len(w.numbers) > 0 || !w.crew.sparesCore() {
		return -1
	}
	for i := range w.slots {
		if w.slots[i].busy && w.slots[i].Left >= soloSize {
			return i
		}
	}
	return -1
}

// solo reads a slot's file to its end, while this goroutine hashes what was read.
func (w *worker) solo(at int) {
	s := &w.slots[at]
	piece := w.slabSize / 2 / digest.Block * digest.Block
	parts, free := make(chan soloPart, 1), make(chan int, 2)
	free <- 0
	free <- piece + skew
	go w.readAhead(s, piece, parts, free)
	defer func() { // a panic, too, must wait for the reader
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
	w.finish(s, failed)
}

// readAhead reads a file to its end, a piece at a time, and gives the parts.
func (w *worker) readAhead(s *slot, piece int, parts chan<- soloPart, free <-chan int) {
	defer close(parts)
	for from := range free {
		part := soloPart{from: from, to: from}
		func() {
			defer Contain(&part.err)
			var n int
			n, part.last, part.err = s.Fill(w.slab[part.from:part.from+piece+1], w.Stopped)
			part.to += n
		}()
		parts <- part
		if part.last || part.err != nil {
			return
		}
	}
}
