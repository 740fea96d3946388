package engine

import "checksig/internal/digest"

// largeLeft is how much of a file must be left, in bytes, for another worker to take
// it over.
const largeLeft = 4 << 20

// A handover is a file under way that goes from one worker to another.
type handover struct {
	slot   slot
	states []digest.State // one an entry
}

// share gives half of the large files under way to another worker, if a core is free.
func (w *worker) share() {
	if !w.crew.sparesCore() {
		return
	}
	var large []int
	for i := range w.slots {
		if s := &w.slots[i]; s.File != nil && s.Left >= largeLeft {
			large = append(large, i)
		}
	}
	if len(large) < 2 {
		return
	}
	w.crew.relieve(func() (files []handover) {
		for _, at := range large[:len(large)/2] {
			files = append(files, w.handOver(at))
		}
		return files
	})
}

func (w *worker) handOver(at int) handover {
	s := &w.slots[at]
	given := handover{slot: *s}
	for i := range s.target.entries {
		given.states = append(given.states, w.batch(s.target.entries[i].Algorithm).Take(at))
	}
	*s = slot{}
	w.busy--
	return given
}

func (w *worker) takeOver(files []handover) {
	for at := range files {
		w.slots[at] = files[at].slot
		w.busy++
		for i, state := range files[at].states {
			w.batch(files[at].slot.target.entries[i].Algorithm).Put(at, state)
		}
	}
}
