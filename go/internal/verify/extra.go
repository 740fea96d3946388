package verify

import (
	"os"

	"checksig/internal/beneath"
)

// findExtra gives a verdict on everything in dir that is no directory, not listed,
// and not the manifest; and on each directory that cannot be listed.
func (j *Job) findExtra(dir *beneath.Root, manifest string, listed *names) {
	p := patience{stopped: &j.stopped}
	list := func(name string, each func(string, os.FileMode) bool) error {
		return p.try(func() error { return dir.List(name, each) })
	}
	keep := func(name string) bool { return name != manifest && !listed.has(name) }
	beneath.Walk(list, &j.stopped, keep, func(item beneath.Item) bool {
		result := &Result{Name: item.Name, Status: Unlisted, Size: -1, Err: errUnlisted}
		if item.Err != nil {
			result.Status, result.Err = Error, item.Err
		}
		return j.results.add(result)
	})
}
