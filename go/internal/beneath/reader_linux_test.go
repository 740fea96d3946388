package beneath

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestAFileRewrittenWhileItIsReadIsReportedAsChanged(t *testing.T) {
	content := strings.Repeat("x", 3*PieceSize)
	root := t.TempDir()
	dir, err := OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, touch := range map[string]func(path string) error{
		"same size":  func(path string) error { return os.WriteFile(path, []byte(content), 0o644) },
		"grown":      func(path string) error { return os.WriteFile(path, []byte(content+"y"), 0o644) },
		"cut":        func(path string) error { return os.Truncate(path, 1) },
		"other mode": func(path string) error { return os.Chmod(path, 0o600) },
		"same times": func(path string) error {
			info, err := os.Stat(path)
			if err == nil {
				err = os.WriteFile(path, []byte(content), 0o644)
			}
			if err == nil {
				err = os.Chtimes(path, info.ModTime(), info.ModTime())
			}
			return err
		},
	} {
		if err := os.WriteFile(filepath.Join(root, "a"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		file, err := dir.Open("a")
		if err != nil {
			t.Fatal(err)
		}
		// The kernel updates timestamps only with its clock tick.
		deadline := time.Now().Add(5 * time.Second)
		for touched := false; !touched && time.Now().Before(deadline); {
			if err := touch(filepath.Join(root, "a")); err != nil {
				t.Fatal(err)
			}
			now, err := file.Stamp()
			touched = err != nil || now != file.Opened()
		}
		if err := ReadPieces(file, make([]byte, PieceSize), new(atomic.Bool), func([]byte) {}); err != ErrChanged {
			t.Errorf("%s: got %v, want %v", name, err, ErrChanged)
		}
		file.Close()
	}
}
