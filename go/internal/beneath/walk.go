package beneath

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

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
// stopped is set. It keeps only the accepted items of one directory in memory.
func Walk(list Lister, start string, stopped *atomic.Bool, keep func(name string) bool, visit func(Item) bool) {
	for todo := []string{start}; len(todo) > 0 && !stopped.Load(); {
		dir := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		var items []Item
		var below []string
		err := list(dir, func(name string, mode os.FileMode) bool {
			path := join(dir, name)
			if mode.IsDir() {
				below = append(below, path)
			} else if keep(path) {
				items = append(items, Item{Name: path, Type: mode})
			}
			return !stopped.Load()
		})
		slices.SortFunc(items, func(a, b Item) int { return strings.Compare(a.Name, b.Name) })
		for _, item := range items {
			if !visit(item) {
				return
			}
		}
		if err != nil && !visit(Item{dir, os.ModeDir, err}) {
			return
		}
		slices.Sort(below)
		slices.Reverse(below) // the last one is listed next
		todo = append(todo, below...)
	}
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
	if len(dir) < maxPath {
		err = list(dir, each)
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
