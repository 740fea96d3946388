// Package manifest parses the content of checksum manifests into entries, and knows the
// usual file names of manifests.
//
// The parser is strict: a line that it does not understand becomes a [BadLine]. It never
// skips such a line silently, and such a line never hides the good ones. The package opens
// no files. The numbered rules are in docs/format.md.
package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"checksig/internal/digest"
)

// Limits on what is parsed, in bytes.
const (
	MaxSize = 1 << 30   // of a manifest
	MaxLine = 64 * 1024 // of a line, without its end
)

// StopEvery is the number of lines between two checks whether to stop.
const StopEvery = 4096

// minEntry is the length in bytes of the shortest entry: a CRC-32, a blank, a name.
const minEntry = 10

// MaxBadLines is how many bad lines a [Manifest] keeps. The rest are only counted.
const MaxBadLines = 20

// An Entry lists the digest of one file.
type Entry struct {
	Name      string // as listed, but unescaped; any bytes except NUL
	Size      int64  // of the file, in bytes; -1 if it is not listed
	Algorithm *digest.Algorithm
	Unknown   bool // a list has "-" for the digest
	sum       [digest.MaxSize]byte
}

// Digest returns the listed digest, of Algorithm.Size bytes.
func (e *Entry) Digest() []byte { return e.sum[:e.Algorithm.Size] }

// SetDigest sets the digest, which then is known.
func (e *Entry) SetDigest(sum []byte) {
	copy(e.sum[:], sum)
	e.Unknown = false
}

// A BadLine is a line that cannot be understood.
type BadLine struct {
	Line   int // counted from 1
	Reason string
}

// Options say how to read a manifest.
type Options struct {
	Name       string            // of its file, which may imply the algorithm and the format
	Format     *Format           // nil: the name or the lines decide
	Algorithm  *digest.Algorithm // nil: a line, the name, or a digest's length decides
	Percent    bool              // "%25" is an escape in a bag's manifest, as since BagIt 1.0
	NoDigests  bool              // "-" in a list stands for a digest that is not known
	Exists     func(string) bool // reports whether there is a file with that name; nil: there is none
	Signed     bool              // the content is a signed text, without the signature around it
	Before     int               // how many lines come before the content in its file
	MayBeEmpty bool              // a manifest without entries and bad lines is valid
}

// A Manifest is a parsed manifest. It keeps the content and, for each line with entries,
// the 4 bytes of its offset. It parses a line again each time an entry is asked for.
type Manifest struct {
	Format       *Format
	Algorithms   []*digest.Algorithm // of its entries, each once
	Signed       bool                // it has a signature around it, which was not verified
	Backslashes  bool                // names have backslashes and no slashes: they may separate directories
	BadLines     []BadLine           // the first MaxBadLines of them
	BadLineCount int
	PassedOver   int // how many lines list no digest and need none

	own      string  // the file of a sidecar, if its lines have another name for it
	registry bool    // its name says that it is a registry of pooch
	given    *Format // the format that the caller or the name says; nil: the lines decide
	dialect  dialect
	content  content
	exists   func(string) bool
	sections []section
	offsets  []uint32 // of the lines that are entries
}

// Len returns the number of entries.
func (m *Manifest) Len() int { return len(m.offsets) * m.dialect.perLine() }

// Entry returns the entry with that index, counted from 0.
func (m *Manifest) Entry(index int) Entry {
	var e Entry
	m.ReadEntry(index, &e)
	return e
}

// ReadEntry sets e to the entry with that index, counted from 0. For many entries this is faster than
// [Manifest.Entry].
func (m *Manifest) ReadEntry(index int, e *Entry) {
	column := 0
	if len(m.dialect.columns) > 0 {
		index, column = index/len(m.dialect.columns), index%len(m.dialect.columns)
	}
	offset := m.offsets[index]
	if err := m.parse(m.content.line(offset), offset, column, e); err != nil && err != errUnsure {
		panic(err) // Parse parsed this line without an error
	}
	if m.own != "" {
		e.Name = m.own
	}
}

// An Error says why a manifest as a whole cannot be used.
type Error struct {
	Path    string
	Line    int // counted from 1; 0 if the error is not about one line
	Reason  string
	NoEntry bool // no line is an entry, or clearly meant to be one
	Program bool // the content is that of a program
}

func (e *Error) Error() string { return fmt.Sprintf("%q - %s", e.Path, e.Fault()) }

// Fault returns the message without the path.
func (e *Error) Fault() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
}

// A NotFoundError says that a directory has no manifest.
type NotFoundError struct {
	Dir        string
	Unfinished string // the name of a payload manifest without bagit.txt, or ""
	Similar    string // the name of a file that may be a manifest, or ""
}

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("%q - %s", e.Dir, e.Reason())
}

// Reason returns the message without the directory.
func (e *NotFoundError) Reason() string {
	if e.Unfinished != "" {
		return fmt.Sprintf("unfinished bag: it has %q, but no bagit.txt (create with format bagit finishes it)", e.Unfinished)
	}
	const reason = "no manifest found under a usual name (sha1sum.txt, SHA256SUMS, MD5SUMS, …)"
	if e.Similar != "" {
		return fmt.Sprintf("%s, but %q may be one", reason, e.Similar)
	}
	return reason
}

// Parse parses the content of a manifest, of at most MaxSize bytes. Its error is an
// [*Error] without a path. Once stopped is set, Parse returns after at most StopEvery more
// lines.
func Parse(content string, options Options, stopped *atomic.Bool) (*Manifest, error) {
	if isProgram(content) {
		return nil, &Error{Reason: "is a program, not a checksum manifest", NoEntry: true, Program: true}
	}
	c, err := decode(content, options.Signed)
	if err != nil {
		return nil, err
	}
	c.before += options.Before
	m := &Manifest{content: c, Signed: c.signed, exists: options.Exists}
	if err := m.choose(options); err != nil {
		return nil, err
	}
	if err := m.readDetected(stopped); err != nil {
		return nil, err
	}
	if m.Len() == 0 && !(options.MayBeEmpty && m.BadLineCount == 0) {
		return nil, m.errNoEntry()
	}
	return m, nil
}

// read parses all lines.
func (m *Manifest) read(stopped *atomic.Bool) {
	if m.offsets == nil {
		most := min(strings.Count(m.content.bytes, string(m.content.delimiter))+1, len(m.content.bytes)/minEntry)
		m.offsets = make([]uint32, 0, most)
	}
	m.offsets, m.sections, m.Algorithms, m.BadLines, m.BadLineCount, m.PassedOver = m.offsets[:0], nil, nil, nil, 0, 0
	separators := separators{}
	var entry Entry
	looked := 0
	for number, next := m.content.before+1, m.content.begin; next < m.content.end; {
		if looked++; looked%StopEvery == 0 && stopped.Load() {
			break
		}
		first, offset := number, uint32(next)
		line, after, count := m.content.lineAt(offset)
		number, next = number+count, after
		inComment := m.Format.isComment(line) && strings.IndexByte(line, '\n') < 0
		if inComment && (line == "" || !m.heed(line, first, offset)) {
			continue
		}
		switch err := m.add(line, offset, &entry, &separators, inComment); err {
		case nil:
		case errPassedOver:
			m.PassedOver++
		default:
			if !m.Format.skips(line) {
				m.addBadLine(first, err)
			}
		}
	}
	m.Backslashes = separators.backslash && !separators.slash && !separators.escaped && m.Format.Name != "list"
}

// AddBadEntry adds a bad line for the line of the entry with that index, counted from 0.
func (m *Manifest) AddBadEntry(index int, reason string) {
	line := 0
	if len(m.BadLines) < MaxBadLines { // the others are only counted
		offset := m.offsets[index/m.dialect.perLine()]
		line = m.content.before + 1 + strings.Count(m.content.bytes[m.content.begin:offset], string(m.content.delimiter))
	}
	m.AddBadLine(line, reason)
}

// AddBadLine adds a bad line. Line 0 stands for the manifest as a whole.
func (m *Manifest) AddBadLine(line int, reason string) {
	m.addBadLine(line, errors.New(reason))
}

// separators says which separators the names of a manifest have, and whether the tool that
// wrote it escapes backslashes.
type separators struct{ slash, backslash, escaped bool }

// add parses a line into the entry, and adds its entries. mustExist means that the line is bad if the
// file does not exist.
func (m *Manifest) add(line string, offset uint32, entry *Entry, seen *separators, mustExist bool) error {
	if len(line) > MaxLine {
		return fmt.Errorf("longer than %d bytes", MaxLine)
	}
	var err error
	for column := range m.dialect.perLine() {
		if len(m.sections) == 0 {
			err = m.Format.parseLine(&m.dialect, line, column, entry)
		} else {
			err = m.parse(line, offset, column, entry)
		}
		if err != nil && err != errUnsure {
			return err
		}
		if (err == errUnsure || mustExist) && !m.isFile(entry.Name) {
			return errNotNamed(entry.Name)
		}
		if !slices.Contains(m.Algorithms, entry.Algorithm) {
			m.Algorithms = append(m.Algorithms, entry.Algorithm)
		}
	}
	if !seen.slash { // with a slash, the others do not matter
		seen.escaped = seen.escaped || strings.HasPrefix(trimBlanks(line), `\`)
		seen.slash = strings.IndexByte(entry.Name, '/') >= 0
		seen.backslash = seen.backslash || strings.IndexByte(entry.Name, '\\') >= 0
	}
	m.offsets = append(m.offsets, offset)
	return nil
}

// isFile reports whether there is a file with that name.
func (m *Manifest) isFile(name string) bool { return m.exists != nil && m.exists(name) }

func (m *Manifest) addBadLine(number int, err error) {
	m.BadLineCount++
	if len(m.BadLines) < MaxBadLines {
		m.BadLines = append(m.BadLines, BadLine{number, err.Error()})
	}
}

// errNoEntry returns the error of a manifest without entries.
func (m *Manifest) errNoEntry() error {
	if len(m.BadLines) == 0 {
		return &Error{Reason: "lists no files", NoEntry: true}
	}
	first := m.BadLines[0]
	return &Error{Line: first.Line, Reason: first.Reason + " (no line of this manifest is valid)", NoEntry: m.Format.clear == 0}
}
