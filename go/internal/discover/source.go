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
	Notes       []string // what else is worth knowing about it

	First int    // the index of its first entry among those of all sources; -1 for bag-info.txt
	name  string // below the root; "" if it is elsewhere
}

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

// Entry returns the entry with that index, counted from 0.
func (s Sources) Entry(index int) manifest.Entry {
	at := 0
	if len(s) > 1 {
		at = sort.Search(len(s), func(i int) bool { return s[i].First > index }) - 1
	}
	source := s[at]
	entry := source.Manifest.Entry(index - source.First)
	if source.Backslashes {
		entry.Name = strings.ReplaceAll(entry.Name, `\`, "/")
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
