// Package beneath opens files below a root directory and nowhere else.
//
// A name that leaves the root, by being absolute, by "..", or through a
// symlink, is refused; symlinks that stay inside are followed. An absolute
// symlink leaves, wherever it points. Only regular files are opened for
// reading, and opening never blocks, whatever stands there. On Linux the
// kernel resolves the names (openat2 with RESOLVE_BENEATH); where it cannot,
// [os.Root] does, which differs in two points: it follows 8 symlinks in one name,
// the kernel 40; and it must be allowed to read each directory on the way, where
// the kernel must only be allowed to search it.
//
// Mount points inside the root are entered, and hard links cannot be told from
// other files: a root that an attacker may write to can show anything that he
// can read himself.
package beneath

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// An Error is the reason, in a few words, why a name could not be opened, and
// the operating system's error where there is one.
type Error struct {
	Reason string
	Err    error
}

func (e *Error) Error() string { return e.Reason }
func (e *Error) Unwrap() error { return e.Err }

// Errors that need no error of the operating system.
var (
	ErrMissing   = &Error{Reason: "missing", Err: syscall.ENOENT} // a dangling symlink too
	ErrAbsolute  = &Error{Reason: "absolute path"}
	ErrDotDot    = &Error{Reason: ".. in the path"}
	ErrEscapes   = &Error{Reason: "symlink out of the directory"}
	ErrDirectory = &Error{Reason: "is a directory"}
	ErrFIFO      = &Error{Reason: "is a FIFO"}
	ErrSocket    = &Error{Reason: "is a socket"}
	ErrDevice    = &Error{Reason: "is a device"}
	ErrIrregular = &Error{Reason: "is not a regular file"}
	ErrSymlink   = &Error{Reason: "is a symlink"}
)

// reasons are the words for the errors of the operating system that users
// meet; for others its own words serve.
var reasons = map[syscall.Errno]string{
	syscall.ENOENT:       "no such file or directory",
	syscall.EACCES:       "permission denied",
	syscall.EPERM:        "operation not permitted",
	syscall.ENOTDIR:      "not a directory",
	syscall.ELOOP:        "too many symlinks, or a loop of them",
	syscall.ENAMETOOLONG: "name too long",
	syscall.EIO:          "input/output error",
	syscall.EMFILE:       "too many open files in this process",
	syscall.ENFILE:       "too many open files on this machine",
}

// Reason wraps an error of the operating system into an [*Error], unless it is one.
func Reason(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return &Error{Reason: err.Error(), Err: err}
	}
	if words, ok := reasons[errno]; ok {
		return &Error{Reason: words, Err: errno}
	}
	return &Error{Reason: errno.Error(), Err: errno}
}

// Clean returns name without empty and "." elements, so that "./a", "a" and
// ".//a" are one name. It fails with [ErrAbsolute] or [ErrDotDot]. A slash at
// the end is kept: it says that a directory is meant.
func Clean(name string) (string, error) {
	if strings.HasPrefix(name, "/") {
		return "", ErrAbsolute
	}
	if isClean(name) {
		return name, nil
	}
	var kept []string
	for element := range strings.SplitSeq(name, "/") {
		switch element {
		case "", ".":
		case "..":
			return "", ErrDotDot
		default:
			kept = append(kept, element)
		}
	}
	if len(kept) == 0 {
		return ".", nil
	}
	if strings.HasSuffix(name, "/") || strings.HasSuffix(name, "/.") {
		kept = append(kept, "")
	}
	return strings.Join(kept, "/"), nil
}

// isClean reports, for most names without a second look, that no element of
// name is empty or begins with a dot.
func isClean(name string) bool {
	return name != "" && name[0] != '.' && !strings.Contains(name, "/.") &&
		!strings.Contains(name, "//") && !strings.HasSuffix(name, "/")
}

// A Root is an open directory. Its methods may be called from many goroutines
// at once.
type Root struct {
	dir  handle   // for the kernel's resolution
	root *os.Root // for Go's; nil while the kernel's serves
}

// OpenRoot opens the directory path. Its errors are the operating system's.
func OpenRoot(path string) (*Root, error) {
	dir, err := openHandle(path)
	if err == nil {
		return &Root{dir: dir}, nil
	}
	if err != errNoKernelSupport {
		return nil, err
	}
	return OpenGoRoot(path)
}

// OpenGoRoot opens the directory path for Go's own resolution of names, on which
// OpenRoot falls back.
func OpenGoRoot(path string) (*Root, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Root{root: root}, nil
}

// Open opens the regular file name, which [Clean] has returned. Its errors are
// [*Error]. The caller must close the file.
func (r *Root) Open(name string) (File, error) {
	if len(name) >= maxPath {
		return nil, Reason(syscall.ENAMETOOLONG)
	}
	if r.root != nil {
		return r.openByGo(name)
	}
	return r.openByKernel(name)
}

// OpenPath opens the regular file path, which may lie anywhere. Its errors are
// [*Error].
func OpenPath(path string) (File, error) {
	f, err := os.OpenFile(path, openFlags, 0)
	if err != nil {
		return nil, openError(err)
	}
	return regular(fileOf(f))
}

// Exists reports whether there is anything under name, if only a dangling
// symlink; if that cannot be told, it reports true. [Clean] has returned name.
func (r *Root) Exists(name string) bool {
	if r.root != nil {
		_, err := r.root.Lstat(name)
		return !isMissing(err)
	}
	return r.dir.exists(name)
}

// Size returns the size in bytes of the regular file name, which [Clean] has
// returned.
func (r *Root) Size(name string) (int64, error) {
	if r.root == nil {
		return r.dir.size(name)
	}
	info, err := r.root.Stat(name)
	if err == nil {
		err = errorOf(info.Mode())
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Close releases the directory.
func (r *Root) Close() error {
	if r.root != nil {
		return r.root.Close()
	}
	return r.dir.close()
}

// maxPath is the kernel's PATH_MAX, with which os.Root would make do without:
// both resolutions give the same verdicts.
const maxPath = 4096

func (r *Root) openByGo(name string) (File, error) {
	f, err := r.root.OpenFile(name, openFlags, 0)
	if err != nil {
		if mayBeDevice(err) {
			return nil, r.irregular(name, err)
		}
		return nil, goError(err)
	}
	return regular(fileOf(f))
}

// goError is openError for os.Root, which reports an escape as an error that is
// no error of the operating system.
func goError(err error) *Error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return &Error{Reason: ErrEscapes.Reason, Err: err}
	}
	return openError(errno)
}

// irregular says what name is, after open said refusal.
func (r *Root) irregular(name string, refusal error) error {
	info, err := r.root.Stat(name)
	if err != nil {
		return openError(err)
	}
	if err := errorOf(info.Mode()); err != nil {
		return err
	}
	return Reason(refusal)
}

// mayBeDevice reports whether open says so of sockets and of devices too.
func mayBeDevice(err error) bool {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.ENXIO, syscall.ENODEV, syscall.EIO, syscall.EBUSY, syscall.EACCES, syscall.EPERM:
		return true
	}
	return false
}

// openError is [Reason], with the words for a name that is not there, or that
// leaves the root.
func openError(err error) *Error {
	switch {
	case isMissing(err):
		return ErrMissing
	case errors.Is(err, syscall.EXDEV):
		return &Error{Reason: ErrEscapes.Reason, Err: err}
	}
	return Reason(err)
}

// isMissing reports whether err says that a name is not there. Windows says it in other
// words where a directory on the way is not there, or where no file can have the name.
func isMissing(err error) bool {
	const pathNotFound, invalidName = syscall.Errno(3), syscall.Errno(123)
	return errors.Is(err, syscall.ENOENT) ||
		runtime.GOOS == "windows" && (errors.Is(err, pathNotFound) || errors.Is(err, invalidName))
}

// errorOf is the error that stands for a file of that type, or nil for a
// regular one.
func errorOf(mode os.FileMode) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return ErrDirectory
	case mode&os.ModeNamedPipe != 0:
		return ErrFIFO
	case mode&os.ModeSocket != 0:
		return ErrSocket
	case mode&os.ModeDevice != 0:
		return ErrDevice
	}
	return ErrIrregular
}

// An OSError says that the operating system refused what a run cannot do
// without: to open the directory, or its manifest.
type OSError struct {
	Path string
	Err  error // wraps a syscall.Errno
}

func (e *OSError) Error() string { return fmt.Sprintf("%q - %s", e.Path, Reason(e.Err)) }
func (e *OSError) Unwrap() error { return e.Err }

// Reason returns what there is to say beyond the error of the operating system, or "".
func (e *OSError) Reason() string {
	var known *Error
	if errors.As(e.Err, &known) {
		return known.Reason
	}
	return ""
}

// Join returns the path of name as a message shows it: root as the caller gave
// it, a slash, name. Unlike [filepath.Join] it resolves no "..", and an absolute
// name stays as it is.
func Join(root, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimRight(root, "/") + "/" + name
}
