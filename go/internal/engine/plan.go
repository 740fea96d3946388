package engine

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/discover"
	"checksig/internal/manifest"
)

// A plan has the files that the manifests list, in the order of their first entries. It keeps
// 4 bytes for each file: the index of its first entry.
type plan struct {
	list    discover.Sources
	first   []uint32
	more    map[uint32][]uint32 // by the first entry of a file, its other entries
	cleaned map[uint32]string   // by entry, the clean names of very long listed names
	names   *names              // of all files, whatever the shard is

	toFetch map[string]int // the lines of a bag's fetch.txt, by name
}

// makePlan groups the entries of list by file. If stopped is set, it ends early.
func makePlan(list discover.Sources, stopped *atomic.Bool) *plan {
	p := &plan{
		list:    list,
		first:   make([]uint32, 0, list.Len()),
		more:    map[uint32][]uint32{},
		cleaned: map[uint32]string{},
	}
	p.names = newNames(list.Len(), p.name)
	if p.isAscending(stopped) {
		for i := range list.Len() {
			p.first = append(p.first, uint32(i))
		}
		p.names.sorted = p.first
		return p
	}
	for i := range list.Len() {
		if i%manifest.StopEvery == 0 && stopped.Load() {
			break
		}
		entry := uint32(i)
		if known, ok := p.names.add(entry, p.first); ok {
			p.more[known] = append(p.more[known], entry)
		} else {
			p.first = append(p.first, entry)
		}
	}
	p.names.sorted = p.first
	return p
}

// isAscending reports whether the names of all entries ascend, so that each file has one entry. It
// looks at a part of them on each core. It also reports false if there are few entries, or if stopped
// is set.
func (p *plan) isAscending(stopped *atomic.Bool) bool {
	parts := partsOf(p.list)
	if parts == 1 {
		return false
	}
	var not atomic.Bool
	parallel(parts, func(part int) {
		if !p.partAscends(part, parts, func() bool { return stopped.Load() || not.Load() }) {
			not.Store(true)
		}
	})
	return !not.Load()
}

// partAscends reports whether the names of a part of the entries ascend, up to the first name of the
// next part.
func (p *plan) partAscends(part, parts int, isOver func() bool) bool {
	from, to := p.list.Len()*part/parts, min(p.list.Len()*(part+1)/parts+1, p.list.Len())
	last, _ := p.cleanName(from)
	for i := from + 1; i < to; i++ {
		if i%manifest.StopEvery == 0 && isOver() {
			return false
		}
		name, _ := p.cleanName(i)
		if name <= last {
			return false
		}
		last = name
	}
	return true
}

// refuseWeak returns an error if a manifest is signed, and lists a file only with digests that
// find no attackers.
func (j *Job) refuseWeak(list discover.Sources) error {
	isWeak := func(a *digest.Algorithm) bool { return a.Weak() }
	signed := slices.ContainsFunc(list, func(s *discover.Source) bool { return len(s.Signers) > 0 })
	if !signed || !slices.ContainsFunc(list, func(s *discover.Source) bool { return slices.ContainsFunc(s.Algorithms, isWeak) }) {
		return nil
	}
	p := makePlan(list, &j.stopped)
	for _, first := range p.first {
		entries := append([]uint32{first}, p.more[first]...)
		if slices.ContainsFunc(entries, func(i uint32) bool { return !list.Entry(int(i)).Algorithm.Weak() }) {
			continue
		}
		reason := fmt.Sprintf("is signed, but %s does not stand against attackers", list.Entry(int(first)).Algorithm.Name)
		return &discover.NotSignedError{Path: list[list.Find(int(first))].Path, Reason: reason}
	}
	return nil
}

// keep removes the files that are not in the shard. Their names stay known.
func (p *plan) keep(shard Shard) {
	if shard.Of == 0 {
		return
	}
	var kept []uint32 // not in the place of p.first, which p.names may need
	for i := shard.Number - 1; i < len(p.first); i += shard.Of {
		kept = append(kept, p.first[i])
	}
	p.first = kept
}

// name returns the clean name of an entry, or the listed name if it cannot be cleaned.
func (p *plan) name(entry uint32) string {
	if cleaned, ok := p.cleaned[entry]; ok {
		return cleaned
	}
	clean, listed := p.cleanName(int(entry))
	if len(listed) > 2*len(clean)+64 {
		// Without this, each other entry of this file would parse and clean the long name again.
		p.cleaned[entry] = strings.Clone(clean)
	}
	return clean
}

// cleanName returns the clean name of an entry, or the listed name if it cannot be cleaned; and the
// listed name.
func (p *plan) cleanName(entry int) (clean, listed string) {
	listed = p.list.EntryName(entry)
	clean, err := beneath.Clean(listed)
	if err != nil {
		clean = listed
	}
	return clean, listed
}

// listedBy reports whether one of the manifests lists the file that has this first entry.
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

// lists reports whether one of the manifests lists name.
func (p *plan) lists(name string, manifests []*discover.Source) bool {
	entry, ok := p.names.find(name)
	return ok && p.listedBy(entry, manifests...)
}

// A target is a file to verify, with everything that the manifests say about it.
type target struct {
	name    string
	entries []manifest.Entry // one for each algorithm
	toFetch bool             // it is listed in a bag's fetch.txt
}

// target sets t, whose memory is reused, to the file with that index. If the verdict is clear
// without opening the file, target returns it as refusal.
func (p *plan) target(index int, t *target) (refusal *Result) {
	first := p.first[index]
	t.entries = slices.Grow(t.entries[:0], 1)[:1]
	entry := &t.entries[0]
	p.list.ReadEntry(int(first), entry)
	name, err := beneath.Clean(entry.Name)
	if err != nil {
		t.name = entry.Name
		return t.result(Error, err)
	}
	t.name = name
	t.toFetch = p.toFetch[name] > 0
	for _, other := range p.more[first] {
		if refusal = t.add(p.list.Entry(int(other))); refusal != nil {
			return refusal
		}
	}
	return nil
}

// add adds another entry of the same file. If it contradicts an entry with the same
// algorithm, add returns the verdict.
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
