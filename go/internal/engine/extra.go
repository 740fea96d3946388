package engine

import (
	"errors"
	"fmt"
	"os"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/limits"
)

var errNotInBag = errors.New("in the payload of the bag, and in no manifest")

// findExtra gives a verdict on everything below the root that is no directory, not
// listed, and no manifest; and on each directory that cannot be listed. Of a bag it
// looks for what is in the payload in any case.
func (j *Job) findExtra(dir *beneath.Root, p *plan, found *discover.Found) {
	b := found.Bag
	wanted := j.options.Extra != IgnoreExtra
	if !wanted && b == nil {
		return
	}
	inPayload := func(name string) bool { return b != nil && discover.InPayload(name) }
	var bytes, files int64
	keep := func(name string) bool {
		if inPayload(name) {
			if b.Info != nil {
				size, _ := dir.Size(name)
				bytes, files = bytes+size, files+1
			}
			return !p.lists(name, b.Payload)
		}
		return wanted && !found.Owns(name) && !p.names.has(name)
	}
	start := "."
	if !wanted {
		start = discover.PayloadDir
	}
	count := 0
	beneath.Walk(j.lister(dir), start, &j.stopped, keep, func(item beneath.Item) bool {
		count++
		if !j.options.Shard.has(count - 1) {
			return true
		}
		result := &Result{Name: item.Name, Status: Unlisted, Size: -1, Err: errUnlisted}
		switch {
		case item.Err != nil:
			result.Status, result.Err = Error, item.Err
		case inPayload(item.Name):
			result.Bad, result.Err = true, errNotInBag
		}
		return j.results.add(result)
	})
	if b != nil && b.Info != nil {
		b.CheckTotals(bytes, files)
	}
}

// lister lists directories below dir, each with a thread, and patiently.
func (j *Job) lister(dir *beneath.Root) beneath.Lister {
	b := limits.Backoff{Stopped: &j.stopped, Threads: limits.Threads}
	return func(name string, each func(string, os.FileMode) bool) error {
		if err := limits.Threads.Take(&j.stopped); err != nil {
			return err
		}
		defer limits.Threads.Give()
		return b.List(dir, name, each)
	}
}

// checkComplete complains of each payload manifest of a bag that does not list what
// another one does.
func checkComplete(b *discover.Bag, p *plan) {
	if !b.Strict || len(b.Payload) < 2 {
		return
	}
	for _, first := range p.first {
		name := p.name(first)
		if !discover.InPayload(name) {
			continue
		}
		for _, source := range b.Payload {
			if !p.listedBy(first, source) {
				source.AddBadLine(0, fmt.Sprintf("does not list %q, which another payload manifest does", name))
			}
		}
	}
}
