package engine

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// names finds entries by their name. Names that come in ascending order need little memory: they are
// found by a binary search, first among every markEvery-th of them. As soon as one does not, names
// becomes a hash table with open addressing and 4 bytes for each slot.
type names struct {
	count  int // of the entries that may be added
	name   func(entry uint32) string
	last   string   // the name that was added last
	sorted []uint32 // once all are added: the first entries of all names
	mark   sync.Once
	marks  []string // every markEvery-th name of sorted, once find was called

	slots []uint32 // 0 if the slot is free, else see slot; nil while the names are in order
	shift int      // how many bits the index of an entry plus 1 has
	seed  maphash.Seed
}

func newNames(count int, name func(uint32) string) *names {
	return &names{count: count, name: name, shift: bits.Len(uint(count))}
}

// add adds an entry, unless there is one with the same name, which it returns. before has the
// entries that were added.
func (n *names) add(entry uint32, before []uint32) (known uint32, ok bool) {
	name := n.name(entry)
	if n.slots == nil {
		if len(before) == 0 || name > n.last {
			n.last = name
			return 0, false
		}
		if name == n.last {
			return before[len(before)-1], true
		}
		n.makeTable(before)
	}
	slot, tag := n.slot(name)
	if *slot != 0 {
		return n.entry(*slot), true
	}
	*slot = tag | (entry + 1)
	return 0, false
}

func (n *names) makeTable(entries []uint32) {
	n.slots = make([]uint32, 1<<bits.Len(uint(n.count)*3/2+1))
	n.seed = maphash.MakeSeed()
	for _, entry := range entries {
		slot, tag := n.slot(n.name(entry))
		*slot = tag | (entry + 1)
	}
}

// entry returns the entry that a slot has.
func (n *names) entry(slot uint32) uint32 { return slot&(1<<n.shift-1) - 1 }

// slot returns the slot of the entry with that name, or the free slot where it belongs. The bits
// that the index of an entry leaves are a part of the hash of its name, so that few other names
// are looked at: tag has these bits.
func (n *names) slot(name string) (slot *uint32, tag uint32) {
	hash := maphash.String(n.seed, name)
	tag = uint32(hash>>32) >> n.shift << n.shift
	mask := uint64(len(n.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		slot = &n.slots[at]
		if *slot == 0 || *slot>>n.shift == tag>>n.shift && n.name(n.entry(*slot)) == name {
			return slot, tag
		}
	}
}

// find returns the first entry with that name. All entries must have been added.
func (n *names) find(name string) (entry uint32, ok bool) {
	if n.slots != nil {
		slot, _ := n.slot(name)
		return n.entry(*slot), *slot != 0
	}
	n.mark.Do(n.setMarks)
	at, ok := slices.BinarySearch(n.marks, name)
	if ok {
		return n.sorted[at*markEvery], true
	}
	if at == 0 {
		return 0, false
	}
	between := n.sorted[(at-1)*markEvery+1 : min(at*markEvery, len(n.sorted))]
	at, ok = slices.BinarySearchFunc(between, name, func(entry uint32, name string) int {
		return strings.Compare(n.name(entry), name)
	})
	if !ok {
		return 0, false
	}
	return between[at], true
}

// markEvery is how far apart the marks are. To look at a name that is not one takes longer, because its
// entry is parsed.
const markEvery = 16

func (n *names) setMarks() {
	n.marks = make([]string, 0, len(n.sorted)/markEvery+1)
	for i := 0; i < len(n.sorted); i += markEvery {
		n.marks = append(n.marks, n.name(n.sorted[i]))
	}
}

func (n *names) has(name string) bool {
	_, ok := n.find(name)
	return ok
}
