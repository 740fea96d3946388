package beneath

import (
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
)

func everything(string, *Sum) bool { return true }

// walkOf returns a walk that visits everything and lists nothing ahead.
func walkOf(list Lister) *Walk {
	return &Walk{List: list, Stopped: new(atomic.Bool), Most: math.MaxInt, Keep: everything}
}

// found returns the names and the errors that a walk visits.
func found(list Lister) (names []string, errs []error) {
	walkOf(list).Run(".", func(item Item) bool {
		if item.Err != nil {
			errs = append(errs, item.Err)
		} else {
			names = append(names, item.Name)
		}
		return true
	})
	return names, errs
}

func TestWalkFindsTheSameNamesAsFilepathWalkDir(t *testing.T) {
	for seed := range uint64(100) {
		base := t.TempDir()
		createLinks(t, rand.New(rand.NewPCG(seed, 7)), base)
		var want []string
		top := filepath.Join(base, "root")
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				name, _ := filepath.Rel(top, path)
				want = append(want, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(want)
		for resolution, open := range map[string]func(string) (*Root, error){"kernel": OpenRoot, "go": OpenGoRoot} {
			root, err := open(top)
			if err != nil {
				t.Fatal(err)
			}
			got, errs := found(root.List)
			root.Close()
			slices.Sort(got)
			if !slices.Equal(got, want) || errs != nil {
				t.Errorf("seed %d, %s: got %q, %v; want %q", seed, resolution, got, errs, want)
			}
		}
	}
}

func TestWalkEndsOnceStopped(t *testing.T) {
	listed := 0
	var w *Walk
	endless := func(dir string, each func(string, os.FileMode) bool) error {
		listed++
		for each("d", os.ModeDir) && each("f", 0) {
			if listed++; listed == 1000 {
				w.Stopped.Store(true)
			}
		}
		return nil
	}
	w = walkOf(endless)
	w.Run(".", func(Item) bool { return true })
	if listed != 1000 {
		t.Errorf("listed %d names after it was stopped", listed-1000)
	}
}

func TestWalkReportsADirectoryThatNeverEndsInPlaceOfItsItems(t *testing.T) {
	for _, mode := range []os.FileMode{0, os.ModeDir} {
		listed := 0
		list := func(dir string, each func(string, os.FileMode) bool) error {
			each("a", 0)
			for dir == "endless" && each("x", mode) {
				listed++
			}
			if dir == "." {
				each("endless", os.ModeDir)
				each("next", os.ModeDir)
			}
			return nil
		}
		var visited []string
		w := walkOf(list)
		w.Most = 1000
		w.Run(".", func(item Item) bool {
			visited = append(visited, item.Name)
			if (item.Err != nil) != (item.Name == "endless") {
				t.Errorf("%s: the error is %v", item.Name, item.Err)
			}
			return true
		})
		if want := []string{"a", "endless", "next/a"}; !slices.Equal(visited, want) || listed != 999 {
			t.Errorf("got %q after %d names, want %q", visited, listed, want)
		}
	}
}

func TestWalkEndsOnceVisitReturnsFalse(t *testing.T) {
	list := func(dir string, each func(string, os.FileMode) bool) error {
		for _, name := range []string{"a", "b", "c"} {
			each(name, 0)
		}
		return Reason(syscall.EIO)
	}
	for enough := range 3 {
		visits := 0
		walkOf(list).Run(".", func(Item) bool { visits++; return visits <= enough })
		if visits != enough+1 {
			t.Errorf("got %d visits, want %d", visits, enough+1)
		}
	}
}

func TestWalkReportsAnErrorAfterTheItemsThatWereListed(t *testing.T) {
	names, errs := found(func(dir string, each func(string, os.FileMode) bool) error {
		each("b", 0)
		each("a", 0)
		return Reason(syscall.EIO)
	})
	if !slices.Equal(names, []string{"a", "b"}) || len(errs) != 1 {
		t.Errorf("got %q and %v", names, errs)
	}
}

func TestARemovedDirectoryIsEmptyButARemovedRootIsAnError(t *testing.T) {
	for _, open := range []func(string) (*Root, error){OpenRoot, OpenGoRoot} {
		top := t.TempDir()
		root, err := open(top)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if err := root.List("gone", nil); err != nil {
			t.Errorf("a removed directory: %v", err)
		}
		if err := os.Remove(top); err != nil {
			t.Fatal(err)
		}
		if err := root.List(".", nil); err == nil {
			t.Error("no error for a removed root")
		}
	}
}
