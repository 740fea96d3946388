package manifest

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"checksig/internal/digest"
)

// A Format is one way to write entries, each in a line.
type Format struct {
	Name      string
	parse     func(d *dialect, line string, column int) (Entry, error)
	isComment func(line string) bool
	sniffed   bool // it is recognized by its lines
}

// Formats lists the formats, in the order in which a line that could be of several
// is taken. docs/format.md, section 2.
var Formats = []*Format{
	{Name: "gnu", parse: parseGNUOrTag, isComment: hashComment, sniffed: true},
	{Name: "tag", parse: parseGNUOrTag, isComment: hashComment},
	{Name: "hashdeep", parse: parseHashdeep, isComment: hashdeepComment},
	{Name: "record", parse: parseRecord, isComment: unlistedInRecord, sniffed: true},
	{Name: "sfv", parse: parseSFV, isComment: sfvComment, sniffed: true},
	{Name: "pooch", parse: parsePooch, isComment: hashComment, sniffed: true},
	{Name: "bagit", parse: parseBagIt, isComment: noComment},
	{Name: "sidecar", parse: parseSidecar, isComment: hashComment, sniffed: true},
	{Name: "list", parse: parseList, isComment: noComment},
}

// FormatByName returns the format with that name, or nil.
func FormatByName(name string) *Format {
	for _, f := range Formats {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// FormatNames returns the names of the formats that a caller may ask for.
func FormatNames() string {
	var names []string
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// A dialect is what the lines of one manifest have in common.
type dialect struct {
	algorithm *digest.Algorithm   // of each digest; nil: the line tells it, or the digest's length
	forced    bool                // algorithm is the caller's: a line that tells another one is bad
	separator string              // GNU: what stands between digest and name in all lines; "" is not known yet
	literal   bool                // GNU: a backslash at the beginning escapes nothing
	columns   []*digest.Algorithm // hashdeep
	file      string              // the file that a sidecar is for
	noDigests bool                // list: "-" stands for a digest
	percent   bool                // BagIt: %25 is an escape
}

// perLine returns how many entries a line makes.
func (d *dialect) perLine() int { return max(1, len(d.columns)) }

// choose finds the format and the dialect: by what was asked for, by the name, or
// by the first line that a format understands.
func (m *Manifest) choose(options Options) error {
	algorithm, err := algorithmOfName(options.Name)
	if err != nil && options.Algorithm == nil {
		return err
	}
	m.dialect = dialect{
		algorithm: algorithm,
		literal:   m.content.delimiter == 0,
		file:      sidecarOf(options.Name),
		percent:   options.Percent,
		noDigests: options.NoDigests,
	}
	if options.Algorithm != nil {
		m.dialect.algorithm, m.dialect.forced = options.Algorithm, true
	}
	m.Format = options.Format
	if m.Format == nil {
		m.Format = formatOfName(options.Name)
	}
	if strings.HasPrefix(m.content.bytes, hashdeepMark) && m.Format == nil {
		m.Format = FormatByName("hashdeep")
	}
	switch {
	case m.Format == nil:
		return m.sniff()
	case m.Format.Name == "hashdeep":
		return m.readHashdeepHeader()
	case m.Format.Name == "gnu":
		m.sniffSeparator()
	}
	return nil
}

// maxSniffed is how many lines are looked at to recognize a format, and maxSkipped
// how many with comments and empty ones.
const (
	maxSniffed = 1000
	maxSkipped = 100_000
)

// sniff chooses the format of the first line that one understands, else GNU's.
func (m *Manifest) sniff() error {
	content := m.content.bytes[m.content.begin:m.content.end]
	if strings.HasPrefix(content, lfsPointer) {
		return refuse(content) // its second line could be one of a registry
	}
	looked := 0
	for number, offset := range m.content.lines() {
		if looked > maxSniffed || number > maxSkipped {
			break
		}
		line := m.content.line(offset)
		if sfvComment(line) {
			continue
		}
		looked++
		for _, f := range Formats {
			if !f.sniffed || len(line) > MaxLine {
				continue
			}
			if _, err := f.parse(&m.dialect, line, 0); err == nil {
				m.Format = f
				if _, isTag, _ := parseTag(&m.dialect, strings.TrimLeft(line, " \t")); isTag && f.Name == "gnu" {
					m.Format = FormatByName("tag")
				}
				m.sniffSeparator()
				return nil
			}
		}
	}
	m.Format = Formats[0]
	return refuse(content)
}

const lfsPointer = "version https://git-lfs.github.com/"

// foreign are the beginnings of files that are no manifests, and what they are.
var foreign = []struct{ begin, what string }{
	{"{", "JSON"},
	{"[", "JSON"},
	{"<", "HTML or XML"},
	{"%PDF", "PDF"},
	{`"file" "checksum"`, "a table as R writes it"},
	{"Algorithm       Hash ", "a table of PowerShell's Get-FileHash"},
	{lfsPointer, "a Git LFS pointer to a file that was not downloaded ('git lfs pull' does)"},
}

// refuse says what content is, if that is known; else its lines tell.
func refuse(content string) error {
	content = strings.TrimLeft(content, " \t\r\n")
	for _, f := range foreign {
		if strings.HasPrefix(content, f.begin) {
			return &Error{Reason: "is no checksum manifest, but " + f.what}
		}
	}
	return nil
}

func noComment(line string) bool { return line == "" }

func hashComment(line string) bool { return line == "" || line[0] == '#' }

// noDigit is what hexValues has for a byte that is no hexadecimal digit.
const noDigit = 0xff

// hexValues has the value of each hexadecimal digit.
var hexValues = func() (values [256]byte) {
	for c := range values {
		values[c] = noDigit
	}
	for value, c := range "0123456789abcdef" {
		values[c] = byte(value)
		values[unicode.ToUpper(c)] = byte(value)
	}
	return values
}()

// leadingHex returns how many hexadecimal digits s begins with.
func leadingHex(s string) int {
	n := 0
	for n < len(s) && hexValues[s[n]] != noDigit {
		n++
	}
	return n
}

// setHex makes digits, hexadecimal ones, the digest of an entry.
func (e *Entry) setHex(digits string) { e.leadingHex(digits) }

// leadingHex makes the hexadecimal digits that s begins with the digest of an entry,
// as far as there is room, and returns how many they are.
func (e *Entry) leadingHex(s string) (digits int) {
	for i := range min(len(s)/2, len(e.sum)) {
		high, low := hexValues[s[2*i]], hexValues[s[2*i+1]]
		if high|low == noDigit {
			break
		}
		e.sum[i] = high<<4 | low
		digits += 2
	}
	return digits + leadingHex(s[digits:])
}

// trimBlanks takes spaces and tabs off the beginning of s.
func trimBlanks(s string) string {
	if s == "" || s[0] != ' ' && s[0] != '\t' {
		return s
	}
	return strings.TrimLeft(s, " \t")
}

// algorithmOf returns wanted if a digest of that many hexadecimal digits is
// one of it; if wanted is nil, the algorithm that has such digests.
func algorithmOf(digits int, wanted *digest.Algorithm) (*digest.Algorithm, error) {
	if wanted != nil {
		if digits != 2*wanted.Size {
			return nil, fmt.Errorf("digest has %d hexadecimal digits, %s has %d", digits, wanted.Name, 2*wanted.Size)
		}
		return wanted, nil
	}
	if digits%2 == 0 {
		if found := digest.BySize(digits / 2); found != nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("digest has %d hexadecimal digits, as no known algorithm", digits)
}

// named returns the algorithm that a line calls so.
func (d *dialect) named(spelling string) (*digest.Algorithm, error) {
	found := digest.BySpelling(spelling)
	if found == nil {
		return nil, errors.New(digest.Unknown(spelling))
	}
	if d.forced && found != d.algorithm {
		return nil, fmt.Errorf("the line says %s, not %s", found.Name, d.algorithm.Name)
	}
	return found, nil
}

var (
	errNoDigest = errors.New("no hexadecimal digest")
	errNoName   = errors.New("no file name")
	errNUL      = errors.New("NUL in the file name")
)

// checkName returns an error for what cannot be a file's name.
func checkName(name string) error {
	if name == "" {
		return errNoName
	}
	if strings.IndexByte(name, 0) >= 0 {
		return errNUL
	}
	return nil
}
