package engine

import "checksig/internal/digest"

// stealSize is how many bytes of a file must be left for another worker to steal it.
const stealSize = 4 << 20

// A stolenFile is a file that one worker has begun and another one continues.
type stolenFile struct {
	slot   slot
	states []digest.State // one an entry
}

// offerLargeFiles lets a new worker steal half of the large files of this one, if a core
// is free.
func (w *worker) offerLargeFiles() {
	if !w.pool.hasFreeCore() {
		return
	}
	var large []int
	for i := range w.slots {
		if s := &w.slots[i]; s.File != nil && s.Left >= stealSize {
			large = append(large, i)
		}
	}
	if len(large) < 2 {
		return
	}
	w.pool.steal(func() (files []stolenFile) {
		for _, at := range large[:len(large)/2] {
			files = append(files, w.detach(at))
		}
		return files
	})
}

// detach takes the file of a slot, and the state of its hashes, out of the worker.
func (w *worker) detach(at int) stolenFile {
	s := &w.slots[at]
	file := stolenFile{slot: *s}
	for i := range s.target.entries {
		file.states = append(file.states, w.batch(s.target.entries[i].Algorithm).Take(at))
	}
	*s = slot{}
	w.busy--
	w.held--
	return file
}

// attach puts files that were detached from another worker into slots of this one.
func (w *worker) attach(files []stolenFile) {
	for at := range files {
		w.slots[at] = files[at].slot
		w.busy++
		w.held++
		for i, state := range files[at].states {
			w.batch(files[at].slot.target.entries[i].Algorithm).Put(at, state)
		}
	}
}
