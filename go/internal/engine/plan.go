package engine

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"sync/atomic"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/manifest"
)

// A plan is the files that the manifests list, in the order in which they first
// name each. For a file it keeps 4 bytes: the index of its first entry.
type plan struct {
	list    discover.Sources
	first   []uint32
	more    map[uint32][]uint32 // by the first entry, the others for the same file
	cleaned map[uint32]string   // the clean names of entries that list them at great length
	names   *names              // of all of them

	toFetch map[string]bool // names that a bag says are still to be fetched
}

// makePlan gathers the entries of list by file; when stopped it ends early.
func makePlan(list discover.Sources, stopped *atomic.Bool) *plan {
	p := &plan{
		list:    list,
		first:   make([]uint32, 0, list.Len()),
		more:    map[uint32][]uint32{},
		cleaned: map[uint32]string{},
	}
	p.names = newNames(list.Len(), p.name)
	for i := range list.Len() {
		if i%manifest.StopEvery == 0 && stopped.Load() {
			break
		}
		entry := uint32(i)
		if known, ok := p.names.add(entry); ok {
			p.more[known] = append(p.more[known], entry)
		} else {
			p.first = append(p.first, entry)
		}
	}
	return p
}

// keep leaves the files of a shard. Names of others are known as before.
func (p *plan) keep(shard Shard) {
	if shard.Of == 0 {
		return
	}
	kept := p.first[:0]
	for i, first := range p.first {
		if shard.has(i) {
			kept = append(kept, first)
		}
	}
	p.first = kept
}

// name returns the name of an entry, clean if it can be.
func (p *plan) name(entry uint32) string {
	if cleaned, ok := p.cleaned[entry]; ok {
		return cleaned
	}
	listed := p.list.Entry(int(entry)).Name
	clean, err := beneath.Clean(listed)
	if err != nil {
		return listed
	}
	if len(listed) > 2*len(clean)+64 {
		// Or each further entry for this file would have to read and clean it again.
		p.cleaned[entry] = strings.Clone(clean)
	}
	return clean
}

// listedBy reports whether one of the manifests lists the file whose first entry
// that is.
func (p *plan) listedBy(first uint32, manifests ...*discover.Source) bool {
	for _, entry := range append([]uint32{first}, p.more[first]...) {
		for _, source := range manifests {
			if at := int(entry) - source.First; 0 <= at && at < source.Manifest.Len() {
				return true
			}
		}
	}
	return false
}

// lists reports whether one of the manifests lists a name.
func (p *plan) lists(name string, manifests []*discover.Source) bool {
	slot := *p.names.find(name)
	return slot != 0 && p.listedBy(slot-1, manifests...)
}

// A target is one file to verify, with everything that the manifest says of it.
type target struct {
	name    string
	entries []manifest.Entry // one an algorithm
	toFetch bool             // it is to be fetched yet
}

// target fills t, whose memory is used again, with the file number index. A
// refusal is the verdict when it is clear without a look at the file.
func (p *plan) target(index int, t *target) (refusal *Result) {
	first := p.first[index]
	entry := p.list.Entry(int(first))
	t.entries = append(t.entries[:0], entry)
	name, err := beneath.Clean(entry.Name)
	if err != nil {
		t.name = entry.Name
		return t.result(Error, err)
	}
	t.name = name
	t.toFetch = p.toFetch[name]
	for _, other := range p.more[first] {
		if refusal = t.add(p.list.Entry(int(other))); refusal != nil {
			return refusal
		}
	}
	return nil
}

// add takes one more entry for the same file: known, of another algorithm, or
// in conflict with one that is known.
func (t *target) add(entry manifest.Entry) (refusal *Result) {
	at := slices.IndexFunc(t.entries, func(e manifest.Entry) bool { return e.Algorithm == entry.Algorithm })
	if at < 0 {
		t.entries = append(t.entries, entry)
		return nil
	}
	known := &t.entries[at]
	if !bytes.Equal(known.Digest(), entry.Digest()) {
		return t.result(Conflict, conflictError("two different "+entry.Algorithm.Name+" digests listed"))
	}
	if known.Size >= 0 && entry.Size >= 0 && known.Size != entry.Size {
		return t.result(Conflict, conflictError("two different sizes listed"))
	}
	known.Size = max(known.Size, entry.Size)
	return nil
}

// names is a set of entries that tells entries of one name: a hash table with
// open addressing, of 4 bytes a slot.
type names struct {
	slots []uint32 // an entry's index plus 1; 0 is free
	name  func(entry uint32) string
	seed  maphash.Seed
}

func newNames(count int, name func(uint32) string) *names {
	size := 1 << bits.Len(uint(count)*3/2+1)
	return &names{slots: make([]uint32, size), name: name, seed: maphash.MakeSeed()}
}

// add returns the entry of the same name that was added before, if there is one.
func (n *names) add(entry uint32) (known uint32, ok bool) {
	slot := n.find(n.name(entry))
	if *slot != 0 {
		return *slot - 1, true
	}
	*slot = entry + 1
	return 0, false
}

func (n *names) has(name string) bool { return *n.find(name) != 0 }

// find returns the slot of the entry of that name, or the free one where it belongs.
func (n *names) find(name string) *uint32 {
	mask := uint64(len(n.slots) - 1)
	for at := maphash.String(n.seed, name) & mask; ; at = (at + 1) & mask {
		slot := &n.slots[at]
		if *slot == 0 || n.name(*slot-1) == name {
			return slot
		}
	}
}
