//go:build cgo && (amd64 || arm64)

package beneath

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// forget makes the kernel forget the content of a file, if its file system can.
func forget(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
	const dontNeed = 4
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
		t.Fatal(errno)
	}
}

func TestARoundReadsTheSameWithAndWithoutARing(t *testing.T) {
	folder := t.TempDir()
	var names, contents []string
	for i, size := range []int{1, 4095, 4096, 4097, 0, 20_000, 100, 8192, 8193, 3} {
		for j := range 5 {
			name := fmt.Sprint(i, "-", j)
			content := bytes.Repeat([]byte{byte(i + j)}, size)
			if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
			names, contents = append(names, name), append(contents, fmt.Sprint(size, content))
		}
	}
	root, err := OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for i := range 2 {
		for _, name := range names {
			forget(t, filepath.Join(folder, name))
		}
		round := root.NewRound()
		if round.kernel == nil {
			t.Skip("the kernel does not resolve names")
		}
		if i == 0 {
			round.kernel.round.has_tried = 1
		}
		before := openDescriptors(t)
		if found := readAll(t, round, names, 8192); !slices.Equal(found, contents) {
			t.Error("the contents differ")
		}
		if made := round.kernel.round.ring != nil; made && i == 0 {
			t.Error("a ring was made")
		} else if i == 1 {
			t.Logf("a ring was made: %v", made)
		}
		round.Close()
		if after := openDescriptors(t); after != before {
			t.Errorf("%d descriptors are open, not %d", after, before)
		}
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	found, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(found)
}
