package engine

import (
	"crypto/sha256"
	"errors"
	"hash"
	"sync/atomic"

	"checksig/internal/discover"
	"checksig/internal/manifest"
)

// A Listing is the content of a new manifest: a line for each entry of a list.
type Listing struct {
	format  *manifest.Format
	list    discover.Sources
	size    int    // of a digest
	digests []byte // of the entries whose digests are not listed, each at its index times size
	chunks  chunks
	ready   []chunk // whose lines come next
	hash    hash.Hash
}

// An UnwritableError says why a format cannot list the entries of a list.
type UnwritableError struct{ Err error }

func (e *UnwritableError) Error() string { return e.Err.Error() }

var errTwice = errors.New("a file is listed twice")

// newListing returns the listing of a list, and leaves in the plan only the files whose digests are
// not listed. Its error, an [*UnwritableError], says what cannot be listed.
func newListing(p *plan, format *manifest.Format) (*Listing, error) {
	count := p.list.Len()
	if len(p.first) < count {
		return nil, &UnwritableError{errTwice}
	}
	l := &Listing{format: format, list: p.list, chunks: chunks{count: count}, hash: sha256.New()}
	p.first = nil
	for _, c := range checkEntries(p.list, format) {
		if c.err != nil {
			return nil, &UnwritableError{c.err}
		}
		l.size = max(l.size, c.size)
		p.first = append(p.first, c.unknown...)
	}
	if len(p.first) > 0 {
		l.digests = make([]byte, count*l.size)
	}
	return l, nil
}

// A checked is what is known of some entries that are to be listed.
type checked struct {
	size    int      // of their longest digest
	unknown []uint32 // those whose digests are not listed
	err     error    // why one of them cannot be listed
}

// checkEntries looks at a part of the entries of a list on each core.
func checkEntries(list discover.Sources, format *manifest.Format) []checked {
	parts := partsOf(list)
	all := make([]checked, parts)
	parallel(parts, func(part int) {
		c := &all[part]
		var entry manifest.Entry
		for i := list.Len() * part / parts; i < list.Len()*(part+1)/parts; i++ {
			list.ReadEntry(i, &entry)
			if c.err = format.CheckWritable(&entry); c.err != nil {
				return
			}
			if c.size = max(c.size, entry.Algorithm.Size); entry.Unknown {
				c.unknown = append(c.unknown, uint32(i))
			}
		}
	})
	return all
}

// set notes the digest of an entry. Several goroutines may call it, each for other entries.
func (l *Listing) set(index uint32, sum []byte) { copy(l.digests[int(index)*l.size:], sum) }

// render appends an entry to a chunk.
func (l *Listing) render(p *chunk, index int) {
	e := &p.entry
	if l.list.ReadEntry(index, e); e.Unknown {
		e.SetDigest(l.digests[index*l.size:][:e.Algorithm.Size])
	}
	p.lines = l.format.AppendLine(p.lines, e)
	p.digested = appendDigested(p.digested, e)
}

// Next returns the next lines, which are valid until the next call. After the last ones it returns
// none, and the Entries of the list are set.
func (l *Listing) Next() []byte {
	if len(l.ready) == 0 {
		l.ready = l.chunks.round(l.render)
		for i := range l.ready {
			l.hash.Write(l.ready[i].digested)
		}
	}
	if len(l.ready) == 0 {
		l.list[0].Entries = l.hash.Sum(nil)
		return nil
	}
	lines := l.ready[0].lines
	l.ready = l.ready[1:]
	return lines
}

// appendDigested appends what the digest of entries is made of: the algorithm of each, NUL, its name,
// NUL, and its digest.
func appendDigested(b []byte, e *manifest.Entry) []byte {
	b = append(append(b, e.Algorithm.Name...), 0)
	b = append(append(b, e.Name...), 0)
	return append(b, e.Digest()...)
}

// digestEntries sets the Entries of each source, unless stopped is set.
func digestEntries(list discover.Sources, stopped *atomic.Bool) {
	for _, source := range list {
		hash, chunks := sha256.New(), chunks{count: source.Manifest.Len()}
		for !stopped.Load() {
			ready := chunks.round(func(p *chunk, index int) {
				list.ReadEntry(source.First+index, &p.entry)
				p.digested = appendDigested(p.digested, &p.entry)
			})
			if len(ready) == 0 {
				source.Entries = hash.Sum(nil)
				break
			}
			for i := range ready {
				hash.Write(ready[i].digested)
			}
		}
	}
}
