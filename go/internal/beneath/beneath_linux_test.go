package beneath

import (
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestGoResolvesNamesIfOpenat2IsMissing(t *testing.T) {
	defer func(number uintptr) { sysOpenat2 = number }(sysOpenat2)
	sysOpenat2 = 9999 // no system call: ENOSYS, as from a kernel before 5.6
	base := t.TempDir()
	if err := os.WriteFile(filepath.Join(base, "a"), []byte("inside"), 0o644); err != nil {
		t.Fatal(err)
	}
	root, err := OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if root.root == nil || read(root, "a") != "inside<nil>" {
		t.Errorf("got %v, which reads %q", root.root, read(root, "a"))
	}
}

func TestRetryCallsAgainOnlyAfterASignal(t *testing.T) {
	calls := 0
	n, err := retry(func() (int, error) {
		if calls++; calls < 4 {
			return -1, syscall.EINTR
		}
		return 7, syscall.EIO
	})
	if calls != 4 || n != 7 || err != syscall.EIO {
		t.Errorf("got %d, %v after %d calls", n, err, calls)
	}
}

func TestMagicLinksAreNotFollowed(t *testing.T) {
	root, err := OpenRoot("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if got := read(root, "exe"); got[:8] != "refused:" {
		t.Errorf("read %q through /proc/self/exe", got)
	}
}

func TestAnUnknownTypeInAListingIsLookedUp(t *testing.T) {
	base := t.TempDir()
	if err := os.Mkdir(filepath.Join(base, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("d", filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	dir, err := openHandle(base)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.close()
	var records []byte
	for _, name := range []string{".", "d", "gone", "link", ".."} {
		record := make([]byte, 32)
		binary.NativeEndian.PutUint16(record[16:], 32)
		copy(record[19:], name)
		records = append(records, record...)
	}
	got := map[string]os.FileMode{}
	more, err := dir.entries(".", records, func(name string, mode os.FileMode) bool {
		got[name] = mode
		return true
	})
	want := map[string]os.FileMode{"d": os.ModeDir, "link": os.ModeSymlink}
	if !more || err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, %v; want %v", got, more, err, want)
	}
}
