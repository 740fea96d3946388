package beneath

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWithoutOpenat2GoResolvesTheNames(t *testing.T) {
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

func TestRetryCallsAgainForASignalOnly(t *testing.T) {
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
