package beneath

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCleanRemovesOnlyEmptyAndDotElements(t *testing.T) {
	for _, c := range []struct {
		name, want string
		err        error
	}{
		{"a", "a", nil},
		{"./a", "a", nil},
		{".//a/./b//c", "a/b/c", nil},
		{".hidden/..b/c..", ".hidden/..b/c..", nil},
		{"a/", "a/", nil},
		{"a/.", "a/", nil},
		{"", ".", nil},
		{".", ".", nil},
		{"./", ".", nil},
		{"...", "...", nil},
		{"/", "", ErrAbsolute},
		{"//a", "", ErrAbsolute},
		{"..", "", ErrDotDot},
		{"a/..", "", ErrDotDot},
		{"a/../b", "", ErrDotDot},
	} {
		got, err := Clean(c.name)
		if got != c.want || err != c.err {
			t.Errorf("Clean(%q): got %q, %v; want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

// FuzzClean states: cleaning a clean name does not change it, a clean name names the same
// file, and it has no ".." element.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{"a", "./a//b/.", "../a", "/a", "a/../b", ".../..a", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := Clean(name)
		if err != nil {
			if !strings.HasPrefix(name, "/") && !strings.Contains("/"+name+"/", "/../") {
				t.Errorf("Clean(%q) fails: %v", name, err)
			}
			return
		}
		if again, err := Clean(got); again != got || err != nil {
			t.Errorf("Clean(%q): got %q, cleaned again %q, %v", name, got, again, err)
		}
		if want := filepath.Clean(name); filepath.Clean(got) != want || strings.Contains("/"+got+"/", "/../") {
			t.Errorf("Clean(%q): got %q, which is not %q", name, got, want)
		}
	})
}

// createLinks makes a random tree of directories, files, and symlinks in base/root, and a
// secret file beside root. Some of the symlinks lead out of root or form loops.
func createLinks(t *testing.T, random *rand.Rand, base string) {
	t.Helper()
	must := func(err error) {
		if err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	root := filepath.Join(base, "root")
	must(os.MkdirAll(filepath.Join(root, "d", "e"), 0o755))
	must(os.WriteFile(filepath.Join(base, "secret"), []byte("secret"), 0o644))
	folders := []string{"", "d", "d/e"}
	elements := []string{"..", ".", "d", "e", "f0", "l0", "l1", "l2", "l3", "secret", "root"}
	for i := range 4 {
		folder := filepath.Join(root, folders[random.IntN(len(folders))])
		must(os.WriteFile(filepath.Join(folder, fmt.Sprint("f", i)), []byte("inside"), 0o644))
		target := elements[random.IntN(len(elements))]
		for range random.IntN(4) {
			target += "/" + elements[random.IntN(len(elements))]
		}
		if random.IntN(8) == 0 {
			target = base + "/" + target
		}
		must(os.Symlink(target, filepath.Join(root, folders[random.IntN(len(folders))], fmt.Sprint("l", i))))
	}
}

// read returns the first bytes of the file name, or the reason why it cannot be opened.
func read(root *Root, name string) string {
	file, err := root.Open(name)
	if err != nil {
		return "refused: " + err.Error()
	}
	defer file.Close()
	buffer := make([]byte, 16)
	n, err := file.Read(buffer)
	return fmt.Sprint(string(buffer[:n]), err)
}

func TestKernelAndGoResolveNamesAlikeAndNeverLeaveTheRoot(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		base := t.TempDir()
		createLinks(t, random, base)
		kernel, err := OpenRoot(filepath.Join(base, "root"))
		if err != nil {
			t.Fatal(err)
		}
		byGo, err := OpenGoRoot(filepath.Join(base, "root"))
		if err != nil {
			t.Fatal(err)
		}
		if kernel.root != nil {
			t.Skip("this kernel has no openat2")
		}
		for _, name := range []string{"l0", "l1", "l2", "l3", "d/l0", "d/l1", "d/e/l2", "d/e/l3", "l0/f0", "d/l1/f1", "l2/l3", "d/f2", "l0/"} {
			got, want := read(kernel, name), read(byGo, name)
			if got != want {
				t.Errorf("seed %d: %s: the kernel gives %q, Go %q", seed, name, got, want)
			}
			if strings.Contains(got, "secret") {
				t.Fatalf("seed %d: %s left the root", seed, name)
			}
			seen[got]++
		}
		kernel.Close()
		byGo.Close()
	}
	for _, outcome := range []string{"inside<nil>", "refused: " + ErrEscapes.Reason, "refused: missing"} {
		if seen[outcome] == 0 {
			t.Errorf("no symlink gave %q, so the test is too weak (%v)", outcome, seen)
		}
	}
}

func TestTheSizeOfAFileOutsideTheRootIsNotReturned(t *testing.T) {
	base := t.TempDir()
	for name, target := range map[string]string{"out": "../secret", "up": "..", "absolute": base + "/secret"} {
		if err := os.MkdirAll(filepath.Join(base, "root"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(base, "root", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(base, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func(string) (*Root, error){OpenRoot, OpenGoRoot} {
		root, err := open(filepath.Join(base, "root"))
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		for _, name := range []string{"out", "up/secret", "absolute"} {
			if size, err := root.Size(name); err == nil {
				t.Errorf("%s: got the size %d", name, size)
			}
		}
	}
}

func TestADanglingSymlinkExists(t *testing.T) {
	base := t.TempDir()
	if err := os.Symlink("gone", filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	for _, open := range []func(string) (*Root, error){OpenRoot, OpenGoRoot} {
		root, err := open(base)
		if err != nil {
			t.Fatal(err)
		}
		if !root.Exists("link") || root.Exists("gone") {
			t.Errorf("link: %v, gone: %v", root.Exists("link"), root.Exists("gone"))
		}
		root.Close()
	}
}

func TestJoinKeepsDotDotAndAbsoluteNames(t *testing.T) {
	for _, c := range [][3]string{
		{"dir", "a", "dir/a"}, {"dir/", "a", "dir/a"}, {"/", "a", "/a"}, {".", "../a", "./../a"}, {"dir", "/a", "/a"},
	} {
		if got := Join(c[0], c[1]); got != c[2] {
			t.Errorf("Join(%q, %q): got %q, want %q", c[0], c[1], got, c[2])
		}
	}
}
