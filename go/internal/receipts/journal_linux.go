package receipts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"checksig/internal/beneath"
)

const (
	maxJournal = 1 << 30 // bytes
	lockTries  = 40
	lockPause  = 50 * time.Millisecond
	pieceSize  = 1 << 20

	journalFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY
)

// How appendJournal opens the journal.
type opening int

const (
	existing opening = iota // it must exist
	created                 // it is made if need be
)

var errLocked = errors.New("locked by another process")

func makeDirectory(path string) error { return os.MkdirAll(path, 0o700) }

func removeJournal(path string) error { return os.Remove(path) }

// openJournal opens a journal that belongs to this user alone. Another user's could have
// receipts for files that nobody hashed.
func openJournal(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|journalFlags, 0o600)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%q: %w", path, errForeign)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !isOurs(info) {
		err = fmt.Errorf("%q: %w", path, errForeign)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func isOurs(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode().IsRegular() && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// readJournal returns the content of a journal.
func readJournal(path string, stopped *atomic.Bool) ([]byte, error) {
	f, err := openJournal(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, stopped)
}

func readAll(f *os.File, stopped *atomic.Bool) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxJournal {
		return nil, fmt.Errorf("%q: %w", f.Name(), errLarge)
	}
	content := make([]byte, info.Size())
	for at := 0; at < len(content); {
		if stopped.Load() {
			return nil, beneath.ErrStopped
		}
		n, err := f.ReadAt(content[at:min(len(content), at+pieceSize)], int64(at))
		at += n
		if err == io.EOF {
			return content[:at], nil
		}
		if err != nil {
			return nil, err
		}
	}
	return content, nil
}

// appendJournal appends records to a journal, wholly or not at all.
func appendJournal(path string, header, records []byte, how opening) error {
	flags := os.O_RDWR | os.O_APPEND
	if how == created {
		flags |= os.O_CREATE
	}
	f, err := openLocked(path, flags)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := prepare(f, header)
	if err != nil {
		return err
	}
	if size == 0 {
		records = append(header, records...)
	}
	if _, err = f.Write(records); err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	return nil
}

// syncJournal flushes a journal to the disk.
func syncJournal(path string) error {
	f, err := openJournal(path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// openLocked opens a journal and locks it. Between the two, another run may have put a new
// file in its place.
func openLocked(path string, flags int) (*os.File, error) {
	for range lockTries {
		f, err := openJournal(path, flags)
		if err != nil {
			return nil, err
		}
		err = lock(f)
		if err == nil && isAt(f, path) {
			return f, nil
		}
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%q: %w", path, errLocked)
}

// lock waits for the lock of a journal, but not for ever: its holder may be stopped.
func lock(f *os.File) (err error) {
	for range lockTries {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			break
		}
		time.Sleep(lockPause)
	}
	if err == syscall.EWOULDBLOCK {
		err = errLocked
	}
	if err != nil {
		err = fmt.Errorf("%q: %w", f.Name(), err)
	}
	return err
}

func isAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, there)
}

// prepare cuts off what a killed run has left at the end of a journal. It returns the size
// that is left, which is 0 without a whole header.
func prepare(f *os.File, header []byte) (size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	start := make([]byte, min(int64(len(header)), info.Size()))
	if _, err := f.ReadAt(start, 0); err != nil && err != io.EOF {
		return 0, err
	}
	switch {
	case isTorn(start, header):
		size = 0
	case string(start) != string(header):
		return 0, fmt.Errorf("%q: %w", f.Name(), errForeign)
	default:
		size = info.Size() - (info.Size()-int64(len(header)))%recordSize
	}
	if size < info.Size() {
		err = f.Truncate(size)
	}
	return size, err
}

// rewriteJournal replaces the content of a journal atomically.
func rewriteJournal(path string, rewrite func([]byte) ([]byte, error)) error {
	f, err := openLocked(path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	content, err := readAll(f, &atomic.Bool{})
	if err == nil {
		content, err = rewrite(content)
	}
	if err != nil {
		return err
	}
	temporary := path + ".tmp" // only the holder of the lock writes it
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeFile(temporary, content); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return os.Rename(temporary, path)
}

func writeFile(path string, content []byte) error {
	f, err := openJournal(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
