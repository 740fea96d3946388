package discover

import (
	"crypto/sha256"
	"sort"
	"strings"
	"sync"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// A Source is a manifest that was read, and where it was found.
type Source struct {
	*manifest.Manifest
	Path        string   // for messages
	Backslashes bool     // backslashes in its names separate directories
	Signatures  []string // the paths of the signatures beside it, if it is only found
	Signers     []Signer // if keys were given
	Notes       []string // what else is worth knowing about it
	State       *State   // which bytes were read; nil if none were, or if it is not one file
	prefixes    []string // that are taken off its names, from [CleanPrefix]
	base        string   // the directory from which its names count; "": the root

	Entries []byte // the SHA-256 of its entries, as the engine makes it; nil if nobody asked

	Role   Role // in a bag, if it is read as a manifest of one
	Strict bool // and whether that bag has version 1.0

	First int    // the index of its first entry among those of all sources; -1 if it never has any
	name  string // below the root; "" if it is elsewhere
}

// A State says which bytes of a manifest were read.
type State struct {
	Digest       []byte // their SHA-256
	Size         int64  // of the file; -1 if the caller gave the content
	Mtime, Ctime int64  // its times in nanoseconds; -1 if they are not known
}

// stateOf returns the state of content that was read from a file, or was given if file is nil.
func stateOf(content string, file beneath.File) *State {
	s := &State{Digest: sum(content), Size: -1, Mtime: -1, Ctime: -1}
	if file != nil {
		s.Size = file.Opened().Size
		s.Mtime, s.Ctime = file.Opened().Times()
	}
	return s
}

// sum returns the SHA-256 of content, of which it copies only pieces.
func sum(content string) []byte {
	buffer := buffers.Get().(*[beneath.PieceSize]byte)
	defer buffers.Put(buffer)
	hash := sha256.New()
	for len(content) > 0 {
		n := copy(buffer[:], content)
		hash.Write(buffer[:n])
		content = content[n:]
	}
	return hash.Sum(nil)
}

// Name returns the name of the manifest below the root, or "" if it is elsewhere.
func (s *Source) Name() string { return s.name }

// Sources are the manifests of a job, in the order in which they were read.
type Sources []*Source

// Len returns the number of entries of all sources.
func (s Sources) Len() int {
	if len(s) == 0 {
		return 0
	}
	last := s[len(s)-1]
	return last.First + last.Manifest.Len()
}

// Find returns the index of the source that has the entry with that index.
func (s Sources) Find(index int) int {
	if len(s) <= 1 {
		return 0
	}
	return sort.Search(len(s), func(i int) bool { return s[i].First > index }) - 1
}

// Entry returns the entry with that index, counted from 0.
func (s Sources) Entry(index int) manifest.Entry {
	var e manifest.Entry
	s.ReadEntry(index, &e)
	return e
}

// ReadEntry sets e to the entry with that index, counted from 0. For many entries this is faster than
// [Sources.Entry].
func (s Sources) ReadEntry(index int, e *manifest.Entry) {
	source := s[s.Find(index)]
	source.readEntry(index-source.First, e)
}

// EntryName returns the name of the entry with that index, counted from 0.
func (s Sources) EntryName(index int) string {
	source := s[s.Find(index)]
	return source.entryName(index - source.First)
}

// entryName returns the name of the entry of one source with that index, as readEntry does.
func (s *Source) entryName(index int) string {
	e := entries.Get().(*manifest.Entry)
	defer entries.Put(e)
	s.readEntry(index, e)
	return e.Name
}

// entries hold what is read only for the name.
var entries = sync.Pool{New: func() any { return new(manifest.Entry) }}

// readEntry sets e to the entry of one source with that index, counted from 0, whose name is counted
// from the root.
func (s *Source) readEntry(index int, e *manifest.Entry) {
	s.Manifest.ReadEntry(index, e)
	if s.Backslashes {
		e.Name = strings.ReplaceAll(e.Name, `\`, "/")
	}
	if s.base != "" {
		e.Name = fromBase(s.base, e.Name)
	}
	for _, prefix := range s.prefixes {
		e.Name = stripPrefix(e.Name, prefix)
	}
}

// BadLines returns how many lines of all sources are bad.
func (s Sources) BadLines() int {
	count := 0
	for _, source := range s {
		count += source.BadLineCount
	}
	return count
}
