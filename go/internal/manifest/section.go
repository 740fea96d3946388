package manifest

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"checksig/internal/digest"
)

// A section is the part of a manifest that follows a heading, up to the next one.
type section struct {
	offset    uint32            // of the heading
	line      int               // of the heading
	algorithm *digest.Algorithm // of the digests; nil: unknown, or the section lists no files
	spelling  string            // what the heading calls the algorithm
	passed    bool              // the section lists no files
}

func sectionOf(spelling string) section {
	return section{algorithm: digest.BySpelling(spelling), spelling: spelling}
}

// errPassedOver says that a line lists no file and need not be understood.
var errPassedOver = errors.New("no file is listed")

// parse parses a line under the heading that it has, as parseLine does.
func (m *Manifest) parse(line string, offset uint32, column int, e *Entry) error {
	at := sort.Search(len(m.sections), func(i int) bool { return m.sections[i].offset > offset }) - 1
	if at < 0 {
		return m.Format.parseLine(&m.dialect, line, column, e)
	}
	s := &m.sections[at]
	if s.passed && trimBlanks(line) != line {
		return s.passOver(line)
	}
	if s.passed || m.dialect.names(line) {
		return m.Format.parseLine(&m.dialect, line, column, e)
	}
	if s.algorithm == nil {
		return fmt.Errorf("%s, as line %d says", digest.Unknown(s.spelling), s.line)
	}
	if m.dialect.forced && s.algorithm != m.dialect.algorithm {
		return fmt.Errorf("line %d says %s, not %s", s.line, s.algorithm.Name, m.dialect.algorithm.Name)
	}
	d := m.dialect
	d.algorithm = s.algorithm
	err := m.Format.parseLine(&d, line, column, e)
	if err != nil && err != errUnsure && m.Format.Name != "debian" {
		return m.Format.parseLine(&m.dialect, line, column, e) // the heading is for digests of another length
	}
	return err
}

// names reports whether a line names its own algorithm.
func (d *dialect) names(line string) bool {
	if line = trimBlanks(line); beginsWithDigest(line) {
		return false
	}
	isTag, _ := parseTag(d, line, new(Entry))
	return isTag
}

// passOver returns errPassedOver for a line of a section that lists no files, or another error
// if the line has a digest all the same.
func (s *section) passOver(line string) error {
	word, _, _ := strings.Cut(trimBlanks(line), " ")
	if len(word) >= 2*digest.ByName("md5").Size && leadingHex(word) == len(word) {
		return fmt.Errorf("digest in the field of line %d, which is not known to list files", s.line)
	}
	return errPassedOver
}

// heed looks at a line that begins like a comment. It begins a section if the line is a heading,
// and reports whether the line must be read as an entry all the same.
func (m *Manifest) heed(line string, number int, offset uint32) (isEntry bool) {
	if m.Format.heading != nil {
		if s, found := m.Format.heading(line); found {
			s.offset, s.line = offset, number
			m.sections = append(m.sections, s)
			return false
		}
	}
	return m.Format.nameFirst && m.listsInComment(line)
}

// listsInComment reports whether a line that begins like a comment lists a file whose name
// begins so: the file exists, or the line looks like nothing else.
func (m *Manifest) listsInComment(line string) bool {
	var entry Entry
	err := m.Format.parseLine(&m.dialect, line, 0, &entry)
	if err != nil && err != errUnsure {
		return false
	}
	return m.isFile(entry.Name) || m.Format.Name == "sfv" && isLostInSFV(entry.Name, line)
}

// isLostInSFV reports whether a line of SFV that begins with "#" looks like an entry and not like
// a remark: "#1 song.mp3 00000000", but not "# Made by x on 12345678".
func isLostInSFV(name, line string) bool {
	rest := strings.TrimLeft(name, "#")
	if rest == name || rest == "" {
		return false
	}
	if rest[0] == ' ' || rest[0] == '\t' || endsInDate(line) {
		return hasExtension(rest[strings.LastIndexAny(rest, " \t")+1:])
	}
	return true
}

// commentSection returns the section that a comment begins if it says nothing but an algorithm,
// as "# SHA512 HASH" does. A comment that only mentions one begins none.
func commentSection(line string) (section, bool) {
	if len(line) > longestHeading {
		return section{}, false
	}
	words := strings.FieldsFunc(strings.ToLower(line), func(c rune) bool { return strings.ContainsRune(" \t#=:-*~()[]", c) })
	all := len(words)
	words = slices.DeleteFunc(words, func(word string) bool { return slices.Contains(headingWords, word) })
	spelling := cutSums(strings.Join(words, ""))
	if spelling == "" || spelling == "sha" || spelling == "crc" || !isAlgorithm(spelling) {
		return section{}, false
	}
	if slices.Contains(ambiguous, spelling) && len(words) == all {
		return section{}, false // "# tiger" may be about tigers
	}
	return sectionOf(spelling), true
}

// longestHeading is the length in bytes of the longest comment that can be a heading.
const longestHeading = 80

// headingWords lists words that a heading may have besides its algorithm.
var headingWords = []string{
	"checksum", "checksums", "digest", "digests", "hash", "hashes", "sum", "sums", "value", "values", "of", "the", "all",
	"file", "files", "for", "algorithm", "algo",
}
