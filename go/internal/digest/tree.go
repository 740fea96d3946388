//go:build checksig_modules

package digest

import (
	"sync"

	"checksig/internal/digest/lanes"
)

// A treeBatch hashes many files at once with BLAKE3, or parts of one file on many cores.
type treeBatch struct {
	forest *lanes.Forest
	memory []byte
	slots  []treeSlot
	trees  []*lanes.Tree // of the pieces that were added
	parts  []*lanes.Part
}

type treeSlot struct {
	tree *lanes.Tree
	part lanes.Part
	size int64 // how many bytes were added
}

// newTreeBatch returns nil if there are no kernels.
func newTreeBatch(memory []byte, slots int) Batch {
	forest := lanes.NewForest()
	if forest == nil {
		return nil
	}
	return &treeBatch{forest: forest, memory: memory, slots: make([]treeSlot, slots)}
}

func (b *treeBatch) Begin(slot int, _ int64) {
	s := &b.slots[slot]
	if s.tree == nil {
		s.tree = new(lanes.Tree)
	}
	s.tree.Begin()
	s.size = 0
}

func (b *treeBatch) Add(slot, from, to int, last bool) {
	s := &b.slots[slot]
	s.part.Set(s.size, from, to, last)
	s.size += int64(to - from)
	b.trees, b.parts = append(b.trees, s.tree), append(b.parts, &s.part)
}

func (b *treeBatch) Run() {
	b.forest.Hash(b.memory, b.parts)
	b.forest.Join(b.trees, b.parts)
	b.trees, b.parts = b.trees[:0], b.parts[:0]
}

func (b *treeBatch) Sum(slot int, p []byte) []byte { return b.slots[slot].tree.Sum(p) }

func (b *treeBatch) Take(slot int) State {
	s := &b.slots[slot]
	state := State{tree: s.tree, size: s.size}
	s.tree = nil
	return state
}

func (b *treeBatch) Put(slot int, state State) {
	b.slots[slot].tree, b.slots[slot].size = state.tree, state.size
}

func (b *treeBatch) NewPart() Part { return new(treePart) }

func (b *treeBatch) Join(slot int, part Part) {
	p, s := part.(*treePart), &b.slots[slot]
	s.size += p.size
	b.forest.Join([]*lanes.Tree{s.tree}, []*lanes.Part{&p.part})
}

type treePart struct {
	part lanes.Part
	size int64
}

// forests are for goroutines that hash parts. One goroutine uses a forest at a time.
var forests = sync.Pool{New: func() any { return lanes.NewForest() }}

func (p *treePart) Hash(at int64, piece []byte, last bool) {
	forest := forests.Get().(*lanes.Forest)
	defer forests.Put(forest)
	p.size = int64(len(piece))
	p.part.Set(at, 0, len(piece), last)
	forest.Hash(piece, []*lanes.Part{&p.part})
}
