package verify

import "checksig/internal/digest"

// largeLeft is how much of a file must be left, in bytes, for another worker to take
// it over.
const largeLeft = 4 << 20

// countLarge notes how much of a slot's file is left.
func (c *crew) countLarge(s *slot, left int64) {
	if large := left >= largeLeft; large != s.large {
		s.large = large
		if large {
			c.large.Add(1)
		} else {
			c.large.Add(-1)
		}
	}
}

// A handover is a file under way that goes from one worker to another.
type handover struct {
	slot   slot
	states []digest.State // one an entry
}

// offer gives half of the large files under way to a worker that has none.
func (w *worker) offer() {
	w.crew.offer(func() (files []handover) {
		var large []int
		for i := range w.slots {
			if s := &w.slots[i]; s.large {
				large = append(large, i)
			}
		}
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

// adopt takes over files of another worker. It reports false if there will be none.
func (w *worker) adopt() bool {
	files := w.crew.adopt()
	for i := range files {
		w.takeOver(i, &files[i])
	}
	return len(files) > 0
}

func (w *worker) takeOver(at int, given *handover) {
	w.slots[at] = given.slot
	w.busy++
	for i := range given.states {
		w.batch(given.slot.target.entries[i].Algorithm).Put(at, given.states[i])
	}
}
