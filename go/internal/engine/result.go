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

// A Status is the verdict on one file. Its number is the one in checksig.h.
type Status uint8

// The statuses.
const (
	OK       Status = iota
	Failed          // the content does not have the listed digest
	Missing         // the file does not exist, or is a dangling symlink
	Changed         // the file changed while it was read
	Error           // the file exists, but cannot or must not be read
	Conflict        // the manifests list two different digests of one algorithm for the file
	Extra           // an extra file: it is in the directory but in no manifest
	statuses        // the number of statuses
)

// A Result is the verdict on one file, with its details.
type Result struct {
	Name      string // as listed, without "." elements
	Status    Status
	Algorithm *digest.Algorithm // of Expected and Actual; nil if nothing is listed
	Expected  []byte            // the listed digest; if there are several, the one that failed
	Actual    []byte            // the file's digest; nil if it was not computed
	Size      int64             // of the file, in bytes; -1 if it was not opened
	Err       error             // why it is not OK
	Place     int               // its number among all files, whatever the shard is; from 0
	Packed    bool              // Name is many names, each with NUL at its end
	Bad       bool              // it keeps the whole from being OK; Report.note sets it too
	Receipt   int64             // when the file was hashed, if it was OK by a receipt; of a file that failed: was last OK
	Touched   int64             // when a file that failed was touched after Receipt; 0: it was not
}

// Reason says in a few words why the file is not OK. It is "" if the file is OK.
func (r *Result) Reason() string {
	if r.Err == nil {
		return ""
	}
	return r.Err.Error()
}

// Errno returns the operating system's error number, or 0 if there is none.
func (r *Result) Errno() syscall.Errno {
	var errno syscall.Errno
	errors.As(r.Err, &errno)
	return errno
}

var (
	errMismatch = errors.New("mismatch")
	errExtra    = errors.New("not in the manifest")
)

var errNotFetched = &beneath.Error{Reason: "missing (listed in fetch.txt)", Err: syscall.ENOENT}

type conflictError string

func (e conflictError) Error() string { return string(e) }

// result returns a result for t without a computed digest.
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

// hashed returns a result for t with the computed digest for the entry with that index.
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

// refused returns the result for a file that could not be opened or read.
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

// maxMessageLines is how many bad files and bad lines a message names. The rest are counted.
const maxMessageLines = 20

// A Report sums up the results of a job.
type Report struct {
	Root    string // as the caller gave it
	Sources discover.Sources
	Files   int           // how many distinct files the manifests list, in the job's shard
	Counts  [statuses]int // how many files have each status
	Listed  int           // the same in all shards together
	Bad     int           // how many files are bad
	Bytes   int64         // how many bytes were hashed
	Hint    string        // which other algorithm fits, or ""
	Notes   []string      // what else is worth knowing about the run
	Listing *Listing      // for [WriteEntries], if no file is bad

	ignoreMissing bool
	failExtra     bool
	shard         Shard
	first         []Result // the first maxMessageLines bad files
}

// note counts the next result, in order, and sets its Bad.
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
	case Extra:
		return r.failExtra
	}
	return true
}

// BadLines returns how many bad lines the manifests have.
func (r *Report) BadLines() int { return r.Sources.BadLines() }

// A FailedError says that a directory does not match its manifests.
type FailedError struct {
	Report *Report
}

// Err returns nil if the whole is OK, else a [*FailedError]. The whole is OK if at least one
// file is OK, no file is bad, and no manifest has a bad line.
func (r *Report) Err() error {
	if r.Counts[OK] > 0 && r.Bad == 0 && r.BadLines() == 0 {
		return nil
	}
	return &FailedError{r}
}

// Error returns a message with one line for each bad file, in the manifests' order, and then
// one for each bad line. After maxMessageLines lines it counts the rest.
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
		lines = append(lines, fmt.Sprintf("%q - none of the listed files exist", r.Sources[0].Path))
	}
	if r.Hint != "" {
		lines = append(lines, r.Hint)
	}
	return strings.Join(lines, "\n")
}
