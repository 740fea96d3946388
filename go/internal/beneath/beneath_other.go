//go:build !linux

package beneath

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// openFlags: O_NONBLOCK so that a FIFO or a device does not block the open.
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

func fileOf(f *os.File) *openFile { return &openFile{file: f} }

// regular returns f with its stamp, or closes it and says what it is instead.
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

// A Stamp tells whether a file was touched between two looks at it.
type Stamp struct {
	Size  int64
	mtime time.Time
}

func stampOf(info os.FileInfo) Stamp { return Stamp{info.Size(), info.ModTime()} }

// Opened returns the stamp that the file had when it was opened.
func (f *openFile) Opened() Stamp { return f.stamp }

// Stamp returns the stamp that the file has now.
func (f *openFile) Stamp() (Stamp, error) {
	info, err := f.file.Stat()
	if err != nil {
		return Stamp{}, Reason(err)
	}
	return stampOf(info), nil
}

// Read reads up to len(p) bytes; 0 and a nil error are the end of the file.
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
