package engine

import (
	"errors"

	"checksig/internal/discover"
	"checksig/internal/manifest"
)

// A Listing is the content of a new manifest: a line for each entry of a list.
type Listing struct {
	format  *manifest.Format
	list    discover.Sources
	size    int    // of a digest
	digests []byte // of the entries whose digests are not listed, each at its index times size
	next    int    // the index of the next entry
}

// An UnwritableError says why a format cannot list the entries of a list.
type UnwritableError struct{ Err error }

func (e *UnwritableError) Error() string { return e.Err.Error() }

var errTwice = errors.New("a file is listed twice")

// newListing returns the listing of a list, and leaves in the plan only the files whose digests are
// not listed. Its error, an [*UnwritableError], says what cannot be listed.
func newListing(p *plan, format *manifest.Format) (*Listing, error) {
	l := &Listing{format: format, list: p.list}
	if len(p.first) < p.list.Len() {
		return nil, &UnwritableError{errTwice}
	}
	var unknown []uint32
	for i := range p.list.Len() {
		entry := p.list.Entry(i)
		if err := format.CheckWritable(&entry); err != nil {
			return nil, &UnwritableError{err}
		}
		if l.size = max(l.size, entry.Algorithm.Size); entry.Unknown {
			unknown = append(unknown, uint32(i))
		}
	}
	if len(unknown) > 0 {
		l.digests = make([]byte, p.list.Len()*l.size)
	}
	p.first = unknown
	return l, nil
}

// set notes the digest of an entry. Several goroutines may call it, each for other entries.
func (l *Listing) set(index uint32, sum []byte) { copy(l.digests[int(index)*l.size:], sum) }

// entry returns an entry with its digest.
func (l *Listing) entry(index int) manifest.Entry {
	entry := l.list.Entry(index)
	if entry.Unknown {
		entry.SetDigest(l.digests[index*l.size:][:entry.Algorithm.Size])
	}
	return entry
}

// AppendLines appends the next lines to b until it has at least that many bytes. It appends nothing
// once there are no more.
func (l *Listing) AppendLines(b []byte, least int) []byte {
	for l.next < l.list.Len() && len(b) < least {
		entry := l.entry(l.next)
		b = l.format.AppendLine(b, &entry)
		l.next++
	}
	return b
}
