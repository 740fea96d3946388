package beneath

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

// MaxNames is how many names a directory may have. One that has more may never end.
const MaxNames = 100_000_000

// A Lister calls each with the name and the type of everything in a directory, until each
// returns false. dir is "." or a clean name. The error is an [*Error], and says that the
// directory, or a part of it, could not be listed. [Root.List] is a Lister.
type Lister func(dir string, each func(name string, mode os.FileMode) bool) error

// An Item is what [Walk] finds: anything except a directory, or a directory that could not
// be listed.
type Item struct {
	Name string      // clean, from the root
	Type os.FileMode // the type bits
	Err  error       // why the directory Name could not be listed; nil for other items
}

// Walk lists the tree below start, and calls visit with each item whose name keep accepts. It
// visits a directory's own items first, in the order of their bytes, then those of its
// subdirectories. It does not follow symlinks, and it ends early once visit returns false or
// stopped is set. It keeps only the accepted items of one directory in memory. If a directory
// has more than most of them, subdirectories included, visit gets an error in their place.
func Walk(list Lister, start string, stopped *atomic.Bool, most int, keep func(name string) bool, visit func(Item) bool) {
	for todo := []string{start}; len(todo) > 0 && !stopped.Load(); {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		var items []kept
		var below []string
		full := func() bool { return len(items)+len(below) > most }
		err := list(dir, func(name string, mode os.FileMode) bool {
			if mode.IsDir() {
				below = append(below, name)
			} else if keep(join(dir, name)) {
				items = append(items, kept{name, mode})
			}
			return !full() && !stopped.Load()
		})
		if full() {
			items, below, err = nil, nil, errTooMany(most)
		}
		slices.SortFunc(items, func(a, b kept) int { return strings.Compare(a.name, b.name) })
		for _, item := range items {
			if !visit(Item{Name: join(dir, item.name), Type: item.mode}) {
				return
			}
		}
		if err != nil && !visit(Item{dir, os.ModeDir, err}) {
			return
		}
		slices.Sort(below)
		for _, name := range slices.Backward(below) { // the last one is listed next
			todo = append(todo, join(dir, name))
		}
	}
}

// A kept item is one of the directory that is listed. A directory may have millions.
type kept struct {
	name string
	mode os.FileMode
}

func errTooMany(most int) error {
	return &Error{Reason: fmt.Sprintf("cannot be listed: has more than %d files and directories", most)}
}

func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// NoFile returns an error that says what a file of that type is, or nil for a regular file.
func NoFile(mode os.FileMode) error {
	if mode&os.ModeSymlink != 0 {
		return ErrSymlink
	}
	return errorOf(mode)
}

// List is a [Lister]. A directory that no longer exists counts as empty, except the root.
func (r *Root) List(dir string, each func(name string, mode os.FileMode) bool) error {
	list := r.dir.list
	if r.root != nil {
		list = r.listByGo
	}
	var err error = Reason(syscall.ENAMETOOLONG)
	names := 0
	if len(dir) < maxPath {
		err = list(dir, func(name string, mode os.FileMode) bool {
			names++
			return names <= MaxNames && each(name, mode)
		})
	}
	if names > MaxNames {
		return errTooMany(MaxNames)
	}
	if err == nil || dir != "." && errors.Is(err, ErrMissing) {
		return nil
	}
	return &Error{Reason: "cannot be listed: " + err.Error(), Err: err}
}

// listAtOnce is how many names are requested from os.Root at a time.
const listAtOnce = 1024

func (r *Root) listByGo(dir string, each func(string, os.FileMode) bool) error {
	f, err := r.root.OpenFile(dir, openFlags, 0)
	if err != nil {
		return goError(err)
	}
	defer f.Close()
	for {
		entries, err := f.ReadDir(listAtOnce)
		for _, entry := range entries {
			if !each(entry.Name(), entry.Type()) {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return openError(err)
		}
	}
}
