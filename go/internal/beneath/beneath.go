// Package beneath opens files below a root directory, and nowhere else. It reads them and
// detects changes.
//
// A name that leaves the root, because it is absolute, has "..", or goes through a symlink
// out of the root, is refused. Symlinks that stay inside are followed. An absolute symlink
// counts as leaving the root wherever it points. Only regular files are opened for reading,
// and opening never blocks, whatever kind of file it is.
//
// On Linux the kernel resolves names (openat2 with RESOLVE_BENEATH). Where it cannot,
// [os.Root] does, with two differences: it follows at most 8 symlinks in one name, and the
// kernel follows 40; and it needs permission to read each directory on the way, and the
// kernel only needs permission to search it.
//
// Mount points inside the root are entered, and hard links look like any other file. So an
// attacker who may write to the root can make it contain anything that he can read himself.
package beneath

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
)

// An Error says in a few words why a name could not be opened. Err is the operating system's
// error, or nil if there is none.
type Error struct {
	Reason string
	Err    error
}

func (e *Error) Error() string { return e.Reason }
func (e *Error) Unwrap() error { return e.Err }

// The reasons of this package. ErrMissing also stands for a dangling symlink.
var (
	ErrMissing   = &Error{Reason: "missing", Err: syscall.ENOENT}
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

// reasons has words for the operating system's errors that users see most often. For the
// others, its own words are used.
var reasons = map[syscall.Errno]string{
	syscall.ENOENT:       "no such file or directory",
	syscall.EACCES:       "permission denied",
	syscall.EPERM:        "operation not permitted",
	syscall.ENOTDIR:      "not a directory",
	syscall.ELOOP:        "too many symlinks or a symlink loop",
	syscall.ENAMETOOLONG: "name too long",
	syscall.EIO:          "input/output error",
	syscall.EMFILE:       "too many open files in this process",
	syscall.ENFILE:       "too many open files on this machine",
}

// Reason wraps an error of the operating system in an [*Error], unless it is one already.
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

// Clean returns name without empty and "." elements, so that "./a", "a", and ".//a" become
// the same name. Its error is [ErrAbsolute] or [ErrDotDot]. It keeps a slash at the end,
// because that means a directory.
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

// isClean quickly recognizes most clean names. It reports whether no element of name is
// empty or begins with a dot.
func isClean(name string) bool {
	return name != "" && name[0] != '.' && !strings.Contains(name, "/.") &&
		!strings.Contains(name, "//") && !strings.HasSuffix(name, "/")
}

// A Root is an open directory. Several goroutines may call its methods at once.
type Root struct {
	dir  handle   // if the kernel resolves names
	root *os.Root // if Go resolves names, else nil
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

// OpenGoRoot opens the directory path so that Go resolves the names. [OpenRoot] falls back on
// it.
func OpenGoRoot(path string) (*Root, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return &Root{root: root}, nil
}

// Open opens the regular file name, which must come from [Clean]. Its error is an [*Error].
// The caller must close the file.
func (r *Root) Open(name string) (File, error) {
	if len(name) >= maxPath {
		return nil, Reason(syscall.ENAMETOOLONG)
	}
	if r.root != nil {
		return r.openByGo(name)
	}
	return r.openByKernel(name)
}

// OpenPath opens the regular file path, which may be anywhere. Its error is an [*Error]. The
// caller must close the file.
func OpenPath(path string) (File, error) {
	f, err := openPath(path)
	if err != nil {
		return nil, openError(err)
	}
	return regular(f)
}

// Exists reports whether name exists, even as a dangling symlink. If that cannot be found
// out, it reports true. name must come from [Clean].
func (r *Root) Exists(name string) bool {
	if r.root != nil {
		_, err := r.root.Lstat(name)
		return !isMissing(err)
	}
	return r.dir.exists(name)
}

// Size returns the size in bytes of the regular file name, which must come from [Clean].
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

// maxPath is the kernel's PATH_MAX in bytes. os.Root has no such limit, but both resolutions
// must give the same verdicts.
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

// goError is openError for os.Root. If a name leaves the root, os.Root returns an error that
// is not one of the operating system.
func goError(err error) *Error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return &Error{Reason: ErrEscapes.Reason, Err: err}
	}
	return openError(errno)
}

// irregular returns an error that says what kind of file name is, or refusal, which is the
// error of opening it.
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

// mayBeDevice reports whether opening a socket or a device can fail with err.
func mayBeDevice(err error) bool {
	var errno syscall.Errno
	errors.As(err, &errno)
	switch errno {
	case syscall.ENXIO, syscall.ENODEV, syscall.EIO, syscall.EBUSY, syscall.EACCES, syscall.EPERM:
		return true
	}
	return false
}

// openError is [Reason] with special words for a name that does not exist or that leaves the
// root.
func openError(err error) *Error {
	switch {
	case isMissing(err):
		return ErrMissing
	case errors.Is(err, syscall.EXDEV):
		return &Error{Reason: ErrEscapes.Reason, Err: err}
	}
	return Reason(err)
}

// isMissing reports whether err says that a name does not exist. Windows has different errors
// for a missing directory on the way and for a name that no file can have.
func isMissing(err error) bool {
	const pathNotFound, invalidName = syscall.Errno(3), syscall.Errno(123)
	return errors.Is(err, syscall.ENOENT) ||
		runtime.GOOS == "windows" && (errors.Is(err, pathNotFound) || errors.Is(err, invalidName))
}

// errorOf returns the error for a file of that type, or nil for a regular file.
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

// An OSError says that the operating system refused something that a job needs, such as
// opening the directory or its manifest.
type OSError struct {
	Path string
	Err  error // wraps a syscall.Errno
}

func (e *OSError) Error() string { return fmt.Sprintf("%q - %s", e.Path, Reason(e.Err)) }
func (e *OSError) Unwrap() error { return e.Err }

// Reason returns what e says besides the error of the operating system, or "".
func (e *OSError) Reason() string {
	var known *Error
	if errors.As(e.Err, &known) {
		return known.Reason
	}
	return ""
}

// Join returns the path of name for messages: root as the caller gave it, a slash, and name.
// Unlike [filepath.Join] it keeps ".." elements. It returns an absolute name unchanged.
func Join(root, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimRight(root, "/") + "/" + name
}
