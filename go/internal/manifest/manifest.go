// Package manifest turns the bytes of a checksum manifest into entries, and
// knows the file names that manifests usually bear.
//
// It is strict: a line that it does not understand is a [BadLine], never
// skipped in silence, and never hides the good lines. It opens no file. The
// rules, numbered, are in docs/format.md.
package manifest

import (
	"errors"
	"fmt"
	"slices"
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

// minEntry is the length in bytes of the shortest entry: a CRC-32, a blank, a name.
const minEntry = 10

// MaxBadLines is how many bad lines a [Manifest] keeps; the rest are counted.
const MaxBadLines = 20

// An Entry says that the file Name has a digest.
type Entry struct {
	Name      string // any bytes but NUL; unescaped, otherwise as listed
	Size      int64  // of the file, in bytes; -1 if it is not listed
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

// Options say how to read a manifest.
type Options struct {
	Name       string            // of its file, which may tell the algorithm and the format
	Format     *Format           // nil: the name or the lines tell it
	Algorithm  *digest.Algorithm // nil: a line, the name, or a digest's length tells it
	Percent    bool              // in a manifest of a bag "%25" is an escape, as from BagIt 1.0 on
	NoDigests  bool              // in a list "-" stands for a digest, of which nothing is known
	MayBeEmpty bool              // a manifest that lists nothing, and has no bad line, is one
}

// A Manifest is what [Parse] understood. Of an entry it keeps only the place in
// the text, 4 bytes, and reads the line again when it is asked for.
type Manifest struct {
	Format       *Format
	Algorithms   []*digest.Algorithm // of its entries, each once
	Signed       bool                // it stands in a PGP signature, which nobody has checked
	Backslashes  bool                // names have backslashes, and no slash: they may separate directories
	BadLines     []BadLine           // the first MaxBadLines of them
	BadLineCount int

	dialect dialect
	content content
	offsets []uint32 // of the lines that are entries
}

// Len returns the number of entries.
func (m *Manifest) Len() int { return len(m.offsets) * m.dialect.perLine() }

// Entry returns the entry with that index, from 0.
func (m *Manifest) Entry(index int) Entry {
	offset := m.offsets[index/m.dialect.perLine()]
	entry, err := m.Format.parse(&m.dialect, m.content.line(offset), index%m.dialect.perLine())
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
	return "no manifest: neither sha1sum.txt nor another usual name (SHA256SUMS, MD5SUMS, …)"
}

// Parse reads a manifest of at most MaxSize bytes. Its error, an [*Error] without a
// path, says why the whole cannot serve. When stopped is set, another line or
// StopEvery of them are read, and no more.
func Parse(content string, options Options, stopped *atomic.Bool) (*Manifest, error) {
	c, err := decode(content)
	if err != nil {
		return nil, err
	}
	m := &Manifest{content: c, Signed: c.signed}
	if err := m.choose(options); err != nil {
		return nil, err
	}
	most := min(strings.Count(c.bytes, string(c.delimiter))+1, len(c.bytes)/minEntry)
	m.offsets = make([]uint32, 0, most)
	separators := separators{}
	for number, offset := range c.lines() {
		if number%StopEvery == 0 && stopped.Load() {
			break
		}
		line := c.line(offset)
		if m.Format.isComment(line) && strings.IndexByte(line, '\n') < 0 {
			continue
		}
		if err := m.add(line, offset, &separators); err != nil {
			m.addBadLine(number, err)
		}
	}
	m.Backslashes = separators.backslash && !separators.slash && !separators.escaped && m.Format.Name != "list"
	if m.Len() == 0 && !(options.MayBeEmpty && m.BadLineCount == 0) {
		return nil, m.nothing()
	}
	return m, nil
}

// AddBadLine notes that a line is wrong, or the whole, for which line is 0.
func (m *Manifest) AddBadLine(line int, reason string) {
	m.addBadLine(line, errors.New(reason))
}

// separators tells what stands in the names of a manifest, and whether its tool
// knows to escape a backslash.
type separators struct{ slash, backslash, escaped bool }

// add takes a line as an entry, or as several.
func (m *Manifest) add(line string, offset uint32, seen *separators) error {
	if len(line) > MaxLine {
		return fmt.Errorf("longer than %d bytes", MaxLine)
	}
	var entry Entry
	var err error
	for column := range m.dialect.perLine() {
		if entry, err = m.Format.parse(&m.dialect, line, column); err != nil {
			return err
		}
		if !slices.Contains(m.Algorithms, entry.Algorithm) {
			m.Algorithms = append(m.Algorithms, entry.Algorithm)
		}
	}
	seen.escaped = seen.escaped || strings.HasPrefix(trimBlanks(line), `\`)
	seen.slash = seen.slash || strings.IndexByte(entry.Name, '/') >= 0
	seen.backslash = seen.backslash || strings.IndexByte(entry.Name, '\\') >= 0
	m.offsets = append(m.offsets, offset)
	return nil
}

func (m *Manifest) addBadLine(number int, err error) {
	m.BadLineCount++
	if len(m.BadLines) < MaxBadLines {
		m.BadLines = append(m.BadLines, BadLine{number, err.Error()})
	}
}

// nothing says why there is no entry.
func (m *Manifest) nothing() error {
	if len(m.BadLines) == 0 {
		return &Error{Reason: "lists no file"}
	}
	first := m.BadLines[0]
	return &Error{Line: first.Line, Reason: first.Reason + " (no line of this manifest is valid)"}
}
