// Package manifest turns the bytes of a checksum manifest into entries, and
// knows the file names that manifests usually bear.
//
// It is strict: a line that it does not understand is a [BadLine], never
// skipped in silence, and never hides the good lines. It opens no file. The
// rules, numbered, are in docs/format.md.
package manifest

import (
	"fmt"
	"strings"

	"checksig/internal/digest"
)

// Limits on what is read, in bytes.
const (
	MaxSize = 1 << 30   // of a manifest
	MaxLine = 64 * 1024 // of a line, without its end
)

// MaxBadLines is how many bad lines a [Manifest] keeps; the rest are counted.
const MaxBadLines = 20

// An Entry says that the file Name has the digest Digest.
type Entry struct {
	Line      int    // counted from 1
	Name      string // any bytes but NUL; unescaped, otherwise as listed
	Algorithm *digest.Algorithm
	Digest    []byte // Algorithm.Size bytes
}

// A BadLine is a line that is no entry.
type BadLine struct {
	Line   int // counted from 1
	Reason string
}

// A Manifest is what [Parse] understood.
type Manifest struct {
	Entries      []Entry
	BadLines     []BadLine // the first MaxBadLines of them
	BadLineCount int
}

// An Error says why a manifest cannot serve as a whole.
type Error struct {
	Path   string
	Line   int // counted from 1; 0 when no single line is to blame
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%q - %s", e.Path, e.Reason)
	}
	return fmt.Sprintf("%q - line %d: %s", e.Path, e.Line, e.Reason)
}

// A NotFoundError says that a directory holds no manifest under a usual name.
type NotFoundError struct {
	Dir string
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%q - %s", e.Dir, e.Reason())
}

// Reason is the message without the directory.
func (e *NotFoundError) Reason() string {
	return "no manifest: neither " + Candidates[0].Name + " nor another usual name (SHA256SUMS, MD5SUMS, …)"
}

// Parse reads a manifest in the GNU format. Each digest must be one of
// algorithm; nil means that each digest's length tells its own. The entries'
// names share the memory of text.
func Parse(text string, algorithm *digest.Algorithm) *Manifest {
	m := &Manifest{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		entry, err := parseGNU(line, algorithm)
		if err != nil {
			m.addBadLine(number, err)
			continue
		}
		entry.Line = number
		m.Entries = append(m.Entries, entry)
	}
	return m
}

func (m *Manifest) addBadLine(number int, err error) {
	m.BadLineCount++
	if len(m.BadLines) < MaxBadLines {
		m.BadLines = append(m.BadLines, BadLine{number, err.Error()})
	}
}
