package verify

import (
	"bytes"
	"slices"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// A target is one file to verify, with everything that the manifest says of it.
type target struct {
	name    string
	entries []manifest.Entry // one an algorithm
	refusal *Result          // the verdict when it is clear without a look
}

// plan gathers the entries by file, in the order in which the manifest first
// names each.
func plan(entries []manifest.Entry) []target {
	targets := make([]target, 0, len(entries))
	index := make(map[string]int, len(entries))
	for i, entry := range entries {
		name, err := beneath.Clean(entry.Name)
		if err != nil {
			name = entry.Name
		}
		at, seen := index[name]
		if seen {
			targets[at].add(entry)
			continue
		}
		index[name] = len(targets)
		// The capacity of 1 makes add copy, and not write over entries.
		t := target{name: name, entries: entries[i : i+1 : i+1]}
		if err != nil {
			t.refusal = &Result{name, Error, err.Error()}
		}
		targets = append(targets, t)
	}
	return targets
}

// add takes one more entry for the same file: known, of another algorithm, or
// in conflict with one that is known.
func (t *target) add(entry manifest.Entry) {
	known := slices.IndexFunc(t.entries, func(e manifest.Entry) bool { return e.Algorithm == entry.Algorithm })
	if known < 0 {
		t.entries = append(t.entries, entry)
		return
	}
	if t.refusal == nil && !bytes.Equal(t.entries[known].Digest, entry.Digest) {
		t.refusal = &Result{t.name, Conflict, "two different " + entry.Algorithm.Name + " digests listed"}
	}
}
