// Package receipts remembers which files had their listed digests, so that a later run need not
// hash a file that is untouched since.
//
// A receipt says that a file of a name had every listed digest at a time, and which size, inode
// and times it had then. It holds only while all of that is the same, for a limited time, and on
// file systems whose times and inodes can be trusted. Any doubt means: hash.
//
// A receipt does not say that a file is intact now: damage below the file system changes no time.
// Therefore every bad verdict revokes the receipts of the file's name.
package receipts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

const (
	// minAge is how old the times of a file must be before it gets a receipt. A store through a
	// shared memory map goes unseen until the kernel writes the page back, which takes up to 35 s.
	minAge = 60 * time.Second

	// FlushEvery is how often new receipts are written to the journal.
	FlushEvery = 10 * time.Second
)

// A Store has the receipts of one directory. Several goroutines may call its methods at once,
// except Load.
type Store struct {
	directory string // that has the journals of all directories
	root      string // the real path of the directory
	path      string // of the journal
	maxAge    time.Duration
	table     *table
	now       func() time.Time
	fileType  func(beneath.File) (uint32, error)

	load    sync.Once
	revoked atomic.Bool
	mu      sync.Mutex // guards all below
	pending []byte     // records that are not written
	trusts  map[uint64]trust
	notes   []string
}

// New returns the store of the directory root, whose journal is below directory. It reads nothing.
func New(directory, root string, maxAge time.Duration) (*Store, error) {
	root, err := realPath(root)
	if err != nil {
		return nil, err
	}
	name := sha256.Sum256([]byte(root))
	return &Store{
		directory: directory,
		root:      root,
		path:      filepath.Join(directory, hex.EncodeToString(name[:])),
		maxAge:    maxAge,
		table:     &table{},
		now:       time.Now,
		fileType:  beneath.FileSystem,
		trusts:    map[uint64]trust{},
	}, nil
}

// realPath returns an absolute path without symlinks.
func realPath(path string) (string, error) {
	path, err := filepath.EvalSymlinks(path) // first, because Abs takes ".." for the lexical parent
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil {
		path, err = filepath.EvalSymlinks(path) // the working directory may be a symlink
	}
	return path, err
}

// Load reads the journal once. Before, no receipt is known.
func (s *Store) Load(stopped *atomic.Bool) {
	s.load.Do(func() {
		content, err := readJournal(s.path, stopped)
		if err == nil {
			s.table, err = s.parse(content)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.table = &table{}
			s.note("receipts not read: %v", err)
		}
	})
}

// parse returns the receipts in the content of a journal.
func (s *Store) parse(content []byte) (*table, error) {
	header := makeHeader(s.root)
	if isTorn(content, header) {
		return &table{}, nil
	}
	records, ok := bytes.CutPrefix(content, header)
	if !ok {
		return nil, fmt.Errorf("%q: %w", s.path, errForeign)
	}
	return readRecords(records), nil
}

// Find returns when the file of that name had all digests of the entries, if it is untouched
// since. file must have been opened by that name just now.
func (s *Store) Find(name string, entries []manifest.Entry, file beneath.File) (when int64, ok bool) {
	level := s.trust(file)
	if level == untrusted {
		return 0, false
	}
	r, ok := s.table.receipts[listingOf(name, entries)]
	if !ok || r.void || r.stamp != stampOf(file.Opened()) {
		return 0, false
	}
	age := s.now().Unix() - int64(r.time)
	if age < 0 || age >= int64(s.maxAge/time.Second) {
		return 0, false
	}
	if level == remote && !beneath.IsFresh(file) {
		return 0, false
	}
	return int64(r.time), true
}

// Known returns when a file of that name last had all digests of the entries, and when it was
// touched after that. touched is 0 if its size, inode and times are as they were then. when is 0
// if that is not known.
func (s *Store) Known(name string, entries []manifest.Entry, stamp beneath.Stamp) (when, touched int64) {
	r, ok := s.table.receipts[listingOf(name, entries)]
	if !ok {
		return 0, 0
	}
	if r.stamp != stampOf(stamp) {
		touched = stamp.Newest().Unix()
	}
	return int64(r.time), touched
}

// A Candidate is a file that may get a receipt, as it was when it was opened.
type Candidate struct {
	opened  time.Time
	trusted bool
}

// Begin returns what [Store.Keep] needs of a file that was opened just now.
func (s *Store) Begin(file beneath.File) Candidate {
	return Candidate{opened: s.now(), trusted: s.trust(file) != untrusted}
}

// Keep adds a receipt for a file that has all digests of the entries, if its times were old
// enough when it was opened. stamp is that of the opening and of the end of reading.
func (s *Store) Keep(name string, entries []manifest.Entry, stamp beneath.Stamp, c Candidate) {
	if !c.trusted || c.opened.Sub(stamp.Newest()) < minAge {
		return
	}
	record := appendReceipt(nil, name, listingOf(name, entries), stampOf(stamp), c.opened)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = append(s.pending, record...)
}

// Revoke writes to the journal, if there is one, that files of these names are bad. If it
// cannot, it removes the journal, because receipts must not outlive a bad verdict.
func (s *Store) Revoke(names []string) {
	var records []byte
	for _, name := range names {
		records = appendRevocation(records, name, s.now())
	}
	err := appendJournal(s.path, makeHeader(s.root), records, existing)
	switch {
	case err == nil:
		s.revoked.Store(true)
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, errForeign): // there is no receipt
	default:
		if left := removeJournal(s.path); left != nil && !errors.Is(left, fs.ErrNotExist) {
			s.note("receipts of bad files not revoked: %v; remove %q", err, s.path)
		}
	}
}

// Flush writes the new receipts to the journal.
func (s *Store) Flush() {
	s.mu.Lock()
	records := s.pending
	s.pending = nil
	s.mu.Unlock()
	if len(records) == 0 {
		return
	}
	if err := makeDirectory(s.directory); err != nil {
		s.note("receipts not kept: %v", err)
		return
	}
	if err := appendJournal(s.path, makeHeader(s.root), records, created); err != nil {
		s.note("receipts not kept: %v", err)
	}
}

// Close writes the new receipts, flushes revocations to the disk, and makes the journal small again
// if most of it is outdated.
func (s *Store) Close() {
	s.Flush()
	if s.revoked.Load() {
		if err := syncJournal(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.note("receipts of bad files may come back after a power failure: %v", err)
		}
	}
	if !s.table.mostlyOutdated() {
		return
	}
	err := rewriteJournal(s.path, func(content []byte) ([]byte, error) {
		t, err := s.parse(content)
		if err != nil {
			return nil, err
		}
		return t.appendTo(makeHeader(s.root), s.now()), nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.note("receipts not compacted: %v", err)
	}
}

// Count returns how many receipts hold if the files are untouched, and the time of the oldest.
func (s *Store) Count() (count, oldest int64) {
	now := s.now().Unix()
	for _, r := range s.table.receipts {
		if age := now - int64(r.time); r.void || age < 0 || age >= int64(s.maxAge/time.Second) {
			continue
		}
		count++
		if oldest == 0 || int64(r.time) < oldest {
			oldest = int64(r.time)
		}
	}
	return count, oldest
}

// Notes returns what a user should know: why receipts were not used or not kept.
func (s *Store) Notes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes
}

// note adds a note, unless it is known.
func (s *Store) note(format string, values ...any) {
	text := fmt.Sprintf(format, values...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.notes {
		if known == text {
			return
		}
	}
	s.notes = append(s.notes, text)
}

// trust returns how far the file system of an open file is trusted. It asks once a device.
func (s *Store) trust(file beneath.File) trust {
	device := file.Opened().Device()
	s.mu.Lock()
	level, known := s.trusts[device]
	s.mu.Unlock()
	if known {
		return level
	}
	kind, err := s.fileType(file)
	level, name := trustOf(kind, err)
	if level == untrusted {
		s.note("no receipts on %s: its files were hashed", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trusts[device] = level
	return level
}
