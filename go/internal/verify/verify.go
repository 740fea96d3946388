// Package verify checks the files of a directory against its manifest.
//
// It finds and reads the manifest, hashes the files on a bounded number of
// goroutines, and reports every file that is not as listed, in the manifest's
// order: the first failure stops nothing. Success means that at least one file
// was listed, that no line was left unread, and that every listed file was
// hashed and has every digest listed for it.
//
// It does not promise that a file stays as it was: a write through a memory
// map that is in flight while the file is read may go unnoticed.
package verify

import (
	"fmt"
	"strings"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// A Status is the verdict on one file.
type Status uint8

// The verdicts. A file that is OK is only counted.
const (
	OK       Status = iota
	Failed          // its bytes do not have the listed digest
	Missing         // nothing is there; a dangling symlink too
	Changed         // it changed while it was read
	Error           // it is there, but cannot or must not be read
	Conflict        // the manifest lists two digests of one algorithm for it
)

// A Result is the verdict on one file that is not OK.
type Result struct {
	Name   string // as listed, without "." elements
	Status Status
	Reason string // in a word or two
}

// A Report is the outcome of a whole run.
type Report struct {
	Root         string // as the caller gave it
	Manifest     string // its path
	Files        int    // how many distinct files the manifest lists
	Failures     []Result
	BadLines     []manifest.BadLine // the first of them
	BadLineCount int
}

// Options change how Run works. The zero value is the default.
type Options struct {
	Workers int // how many files are read at once; 0 means as many as pay off
}

// Run verifies every file that the manifest of the directory root lists. An
// error means that there is no verdict: an [*OSError] for what the
// operating system refused, a [*manifest.NotFoundError], a [*manifest.Error],
// or a [*PanicError].
func Run(root string, options Options) (*Report, error) {
	if err := primePoller(); err != nil {
		return nil, err
	}
	dir, err := beneath.OpenRoot(root)
	if err != nil {
		return nil, &OSError{root, err}
	}
	defer dir.Close()
	return run(root, dir, options)
}

func run(root string, dir *beneath.Root, options Options) (*Report, error) {
	path, listed, err := readManifest(root, dir)
	if err != nil {
		return nil, err
	}
	files := plan(listed.Entries)
	failures, err := checkAll(files, options.Workers, opens(dir))
	if err != nil {
		return nil, err
	}
	return &Report{
		Root:         root,
		Manifest:     path,
		Files:        len(files),
		Failures:     failures,
		BadLines:     listed.BadLines,
		BadLineCount: listed.BadLineCount,
	}, nil
}

// An OSError says that the operating system refused what a run cannot do
// without: to open the directory, or its manifest.
type OSError struct {
	Path string
	Err  error // wraps a syscall.Errno
}

func (e *OSError) Error() string { return fmt.Sprintf("%q - %s", e.Path, beneath.Reason(e.Err)) }
func (e *OSError) Unwrap() error { return e.Err }

// A FailedError says that a directory is not as its manifest says.
type FailedError struct {
	Report *Report
}

// Err returns nil if all is well, else a [*FailedError].
func (r *Report) Err() error {
	if len(r.Failures) == 0 && r.BadLineCount == 0 {
		return nil
	}
	return &FailedError{r}
}

// maxMessageLines is how many lines a message has before the rest is counted.
const maxMessageLines = 20

// Error has one line for each bad file, in the manifest's order, then one for
// each bad line; after maxMessageLines of them it counts the rest.
func (e *FailedError) Error() string {
	r := e.Report
	var lines []string
	for _, f := range r.Failures[:min(len(r.Failures), maxMessageLines)] {
		lines = append(lines, fmt.Sprintf("%q - %s", Join(r.Root, f.Name), f.Reason))
	}
	for _, bad := range r.BadLines[:min(len(r.BadLines), maxMessageLines-len(lines))] {
		lines = append(lines, (&manifest.Error{Path: r.Manifest, Line: bad.Line, Reason: bad.Reason}).Error())
	}
	if more := len(r.Failures) + r.BadLineCount - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %d more", more))
	}
	return strings.Join(lines, "\n")
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
