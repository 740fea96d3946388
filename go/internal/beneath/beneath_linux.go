package beneath

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// openFlags has O_NONBLOCK because opening a FIFO or a device must not block.
const openFlags = syscall.O_RDONLY | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC | syscall.O_LARGEFILE

// sysOpenat2 is the number of openat2(2) on every architecture but MIPS, where no system call
// has this number. A test changes it.
var sysOpenat2 uintptr = 437

// From linux/openat2.h and linux/fcntl.h.
const (
	resolveNoMagic    = 0x02
	resolveNoSymlinks = 0x04
	resolveBeneath    = 0x08
	oPath             = 0x200000
	maxAgain          = 8
)

type openHow struct{ flags, mode, resolve uint64 }

var errNoKernelSupport = errors.New("no openat2")

// A handle is the descriptor of a directory, opened with O_PATH.
type handle int

// openHandle opens a directory. It returns errNoKernelSupport if openat2 is not available,
// because of an old kernel or a sandbox that refuses unknown system calls.
func openHandle(path string) (handle, error) {
	fd, err := retry(func() (int, error) {
		return syscall.Open(path, oPath|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	})
	if err != nil {
		return -1, err
	}
	probe, err := handle(fd).openat2(".", oPath|syscall.O_CLOEXEC, resolveBeneath)
	switch err {
	case nil:
		syscall.Close(probe)
		return handle(fd), nil
	case syscall.ENOSYS, syscall.EPERM:
		err = errNoKernelSupport
	}
	syscall.Close(fd)
	return -1, err
}

func (h handle) close() error { return syscall.Close(int(h)) }

func (h handle) exists(name string) bool {
	fd, err := h.openat2(name, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, resolveBeneath)
	if err == nil {
		syscall.Close(fd)
	}
	return err != syscall.ENOENT
}

func (h handle) size(name string) (int64, error) {
	stamp, err := h.look(name)
	return stamp.Size, err
}

// look returns the stamp of the regular file name, without opening it for reading. If name
// is not a regular file, the error says what it is.
func (h handle) look(name string) (Stamp, error) {
	fd, err := h.openat2(name, oPath|syscall.O_CLOEXEC, resolveBeneath|resolveNoMagic)
	if err != nil {
		return Stamp{}, openError(err)
	}
	file, err := regular(&openFile{fd: fd})
	if err != nil {
		return Stamp{}, err
	}
	file.Close()
	return file.Opened(), nil
}

// openat2 opens name below h. It tries again after EAGAIN, with which the kernel says that a
// rename elsewhere kept it from proving that ".." stays inside.
func (h handle) openat2(name string, flags, resolve uint64) (int, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return -1, syscall.EINVAL
	}
	var buffer [128]byte // on the stack; long enough for most names
	path := append(append(buffer[:0], name...), 0)
	how := openHow{flags: flags, resolve: resolve}
	var err error
	for range maxAgain {
		var fd int
		fd, err = retry(func() (int, error) {
			fd, _, errno := syscall.Syscall6(sysOpenat2, uintptr(h), uintptr(unsafe.Pointer(&path[0])),
				uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0)
			if errno != 0 {
				return -1, errno
			}
			return int(fd), nil
		})
		if err != syscall.EAGAIN {
			return fd, err
		}
	}
	return -1, err
}

func (r *Root) openByKernel(name string) (File, error) {
	fd, err := r.dir.openat2(name, openFlags, resolveBeneath|resolveNoMagic)
	if err != nil {
		return nil, r.dir.openError(name, err)
	}
	return regular(&openFile{fd: fd})
}

// openError returns the error for a file that could not be opened because of err.
func (h handle) openError(name string, err error) error {
	if mayBeDevice(err) {
		return h.irregular(name, err)
	}
	return openError(err)
}

// irregular returns an error that says what kind of file name is, or refusal, which is the
// error of opening it.
func (h handle) irregular(name string, refusal error) error {
	if _, err := h.look(name); err != nil {
		return err
	}
	return Reason(refusal)
}

// list is [Root.List] where the kernel resolves names.
func (h handle) list(dir string, each func(string, os.FileMode) bool) error {
	buffer := listBuffers.Get().(*[32 * 1024]byte)
	defer listBuffers.Put(buffer)
	n, fd, err := h.firstEntries(dir, buffer[:])
	if fd >= 0 {
		defer syscall.Close(fd)
	}
	for {
		if more, failure := h.entries(dir, buffer[:n], each); !more || failure != nil {
			return failure
		}
		if err != nil {
			return openError(err) // ENOENT: the directory was removed, and has no entries, not even "."
		}
		if fd < 0 {
			return nil
		}
		n, err = retry(func() (int, error) { return syscall.ReadDirent(fd, buffer[:]) })
		if n == 0 {
			return nil
		}
		n = max(n, 0)
	}
}

// listBuffers are kept, because a new one costs as much as listing a small directory.
var listBuffers = sync.Pool{New: func() any { return new([32 * 1024]byte) }}

// entries calls each for each record of getdents64(2) in b. It reports whether each wants
// more.
func (h handle) entries(dir string, b []byte, each func(string, os.FileMode) bool) (more bool, err error) {
	for len(b) > 0 {
		length := binary.NativeEndian.Uint16(b[16:])
		kind, name := b[18], b[19:length]
		b = b[length:]
		name = name[:bytes.IndexByte(name, 0)]
		if string(name) == "." || string(name) == ".." {
			continue
		}
		mode := typeOf(uint32(kind) << 12)
		if kind == syscall.DT_UNKNOWN {
			mode, err = h.typeOf(join(dir, string(name)))
			if errors.Is(err, ErrMissing) {
				continue
			}
			if err != nil {
				return false, err
			}
		}
		if !each(string(name), mode) {
			return false, nil
		}
	}
	return true, nil
}

// typeOf returns the type of name. It does not follow a symlink.
func (h handle) typeOf(name string) (os.FileMode, error) {
	fd, err := h.openat2(name, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, resolveBeneath)
	if err != nil {
		return 0, openError(err)
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	err = (&openFile{fd: fd}).stat(&st)
	return typeOf(st.Mode), err
}

// An openFile is a [File] that uses raw system calls, because an os.File would register each
// descriptor with the runtime's poller.
type openFile struct {
	fd    int
	owner *os.File // from os.Root, which must close fd; nil if openat2 opened fd
	stamp Stamp
}

// openPath opens a path that may be anywhere.
func openPath(path string) (*openFile, error) {
	fd, err := retry(func() (int, error) { return syscall.Open(path, openFlags, 0) })
	return &openFile{fd: fd}, err
}

func fileOf(f *os.File) *openFile { return &openFile{fd: int(f.Fd()), owner: f} }

// regular sets the stamp of f if it is a regular file. Otherwise it closes f and returns an
// error that says what it is.
func regular(f *openFile) (File, error) {
	var st syscall.Stat_t
	err := f.stat(&st)
	if err == nil {
		err = errorOf(typeOf(st.Mode))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	f.stamp = stampOf(&st)
	return f, nil
}

func typeOf(mode uint32) os.FileMode {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFREG:
		return 0
	case syscall.S_IFDIR:
		return os.ModeDir
	case syscall.S_IFIFO:
		return os.ModeNamedPipe
	case syscall.S_IFSOCK:
		return os.ModeSocket
	case syscall.S_IFCHR, syscall.S_IFBLK:
		return os.ModeDevice
	case syscall.S_IFLNK:
		return os.ModeSymlink
	}
	return os.ModeIrregular
}

// A Stamp is the metadata that shows whether a file changed: within the resolution of the
// file system's timestamps, a file that changed has another stamp.
type Stamp struct {
	Size         int64
	device       uint64
	inode        uint64
	mtime, ctime syscall.Timespec
}

func stampOf(st *syscall.Stat_t) Stamp {
	return Stamp{st.Size, uint64(st.Dev), st.Ino, st.Mtim, st.Ctim}
}

// Device returns the number of the device that has the file, which can change at each boot.
func (s Stamp) Device() uint64 { return s.device }

// Newest returns the later one of mtime and ctime.
func (s Stamp) Newest() time.Time {
	modified, changed := time.Unix(s.mtime.Unix()), time.Unix(s.ctime.Unix())
	if modified.After(changed) {
		return modified
	}
	return changed
}

// Append appends all of the stamp, except the device, to b.
func (s Stamp) Append(b []byte) []byte {
	modified, modifiedRest := s.mtime.Unix()
	changed, changedRest := s.ctime.Unix()
	for _, number := range []int64{s.Size, int64(s.inode), modified, modifiedRest, changed, changedRest} {
		b = binary.LittleEndian.AppendUint64(b, uint64(number))
	}
	return b
}

// FileSystem returns the number that statfs(2) has for the kind of a file's file system.
func FileSystem(file File) (kind uint32, err error) {
	f, ok := file.(*openFile)
	if !ok {
		return 0, syscall.ENOTSUP
	}
	var st syscall.Statfs_t
	_, err = retry(func() (int, error) { return 0, syscall.Fstatfs(f.fd, &st) })
	return uint32(st.Type), err
}

// From linux/fcntl.h and linux/stat.h.
const (
	atEmptyPath      = 0x1000
	atStatxForceSync = 0x2000
	statxBasicStats  = 0x7ff
)

// sysStatx has the number of statx(2), by architecture.
var sysStatx = map[string]uintptr{
	"amd64": 332, "arm64": 291, "riscv64": 291, "loong64": 291, "386": 383, "arm": 397, "ppc64le": 383, "s390x": 379,
}

// IsFresh reports whether the server of a network file system, asked now, gives an open file the
// stamp that it had when it was opened. That one may have come from a cache.
func IsFresh(file File) bool {
	number, ok := sysStatx[runtime.GOARCH]
	f, isOpen := file.(*openFile)
	if !ok || !isOpen {
		return false
	}
	var buffer [256]byte // a struct statx; the kernel only fills it here, so that fstat is up to date
	empty := [1]byte{}
	_, err := retry(func() (int, error) {
		_, _, errno := syscall.Syscall6(number, uintptr(f.fd), uintptr(unsafe.Pointer(&empty[0])),
			atEmptyPath|atStatxForceSync, statxBasicStats, uintptr(unsafe.Pointer(&buffer[0])), 0)
		if errno != 0 {
			return -1, errno
		}
		return 0, nil
	})
	if err != nil {
		return false
	}
	now, err := f.Stamp()
	return err == nil && now == f.stamp
}

// Times returns the times of the last change of the content and of the status, in nanoseconds.
func (s Stamp) Times() (mtime, ctime int64) { return s.mtime.Nano(), s.ctime.Nano() }

// Opened returns the stamp as of the opening.
func (f *openFile) Opened() Stamp { return f.stamp }

// Stamp returns the stamp as of now.
func (f *openFile) Stamp() (Stamp, error) {
	var st syscall.Stat_t
	if err := f.stat(&st); err != nil {
		return Stamp{}, err
	}
	return stampOf(&st), nil
}

func (f *openFile) stat(st *syscall.Stat_t) error {
	_, err := retry(func() (int, error) { return 0, syscall.Fstat(f.fd, st) })
	if err != nil {
		return Reason(err)
	}
	return nil
}

// Read reads up to len(p) bytes. At the end of the file it returns 0 and nil.
func (f *openFile) Read(p []byte) (int, error) {
	n, err := retry(func() (int, error) { return syscall.Read(f.fd, p) })
	if err != nil {
		return 0, Reason(err)
	}
	return n, nil
}

// Close releases the descriptor.
func (f *openFile) Close() error {
	if f.owner != nil {
		return f.owner.Close()
	}
	return syscall.Close(f.fd)
}

// Signals interrupt a call a few times in a row at most. A file system that is broken does so
// for ever: after maxAtOnce tries, retry pauses between them, and after maxTries it gives up.
const (
	maxAtOnce  = 20
	maxTries   = 100
	retryPause = time.Millisecond
)

// retry calls call again if a signal interrupted it. The signal handlers of the process that
// loads the library need not restart system calls.
func retry(call func() (int, error)) (n int, err error) {
	for try := range maxTries {
		if n, err = call(); err != syscall.EINTR {
			return n, err
		}
		if try >= maxAtOnce {
			time.Sleep(retryPause)
		}
	}
	return n, err
}
