package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"checksig/internal/digest"
)

// A Format is one way to write entries, one in each line.
type Format struct {
	Name string

	// parse sets the name, the algorithm and the digest of an entry, and the size if the line has one.
	// Only parseLine calls it.
	parse     func(d *dialect, line string, column int, e *Entry) error
	isComment func(line string) bool
	heading   func(line string) (section, bool) // of a comment; nil: comments are no headings
	nameFirst bool                              // an entry whose name begins with "#" looks like a comment
	detected  bool                              // its lines can tell it from other formats
	write     *writer                           // nil: the format is only read

	// more, unless it is nil, reports whether the line next belongs to the count ones before it.
	more func(first string, count int, next string) bool

	// clear, unless it is 0, is how many such lines are of no other format, even if they are
	// no entry.
	clear int

	// comments are how other tools begin comments. A line that begins so is one, unless it is
	// an entry.
	comments []string
}

// Formats lists the formats, those first whose lines are hardest to mistake for others. See
// docs/format.md, section 2.
var Formats = []*Format{
	{Name: "gnu", parse: parseGNUOrTag, isComment: hashComment, heading: commentSection, detected: true, comments: semicolonOrSlashes, write: gnuWriter},
	{Name: "tag", parse: parseGNUOrTag, isComment: hashComment, heading: commentSection, comments: semicolonOrSlashes, write: tagWriter},
	{Name: "debian", parse: parseDebian, isComment: debianComment, heading: debianSection},
	{Name: "hashdeep", parse: parseHashdeep, isComment: hashdeepComment, detected: true, comments: semicolonOrSlashes},
	{Name: "record", parse: parseRecord, isComment: noComment, detected: true},
	{Name: "sidecar", parse: parseSidecar, isComment: hashComment, heading: commentSection, detected: true, comments: semicolonOrSlashes},
	{Name: "gpg", parse: parseGPG, isComment: hashComment, nameFirst: true, more: continuesGPG},
	{Name: "certutil", parse: parseCertutil, isComment: hashComment, more: continuesCertutil, clear: 3},
	{Name: "get-filehash", parse: parseGetFileHash, isComment: getFileHashComment, more: continuesGetFileHash, clear: 2, detected: true},
	{Name: "colon", parse: parseColon, isComment: hashComment, heading: commentSection, nameFirst: true, detected: true, comments: slashes},
	{Name: "pooch", parse: parsePooch, isComment: hashComment, heading: commentSection, nameFirst: true, detected: true, comments: slashes},
	{Name: "sum", parse: parseSum, isComment: hashComment, detected: true, comments: semicolonOrSlashes},
	{Name: "sfv", parse: parseSFV, isComment: sfvComment, nameFirst: true, detected: true, comments: slashes, write: sfvWriter},
	{Name: "bagit", parse: parseBagIt, isComment: noComment, write: bagItWriter},
	{Name: "list", parse: parseList, isComment: noComment},
}

// Where a digest or a size begins each entry, no entry begins with a semicolon. One that
// begins with two slashes is a base64 digest, or has an absolute name.
var (
	semicolonOrSlashes = []string{";", "//"}
	slashes            = []string{"//"}
)

var debianIndex = slices.IndexFunc(Formats, func(f *Format) bool { return f.Name == "debian" })

// FormatByName returns the format with that name, or nil.
func FormatByName(name string) *Format {
	for _, f := range Formats {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// FormatNames returns the names of all formats, separated by commas, for messages.
func FormatNames() string {
	var names []string
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// parseLine sets an entry, whose memory may have been used before, to one of a line. After an error,
// unless it is errUnsure, the entry may be anything.
func (f *Format) parseLine(d *dialect, line string, column int, e *Entry) error {
	e.Size, e.Unknown = -1, false
	return f.parse(d, line, column, e)
}

// isGNU reports whether the format is one of those of coreutils, which may be mixed.
func (f *Format) isGNU() bool { return f.Name == "gnu" || f.Name == "tag" }

// skips reports whether a line that is no entry is a comment.
func (f *Format) skips(line string) bool {
	return slices.ContainsFunc(f.comments, func(begin string) bool { return strings.HasPrefix(line, begin) }) &&
		strings.IndexByte(line, '\n') < 0
}

// isTallied reports whether the lines of the format have something in common, which most of
// them decide.
func (f *Format) isTallied() bool { return f.isGNU() || f.Name == "hashdeep" || f.Name == "sum" }

// A dialect is what the lines of one manifest have in common.
type dialect struct {
	algorithm *digest.Algorithm   // of each digest; nil: the line names it, or the digest's length decides
	forced    bool                // algorithm is the caller's: a line that names another one is bad
	separator string              // GNU: between digest and name in all lines; "" while not known
	literal   bool                // GNU: a backslash at the beginning is part of the name
	columns   []*digest.Algorithm // hashdeep
	sum       *digest.Algorithm   // sum: of most lines; nil while not known
	file      string              // sidecar: the file that it is for
	registry  bool                // pooch: names with blanks need no quotation marks
	noDigests bool                // list: "-" stands for a digest
	percent   bool                // BagIt: %25 is an escape
}

// perLine returns how many entries a line has.
func (d *dialect) perLine() int { return max(1, len(d.columns)) }

func noComment(line string) bool { return line == "" }

func hashComment(line string) bool { return line == "" || line[0] == '#' }

// noDigit is the value in hexValues of a byte that is not a hexadecimal digit.
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

// leadingHex returns the number of hexadecimal digits at the start of s.
func leadingHex(s string) int {
	n := 0
	for n < len(s) && hexValues[s[n]] != noDigit {
		n++
	}
	return n
}

// setHex sets the digest of an entry to that of hexadecimal digits.
func (e *Entry) setHex(digits string) { e.leadingHex(digits) }

// leadingHex sets the digest of an entry to the hexadecimal digits at the start of s, as
// far as there is room, and returns their number.
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

// trimBlanks removes spaces and tabs from the start of s.
func trimBlanks(s string) string {
	if s == "" || s[0] != ' ' && s[0] != '\t' {
		return s
	}
	return strings.TrimLeft(s, " \t")
}

// trimBlanksRight removes spaces and tabs from the end of s.
func trimBlanksRight(s string) string {
	for s != "" && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// lastBlank returns the index in s of the last blank, or -1.
func lastBlank(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if isBlank(s[i]) {
			return i
		}
	}
	return -1
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// algorithmOf returns the algorithm of a digest with that many hexadecimal digits: wanted,
// or, if wanted is nil, the one that has such digests. It returns an error if none fits.
func algorithmOf(digits int, wanted *digest.Algorithm) (*digest.Algorithm, error) {
	if wanted != nil {
		if digits != 2*wanted.Size {
			return nil, fmt.Errorf("digest has %d hexadecimal digits, but %s needs %d", digits, wanted.Name, 2*wanted.Size)
		}
		return wanted, nil
	}
	if digits%2 == 0 {
		if found := digest.BySize(digits / 2); found != nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("digest has %d hexadecimal digits, which fits no known algorithm", digits)
}

// named returns the algorithm that a line names by that spelling.
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

// checkName returns an error if name cannot be a file's name.
func checkName(name string) error {
	if name == "" {
		return errNoName
	}
	if strings.IndexByte(name, 0) >= 0 {
		return errNUL
	}
	return nil
}
