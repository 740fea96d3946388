package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"checksig/internal/digest"
)

// parseSFV reads a line of a simple file verification (SFV) list: the name, blanks, and a
// CRC-32 in 8 hexadecimal digits.
func parseSFV(d *dialect, line string, _ int, e *Entry) error {
	line = trimBlanksRight(line)
	at := lastBlank(line)
	if at < 0 {
		return errNoName
	}
	crc32 := digest.ByName("crc32")
	if d.algorithm != nil && d.algorithm != crc32 {
		return fmt.Errorf("digest is crc32, not %s", d.algorithm.Name)
	}
	if err := d.byDigest(e, line[at+1:], crc32); err != nil {
		return err
	}
	e.Name = trimBlanksRight(line[:at])
	if err := checkName(e.Name); err != nil {
		return err
	}
	if e.Name[len(e.Name)-1] == '=' {
		if isTag, err := parseTag(d, line, new(Entry)); isTag {
			return cmp.Or(err, errTag)
		}
	}
	if end := e.Name[len(e.Name)-1]; (end == '=' || hexValues[end] != noDigit) && isGrouped(e.Name) || isLabel(e.Name) {
		return errUnsure
	}
	return nil
}

// isGrouped reports whether what stands before the last 8 digits is the beginning of a digest in
// groups, as gpg --print-mds writes it.
func isGrouped(name string) bool {
	if hexValues[name[len(name)-1]] == noDigit {
		return false // nearly always
	}
	rest := name
	for len(rest) >= shortestDigest && leadingHex(rest[len(rest)-shortestDigest:]) == shortestDigest {
		rest = strings.TrimRight(rest[:len(rest)-shortestDigest], " \t")
	}
	return rest == "" || rest != name && rest[len(rest)-1] == '='
}

// errTag says that a line would be one of another format.
var errTag = errors.New(`line like "CRC32 (name) = digest" among other lines`)

func sfvComment(line string) bool { return line == "" || line[0] == ';' || line[0] == '#' }
