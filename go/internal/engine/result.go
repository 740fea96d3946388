package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/discover"
	"checksig/internal/manifest"
)

// A Status is the verdict on one file.
type Status uint8

// The verdicts.
const (
	OK       Status = iota
	Failed          // its bytes do not have the listed digest
	Missing         // nothing is there; a dangling symlink too
	Changed         // it changed while it was read
	Error           // it is there, but cannot or must not be read
	Conflict        // the manifest lists two digests of one algorithm for it
	Unlisted        // it is there, and the manifest does not list it
	statuses        // how many there are
)

// A Result is the verdict on one file.
type Result struct {
	Name      string // as listed, without "." elements
	Status    Status
	Algorithm *digest.Algorithm // of Expected; nil if nothing is listed
	Expected  []byte            // the listed digest, the one that failed if there are several
	Actual    []byte            // the file's digest; nil if there is none
	Size      int64             // of the file, in bytes; -1 if it was not opened
	Err       error             // why it is not OK
	Bad       bool              // it keeps the whole from being good; a report sets it, too
}

// Reason says in a word or two why the file is not OK.
func (r *Result) Reason() string {
	if r.Err == nil {
		return ""
	}
	return r.Err.Error()
}

// Errno returns the operating system's error number, or 0.
func (r *Result) Errno() syscall.Errno {
	var errno syscall.Errno
	errors.As(r.Err, &errno)
	return errno
}

var (
	errMismatch = errors.New("mismatch")
	errUnlisted = errors.New("not in the manifest")
)

var errNotFetched = &beneath.Error{Reason: "missing, listed in fetch.txt", Err: syscall.ENOENT}

type conflictError string

func (e conflictError) Error() string { return string(e) }

// result returns a verdict on t for which no digest was computed.
func (t *target) result(status Status, err error) *Result {
	first := &t.entries[0]
	return &Result{
		Name:      t.name,
		Status:    status,
		Algorithm: first.Algorithm,
		Expected:  bytes.Clone(first.Digest()),
		Size:      -1,
		Err:       err,
	}
}

// hashed returns a verdict that the digest of the entry with that index decides.
func (t *target) hashed(status Status, index int, actual []byte, size int64) *Result {
	entry := &t.entries[index]
	result := &Result{
		Name:      t.name,
		Status:    status,
		Algorithm: entry.Algorithm,
		Expected:  bytes.Clone(entry.Digest()),
		Actual:    bytes.Clone(actual),
		Size:      size,
	}
	if status == Failed {
		result.Err = errMismatch
	}
	return result
}

// refused returns the verdict on a file that could not be opened or read.
func (t *target) refused(err error) *Result {
	switch {
	case errors.Is(err, beneath.ErrMissing) && t.toFetch:
		return t.result(Missing, errNotFetched)
	case errors.Is(err, beneath.ErrMissing):
		return t.result(Missing, err)
	case errors.Is(err, beneath.ErrChanged):
		return t.result(Changed, err)
	}
	return t.result(Error, err)
}

// maxMessageLines is how many lines a message has before the rest is counted.
const maxMessageLines = 20

// A Report is the outcome of a run.
type Report struct {
	Root    string // as the caller gave it
	Sources discover.Sources
	Files   int // how many distinct files the manifests list
	Counts  [statuses]int
	Bad     int   // how many files are bad
	Bytes   int64 // that were hashed
	Hint    string

	ignoreMissing bool
	failExtra     bool
	first         []Result // the first maxMessageLines files that are bad
}

// note takes the next result, in order, and tells it whether it is bad.
func (r *Report) note(result *Result) {
	r.Counts[result.Status]++
	result.Bad = result.Bad || r.isBad(result.Status)
	if !result.Bad {
		return
	}
	r.Bad++
	if len(r.first) < maxMessageLines {
		r.first = append(r.first, *result)
	}
}

func (r *Report) isBad(status Status) bool {
	switch status {
	case OK:
		return false
	case Missing:
		return !r.ignoreMissing
	case Unlisted:
		return r.failExtra
	}
	return true
}

// BadLines returns how many lines of the manifests are bad.
func (r *Report) BadLines() int { return r.Sources.BadLines() }

// A FailedError says that a directory is not as its manifests say.
type FailedError struct {
	Report *Report
}

// Err returns nil if all is well, else a [*FailedError]. All is well if at least
// one file is OK, no other is bad, and no line of a manifest was left unread.
func (r *Report) Err() error {
	if r.Counts[OK] > 0 && r.Bad == 0 && r.BadLines() == 0 {
		return nil
	}
	return &FailedError{r}
}

// Error has one line for each bad file, in the manifests' order, then one for
// each bad line; after maxMessageLines of them it counts the rest.
func (e *FailedError) Error() string {
	r := e.Report
	var lines []string
	for i := range r.first {
		lines = append(lines, fmt.Sprintf("%q - %s", beneath.Join(r.Root, r.first[i].Name), r.first[i].Reason()))
	}
	for _, source := range r.Sources {
		for _, bad := range source.BadLines[:min(len(source.BadLines), maxMessageLines-len(lines))] {
			lines = append(lines, (&manifest.Error{Path: source.Path, Line: bad.Line, Reason: bad.Reason}).Error())
		}
	}
	if more := r.Bad + r.BadLines() - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	if len(lines) == 0 {
		lines = append(lines, fmt.Sprintf("%q - none of the listed files is there", r.Sources[0].Path))
	}
	if r.Hint != "" {
		lines = append(lines, r.Hint)
	}
	return strings.Join(lines, "\n")
}
