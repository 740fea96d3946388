package engine

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/manifest"
)

// A bagCheck finds entries of the manifests of a bag that break a rule of BagIt (RFC 8493).
// Whether the listed files are as they should be is not its concern.
type bagCheck struct {
	*plan
	stopped *atomic.Bool
	found   *discover.Found
	counts  []int                     // for each source, how many entries the current file has
	twice   map[*discover.Source]bool // those that list a file several times
}

// checkBag adds a bad line for each entry that breaks a rule, and for each that a rule demands
// and that is missing.
func (j *Job) checkBag(p *plan, found *discover.Found) {
	if !slices.ContainsFunc(p.list, func(s *discover.Source) bool { return s.Role != discover.NotInBag }) {
		return
	}
	c := &bagCheck{p, &j.stopped, found, make([]int, len(p.list)), map[*discover.Source]bool{}}
	for i, first := range p.first {
		if i%manifest.StopEvery == 0 && j.stopped.Load() {
			return
		}
		c.checkFile(first)
	}
	if found.Bag != nil {
		c.checkTagManifests()
		c.checkFetch()
	}
}

// checkFile checks all entries of the file that has this first entry.
func (c *bagCheck) checkFile(first uint32) {
	name := c.name(first)
	clear(c.counts)
	c.checkEntry(first, name)
	for i, entry := range c.more[first] {
		if i%manifest.StopEvery == 0 && c.stopped.Load() {
			return
		}
		c.checkEntry(entry, name)
	}
	if !discover.InPayload(name) {
		return
	}
	for at, source := range c.list {
		if source.Role == discover.PayloadManifest && source.Strict && c.counts[at] == 0 && c.inOther(at) {
			source.AddBadLine(0, fmt.Sprintf("does not list %q, but another payload manifest does", name))
		}
	}
}

// inOther reports whether a payload manifest other than the one at that index lists the file.
func (c *bagCheck) inOther(at int) bool {
	for i, source := range c.list {
		if i != at && source.Role == discover.PayloadManifest && c.counts[i] > 0 {
			return true
		}
	}
	return false
}

func (c *bagCheck) checkEntry(entry uint32, name string) {
	at := c.list.Find(int(entry))
	source := c.list[at]
	c.counts[at]++
	reason := ""
	switch {
	case source.Role == discover.NotInBag:
	case c.counts[at] > 1 && source.Strict:
		reason = fmt.Sprintf("lists %q again", name)
	case c.counts[at] > 1 && !c.twice[source]:
		c.twice[source] = true
		source.Notes = append(source.Notes, "lists a file several times")
	case c.counts[at] > 1:
	case source.Role == discover.PayloadManifest && leavesPayload(source.Manifest.Entry(int(entry)-source.First).Name):
		reason = fmt.Sprintf("%q is not in the directory %s", name, discover.PayloadDir)
	case source.Role == discover.TagManifest && source.Strict && discover.IsTagManifest(name):
		reason = fmt.Sprintf("a tag manifest must not list the tag manifest %q", name)
	case source.Role == discover.TagManifest && source.Strict && discover.InPayload(name):
		reason = fmt.Sprintf("a tag manifest must not list the payload file %q", name)
	}
	if reason != "" {
		source.AddBadEntry(int(entry)-source.First, reason)
	}
}

// leavesPayload reports whether a name, as it is listed, is not that of a payload file. It
// reports false for a name that leads out, because that is a bad file anyway.
func leavesPayload(listed string) bool {
	clean, err := beneath.Clean(listed)
	return err == nil && !discover.InPayload(clean)
}

// checkTagManifests adds a bad line for each payload manifest that a tag manifest must list.
func (c *bagCheck) checkTagManifests() {
	for _, source := range c.list {
		if source.Role != discover.TagManifest || !source.Strict {
			continue
		}
		for _, payload := range c.found.Bag.Payload {
			if !c.lists(payload.Name(), []*discover.Source{source}) {
				source.AddBadLine(0, fmt.Sprintf("does not list the payload manifest %q", payload.Name()))
			}
		}
	}
}

// checkFetch adds a bad line for each line of fetch.txt whose file a payload manifest does not
// list.
func (c *bagCheck) checkFetch() {
	b := c.found.Bag
	byLine := func(x, y string) int { return b.ToFetch[x] - b.ToFetch[y] }
	for _, name := range slices.SortedFunc(maps.Keys(b.ToFetch), byLine) {
		for _, payload := range b.Payload {
			if payload.Strict && !c.lists(name, []*discover.Source{payload}) {
				b.Fetch.AddBadLine(b.ToFetch[name], fmt.Sprintf("%q is not listed in %s", name, payload.Name()))
			}
		}
	}
}
