package beneath

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// newTestRound returns a round with room for pieces of that size.
func newTestRound(round *Round, pieces, size int) *Round {
	round.Memory = make([]byte, pieces*(size+1))
	round.Stopped = new(atomic.Bool)
	round.Time = time.Minute
	round.Ahead = 1 << 20
	return round
}

// newPieces returns pieces of the files with those names.
func newPieces(names []string, size int) (list []*Piece) {
	for i, name := range names {
		list = append(list, &Piece{Name: name, From: i * (size + 1), Size: size})
	}
	return list
}

// readAll reads files by rounds to their ends. It returns what was read of each, or its error.
func readAll(t *testing.T, round *Round, names []string, size int) (found []string) {
	t.Helper()
	newTestRound(round, len(names), size)
	pieces := newPieces(names, size)
	content := make([][]byte, len(names))
	ended := make([]bool, len(names))
	for left := len(names); left > 0; {
		var list []*Piece
		for i, p := range pieces {
			if !ended[i] {
				list = append(list, p)
			}
		}
		round.Run(list)
		for i, p := range pieces {
			if ended[i] {
				continue
			}
			if !p.Begun {
				t.Fatalf("%q: not begun", names[i])
			}
			content[i] = append(content[i], round.Memory[p.From:p.From+p.Got]...)
			if ended[i] = p.Last || p.Err != nil; ended[i] {
				left--
				if p.File != nil {
					t.Errorf("%q: not closed", names[i])
				}
			} else if p.Got != size {
				t.Fatalf("%q: got %d bytes and no end", names[i], p.Got)
			}
		}
	}
	for i, p := range pieces {
		if p.Err != nil {
			found = append(found, p.Err.Error())
		} else {
			found = append(found, fmt.Sprint(p.Stamp.Size, content[i]))
		}
	}
	return found
}

func TestARoundReadsWhatOneFileAfterTheOtherDoes(t *testing.T) {
	root := t.TempDir()
	write := func(name string, size int) {
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(rand.Uint32())
		}
		if err := os.WriteFile(filepath.Join(root, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, size := range []int{0, 1, 127, 128, 129, 255, 256, 257, 1000, 128 * 40} {
		write(fmt.Sprint(size), size)
		names = append(names, fmt.Sprint(size))
	}
	if err := os.Mkdir(filepath.Join(root, "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	names = append(names, "dir", "missing", "dir/missing", "1/below", strings.Repeat("n", 300),
		strings.Repeat("n/", maxPath), "nul\x00")
	if runtime.GOOS != "windows" {
		if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o644); err != nil {
			t.Fatal(err)
		}
		for link, target := range map[string]string{"inside": "dir/../257", "outside": "..", "loop": "loop", "dangling": "none"} {
			if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
				t.Fatal(err)
			}
			names = append(names, link)
		}
		names = append(names, "fifo")
	}
	dir, err := OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	var want []string
	for _, name := range names {
		file, err := dir.Open(name)
		if err != nil {
			want = append(want, err.Error())
			continue
		}
		var content []byte
		if err := ReadPieces(file, make([]byte, 1000), new(atomic.Bool), func(b []byte) { content = append(content, b...) }); err != nil {
			t.Fatal(err)
		}
		file.Close()
		want = append(want, fmt.Sprint(len(content), content))
	}
	for _, size := range []int{128, 256, 4096, 128 * 41} {
		for kind, round := range map[string]*Round{"of the root": dir.NewRound(), "by open": NewRound(dir.Open)} {
			for i, got := range readAll(t, round, names, size) {
				if got != want[i] {
					t.Errorf("round %s, pieces of %d: %.20q: got %.80s, want %.80s", kind, size, names[i], got, want[i])
				}
			}
		}
	}
}

func TestARoundDetectsAChangeAfterItsFirstPiece(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "a")
	dir, err := OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for what, change := range map[string]func() error{
		"grown": func() error { return os.WriteFile(path, make([]byte, 301), 0o644) },
		"cut":   func() error { return os.Truncate(path, 100) },
		"empty": func() error { return os.Truncate(path, 0) },
		"times": func() error { return os.Chtimes(path, time.Now(), time.Now()) },
	} {
		for kind, round := range map[string]*Round{"of the root": dir.NewRound(), "by open": NewRound(dir.Open)} {
			if err := os.WriteFile(path, make([]byte, 300), 0o644); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // the clock of the file system must tick
			newTestRound(round, 1, 128)
			pieces := newPieces([]string{"a"}, 128)
			round.Run(pieces)
			if p := pieces[0]; !p.Begun || p.Last || p.Err != nil || p.Got != 128 {
				t.Fatalf("%s, %s: first piece: %+v", what, kind, p)
			}
			if err := change(); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if pieces[0].File != nil {
					round.Run(pieces)
				}
			}
			if p := pieces[0]; p.Err != ErrChanged || p.File != nil {
				t.Errorf("%s, %s: got %+v, want %v", what, kind, p, ErrChanged)
			}
		}
	}
}

func TestOpenReadsNothingAndRunContinues(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir, err := OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for kind, round := range map[string]*Round{"of the root": dir.NewRound(), "by open": NewRound(dir.Open)} {
		newTestRound(round, 2, 128)
		pieces := newPieces([]string{"a", "none"}, 128)
		round.Open(pieces)
		if a, none := pieces[0], pieces[1]; a.File == nil || a.Got != 0 || a.Stamp.Size != 7 || none.Err != ErrMissing {
			t.Errorf("%s: opened %+v, %+v", kind, a, none)
		}
		round.Run(pieces[:1])
		if a := pieces[0]; !a.Last || a.File != nil || string(round.Memory[:a.Got]) != "content" {
			t.Errorf("%s: read %+v", kind, a)
		}
	}
}

func TestARoundThatIsOverBeginsNoMoreFiles(t *testing.T) {
	root := t.TempDir()
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprint(i))
		if err := os.WriteFile(filepath.Join(root, names[i]), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	begun := func(round *Round, set func()) (count int) {
		newTestRound(round, len(names), 128)
		set()
		pieces := newPieces(names, 128)
		round.Run(pieces)
		for i, p := range pieces {
			if p.Begun {
				count++
			}
			if p.Begun != (i < count) || p.Begun != p.Last {
				t.Errorf("piece %d: %+v", i, p)
			}
		}
		return count
	}
	for kind, round := range map[string]*Round{"of the root": dir.NewRound(), "by open": NewRound(dir.Open)} {
		if got := begun(round, func() { round.Time = 1 }); got < 1 || got > 4 {
			t.Errorf("%s: %d begun in no time", kind, got)
		}
		if got := begun(round, func() { round.Stopped.Store(true) }); got != 0 {
			t.Errorf("%s: %d begun after the stop", kind, got)
		}
		if got := begun(round, round.LeaveAlone); got != 0 {
			t.Errorf("%s: %d begun after LeaveAlone", kind, got)
		}
		if got := begun(round, round.Reset); got != len(names) {
			t.Errorf("%s: %d begun after Reset", kind, got)
		}
	}
}

func TestARoundLeavesWhatItCannotOpenForLackOfDescriptors(t *testing.T) {
	opened := 0
	file := NewRound(func(name string) (File, error) {
		if opened++; opened > 2 {
			return nil, syscall.EMFILE
		}
		return nil, ErrMissing
	})
	newTestRound(file, 5, 128)
	pieces := newPieces(strings.Split("abcde", ""), 128)
	file.Run(pieces)
	var begun []byte
	for _, p := range pieces {
		if p.Begun {
			begun = append(begun, p.Name...)
		}
	}
	if !IsExhausted(file.Exhausted) || opened != 3 || !bytes.Equal(begun, []byte("ab")) {
		t.Errorf("got %v after %d opens, begun %q", file.Exhausted, opened, begun)
	}
}
