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

// The kernel's reason is that of RESOLVE_NO_MAGICLINKS. RESOLVE_BENEATH alone, with another
// reason, also refuses magic links, but openat2(2) says that this may change.
func TestMagicLinksAreNotFollowed(t *testing.T) {
	for _, c := range []struct {
		open func(string) (*Root, error)
		want string
	}{
		{OpenRoot, reasons[syscall.ELOOP]},
		{OpenGoRoot, ErrEscapes.Reason},
	} {
		root, err := c.open("/proc/self")
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if got := read(root, "exe"); got != "refused: "+c.want {
			t.Errorf("got %q through /proc/self/exe, want %q", got, c.want)
		}
		if size, err := root.Size("exe"); err == nil || root.root == nil && err.Error() != c.want {
			t.Errorf("got the size %d of /proc/self/exe, %v, want %q", size, err, c.want)
		}
	}
}

func TestDescriptorsAreClosedOnExec(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "a")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	kernel, err := OpenRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	defer kernel.Close()
	byGo, err := OpenGoRoot(base)
	if err != nil {
		t.Fatal(err)
	}
	defer byGo.Close()
	descriptors := map[string]int{"root": int(kernel.dir)}
	for name, open := range map[string]func() (File, error){
		"openat2":  func() (File, error) { return kernel.Open("a") },
		"os.Root":  func() (File, error) { return byGo.Open("a") },
		"OpenPath": func() (File, error) { return OpenPath(path) },
	} {
		file, err := open()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		descriptors[name] = file.(*openFile).fd
	}
	for name, fd := range descriptors {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
			t.Errorf("%s: got the flags %#x, %v, want FD_CLOEXEC", name, flags, errno)
		}
	}
}

// openDirWithLink opens a directory that has a directory d and a symlink to it.
func openDirWithLink(t *testing.T) (base string, dir handle) {
	t.Helper()
	base = t.TempDir()
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
	t.Cleanup(func() { dir.close() })
	return base, dir
}

// A directory may be replaced by a symlink after its name was listed.
func TestADirectoryIsNotListedThroughASymlinkOrAboveTheRoot(t *testing.T) {
	base, dir := openDirWithLink(t)
	for _, name := range []string{"link", "d/../link", "..", base} {
		if err := dir.list(name, func(string, os.FileMode) bool { return true }); err == nil {
			t.Errorf("%s was listed", name)
		}
	}
}

func TestAnUnknownTypeInAListingIsLookedUp(t *testing.T) {
	_, dir := openDirWithLink(t)
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
