//go:build !linux

package beneath

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// openFlags has O_NONBLOCK because opening a FIFO or a device must not block.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK | syscall.O_CLOEXEC

var errNoKernelSupport = errors.New("no openat2")

type handle struct{}

func openHandle(string) (handle, error)   { return handle{}, errNoKernelSupport }
func (handle) close() error               { return nil }
func (handle) size(string) (int64, error) { return 0, errNoKernelSupport }
func (handle) exists(string) bool         { return false }
func (handle) list(string, func(string, os.FileMode) bool) error {
	return errNoKernelSupport
}
func (r *Root) openByKernel(string) (File, error) { return nil, Reason(errNoKernelSupport) }

// An openFile is a [File].
type openFile struct {
	file  *os.File
	stamp Stamp
}

// openPath opens a path that may be anywhere.
func openPath(path string) (*openFile, error) {
	f, err := os.OpenFile(path, openFlags, 0)
	return fileOf(f), err
}

func fileOf(f *os.File) *openFile { return &openFile{file: f} }

// regular sets the stamp of f if it is a regular file. Otherwise it closes f and returns an
// error that says what it is.
func regular(f *openFile) (File, error) {
	info, err := f.file.Stat()
	if err == nil {
		err = errorOf(info.Mode())
	} else {
		err = Reason(err)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	f.stamp = stampOf(info)
	return f, nil
}

// A Stamp is the metadata that shows whether a file changed: within the resolution of the
// file system's timestamps, a file that changed has another stamp.
type Stamp struct {
	Size  int64
	mtime time.Time
}

func stampOf(info os.FileInfo) Stamp { return Stamp{info.Size(), info.ModTime()} }

// Device returns 0: this package does not look at devices here.
func (s Stamp) Device() uint64 { return 0 }

// Newest returns the mtime.
func (s Stamp) Newest() time.Time { return s.mtime }

// Append appends all of the stamp to b.
func (s Stamp) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Size))
	return binary.LittleEndian.AppendUint64(b, uint64(s.mtime.UnixNano()))
}

// FileSystem returns an error: this package cannot tell file systems apart here.
func FileSystem(File) (kind uint32, err error) { return 0, errors.ErrUnsupported }

// IsFresh reports false, because that cannot be found out here.
func IsFresh(File) bool { return false }

// Times returns the times of the last change of the content and of the status, in nanoseconds;
// -1 for the second, which is not known.
func (s Stamp) Times() (mtime, ctime int64) { return s.mtime.UnixNano(), -1 }

// Opened returns the stamp as of the opening.
func (f *openFile) Opened() Stamp { return f.stamp }

// Stamp returns the stamp as of now.
func (f *openFile) Stamp() (Stamp, error) {
	info, err := f.file.Stat()
	if err != nil {
		return Stamp{}, Reason(err)
	}
	return stampOf(info), nil
}

// Read reads up to len(p) bytes. At the end of the file it returns 0 and nil.
func (f *openFile) Read(p []byte) (int, error) {
	n, err := f.file.Read(p)
	if err == io.EOF {
		return 0, nil
	}
	if err != nil {
		return 0, Reason(err)
	}
	return n, nil
}

// Close releases the descriptor.
func (f *openFile) Close() error { return f.file.Close() }
