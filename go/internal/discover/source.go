package discover

import (
	"sort"
	"strings"

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
	prefixes    []string // that are taken off its names, from [CleanPrefix]
	base        string   // the directory from which its names count; "": the root

	Role   Role // in a bag, if it is read as a manifest of one
	Strict bool // and whether that bag has version 1.0

	First int    // the index of its first entry among those of all sources; -1 if it never has any
	name  string // below the root; "" if it is elsewhere
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
	source := s[s.Find(index)]
	return source.entry(index - source.First)
}

// entry returns the entry of one source with that index, counted from 0, whose name is counted
// from the root.
func (s *Source) entry(index int) manifest.Entry {
	entry := s.Manifest.Entry(index)
	if s.Backslashes {
		entry.Name = strings.ReplaceAll(entry.Name, `\`, "/")
	}
	if s.base != "" {
		entry.Name = fromBase(s.base, entry.Name)
	}
	for _, prefix := range s.prefixes {
		entry.Name = stripPrefix(entry.Name, prefix)
	}
	return entry
}

// BadLines returns how many lines of all sources are bad.
func (s Sources) BadLines() int {
	count := 0
	for _, source := range s {
		count += source.BadLineCount
	}
	return count
}
