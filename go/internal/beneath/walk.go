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

// An Item is what a [Walk] visits: anything except a directory, or a directory that could not
// be listed.
type Item struct {
	Name string      // clean, from the root
	Type os.FileMode // the type bits
	Err  error       // why the directory Name could not be listed; nil for other items
}

// A Sum is what the Keep of a [Walk] counts.
type Sum struct {
	Files, Bytes int64
	Exhausted    bool // descriptors ran out, so it may be too small
}

// A Walk lists the tree below a directory. It visits a directory's own items first, in the order
// of their bytes, then those of its subdirectories. It does not follow symlinks.
//
// If listing takes so long that it must wait for the storage, a Walk lists directories before
// their turn, on other goroutines. What it visits, and the order, are the same.
type Walk struct {
	List    Lister       // lists a directory in its turn
	Ahead   Lister       // lists one before its turn; see [ErrNotNow]. If it is nil, none is
	AtOnce  int          // how many directories may be listed at the same time
	Stopped *atomic.Bool // if set, the walk ends early
	Most    int          // of the accepted items of one directory, including subdirectories

	// Keep reports whether to visit the item with that name. It adds what it counts to sum. Several
	// goroutines may call it at once, and more than once for the same name: what is listed
	// before its turn may be listed again, and only the last listing counts. nil: visit all.
	Keep func(name string, sum *Sum) bool
}

// Run visits the items below start that are kept, until visit returns false. It calls visit on
// this goroutine only. In memory it has the accepted items of one directory, and up to maxAhead
// names that were listed before their turn. If a directory has more than w.Most accepted items,
// visit gets an error in their place. Run returns the sum of all listings, once none is under way.
func (w *Walk) Run(start string, visit func(Item) bool) Sum { return newRun(w).visit(start, visit) }

// visit is [Walk.Run].
func (r *run) visit(start string, visit func(Item) bool) (sum Sum) {
	defer r.end()
	for d := r.listInTurn(start); d != nil; d = r.next() {
		sum.Files += d.sum.Files
		sum.Bytes += d.sum.Bytes
		for _, item := range d.items {
			if !visit(Item{Name: join(d.name, item.name), Type: item.mode}) {
				return sum
			}
		}
		d.items = nil
		if d.err != nil && !visit(Item{d.name, os.ModeDir, d.err}) {
			return sum
		}
	}
	return sum
}

// fill lists d with list, until more returns false.
func (w *Walk) fill(d *directory, list Lister, more func() bool) {
	full := func() bool { return len(d.items)+len(d.below) > w.Most }
	d.err = list(d.name, func(name string, mode os.FileMode) bool {
		d.listed++
		if mode.IsDir() {
			d.below = append(d.below, name)
		} else if w.Keep == nil || w.Keep(join(d.name, name), &d.sum) {
			d.items = append(d.items, kept{name, mode})
		}
		return !full() && !w.Stopped.Load() && more()
	})
	if full() {
		d.items, d.below, d.err = nil, nil, errTooMany(w.Most)
	}
	slices.SortFunc(d.items, func(a, b kept) int { return strings.Compare(a.name, b.name) })
	slices.Sort(d.below)
}

// A kept item is one of a directory that is listed. A directory may have millions.
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
	if len(dir) >= maxPath {
		return errUnlistable(Reason(syscall.ENAMETOOLONG))
	}
	names := 0
	err := list(dir, func(name string, mode os.FileMode) bool {
		names++
		return names <= MaxNames && each(name, mode)
	})
	if names > MaxNames {
		return errTooMany(MaxNames)
	}
	if err == nil || dir != "." && errors.Is(err, ErrMissing) {
		return nil
	}
	return errUnlistable(err)
}

func errUnlistable(err error) error {
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
