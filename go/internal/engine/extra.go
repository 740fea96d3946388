package engine

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"checksig/internal/beneath"
)

var errNotInBag = errors.New("in the payload of the bag, and in no manifest")

// findExtra gives a verdict on everything below the root that is no directory, not
// listed, and no manifest; and on each directory that cannot be listed. Of a bag it
// looks for what is in the payload in any case.
func (j *Job) findExtra(dir *beneath.Root, p *plan, b *bag) {
	wanted := j.options.Extra != IgnoreExtra
	if !wanted && b == nil {
		return
	}
	own := map[string]bool{}
	for _, source := range p.list {
		own[source.name] = true
	}
	if b != nil {
		own[bagDeclaration], own[bagInfo], own[bagFetch] = true, true, true
	}
	inPayload := func(name string) bool { return b != nil && strings.HasPrefix(name, bagPayload) }
	var bytes, files int64
	keep := func(name string) bool {
		if inPayload(name) {
			if b.info != nil {
				size, _ := dir.Size(name)
				bytes, files = bytes+size, files+1
			}
			return !p.lists(name, b.payload)
		}
		return wanted && !own[name] && !p.names.has(name) && !(own[huggingFace] && inHuggingFace(name))
	}
	start := "."
	if !wanted {
		start = strings.TrimSuffix(bagPayload, "/")
	}
	found := 0
	beneath.Walk(j.lister(dir), start, &j.stopped, keep, func(item beneath.Item) bool {
		found++
		if !j.options.Shard.has(found - 1) {
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
	if b != nil && b.info != nil && (bytes != b.bytes || files != b.files) && b.info.BadLineCount == 0 {
		const reason = "Payload-Oxum says %d bytes in %d files, the payload has %d in %d"
		b.info.Complain(b.line, fmt.Sprintf(reason, b.bytes, b.files, bytes, files))
	}
}

// lister lists directories below dir, each with a thread, and patiently.
func (j *Job) lister(dir *beneath.Root) beneath.Lister {
	p := patience{stopped: &j.stopped, threads: threads}
	return func(name string, each func(string, os.FileMode) bool) error {
		if err := threads.take(&j.stopped); err != nil {
			return err
		}
		defer threads.give()
		return p.list(dir, name, each)
	}
}

// checkComplete complains of each payload manifest of a bag that does not list what
// another one does.
func (b *bag) checkComplete(p *plan) {
	if !b.strict || len(b.payload) < 2 {
		return
	}
	for _, first := range p.first {
		name := p.name(first)
		if !strings.HasPrefix(name, bagPayload) {
			continue
		}
		for _, source := range b.payload {
			if !p.listedBy(first, source) {
				source.Complain(0, fmt.Sprintf("does not list %q, which another payload manifest does", name))
			}
		}
	}
}
