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
	"sync/atomic"

	"checksig/internal/digest"
)

// Limits on what is read, in bytes.
const (
	MaxSize = 1 << 30   // of a manifest
	MaxLine = 64 * 1024 // of a line, without its end
)

// StopEvery is after how many lines it is looked whether to stop.
const StopEvery = 4096

// minEntry is the length in bytes of the shortest entry: an MD5, two spaces, a name.
const minEntry = 35

// MaxBadLines is how many bad lines a [Manifest] keeps; the rest are counted.
const MaxBadLines = 20

// An Entry says that the file Name has a digest.
type Entry struct {
	Name      string // any bytes but NUL; unescaped, otherwise as listed
	Algorithm *digest.Algorithm
	sum       [digest.MaxSize]byte
}

// Digest returns the listed digest, of Algorithm.Size bytes.
func (e *Entry) Digest() []byte { return e.sum[:e.Algorithm.Size] }

// A BadLine is a line that is no entry.
type BadLine struct {
	Line   int // counted from 1
	Reason string
}

// A Manifest is what [Parse] understood. Of an entry it keeps only the place in
// the text, 4 bytes, and reads the line again when it is asked for.
type Manifest struct {
	BadLines     []BadLine // the first MaxBadLines of them
	BadLineCount int

	text      string
	algorithm *digest.Algorithm
	offsets   []uint32 // of the lines that are entries
}

// Len returns the number of entries.
func (m *Manifest) Len() int { return len(m.offsets) }

// Entry returns the entry with that index, from 0.
func (m *Manifest) Entry(index int) Entry {
	line, _, _ := strings.Cut(m.text[m.offsets[index]:], "\n")
	entry, err := parseGNU(strings.TrimSuffix(line, "\r"), m.algorithm)
	if err != nil {
		panic(err) // Parse has read this line without an error
	}
	return entry
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

// Parse reads a manifest in the GNU format, of at most MaxSize bytes. Each digest
// must be one of algorithm; nil means that each digest's length tells its own.
// When stopped is set, another line or StopEvery of them are read, and no more.
func Parse(text string, algorithm *digest.Algorithm, stopped *atomic.Bool) *Manifest {
	most := min(strings.Count(text, "\n")+1, len(text)/minEntry)
	m := &Manifest{text: text, algorithm: algorithm, offsets: make([]uint32, 0, most)}
	number, offset := 0, 0
	for line := range strings.Lines(text) {
		if number++; number%StopEvery == 0 && stopped.Load() {
			break
		}
		start := offset
		offset += len(line)
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if line == "" || line[0] == '#' {
			continue
		}
		if _, err := parseGNU(line, algorithm); err != nil {
			m.addBadLine(number, err)
			continue
		}
		m.offsets = append(m.offsets, uint32(start))
	}
	return m
}

func (m *Manifest) addBadLine(number int, err error) {
	m.BadLineCount++
	if len(m.BadLines) < MaxBadLines {
		m.BadLines = append(m.BadLines, BadLine{number, err.Error()})
	}
}
