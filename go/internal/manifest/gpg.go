package manifest

import (
	"errors"
	"strings"
)

// parseGPG reads what gpg --print-md writes for a file: its name, a colon, and the digest in
// groups of digits, over several lines. With --print-mds, the algorithm comes before the
// groups. In a sidecar, a digest without a name is one of standard input. The fingerprint of a key
// looks like a SHA-1: unless the name looks like that of a file, the file must exist.
func parseGPG(d *dialect, line string, _ int, e *Entry) error {
	name, groups := d.file, line
	at := strings.LastIndexByte(line, ':')
	if at >= 0 {
		name, groups = line[:at], line[at+1:]
	}
	algorithm := d.algorithm
	if spelling, after, found := strings.Cut(groups, " = "); found {
		var err error
		if algorithm, err = d.named(strings.TrimLeft(spelling, " ")); err != nil {
			return err
		}
		groups = after
	}
	digits, err := joinGroups(groups)
	if err != nil {
		return err
	}
	if err := d.byDigest(e, digits, algorithm); err != nil {
		return err
	}
	e.Name = name
	if strings.IndexByte(name, '\n') >= 0 {
		return errNoName
	}
	return checkUnsure(name, !isPlainName(name) && !d.isOwn(name))
}

var errNoGroups = errors.New("no digest in groups of digits")

// longestGroup is how many digits a group has at most; MD5 has 2 and SHA-1 has 4.
const longestGroup = 8

// joinGroups returns the hexadecimal digits of two or more groups of one length.
func joinGroups(s string) (string, error) {
	if !isGroups(s) {
		return "", errNoGroups
	}
	groups := strings.Fields(s)
	if len(groups) < 2 || len(groups[0]) > longestGroup {
		return "", errNoGroups
	}
	for _, group := range groups {
		if len(group) != len(groups[0]) {
			return "", errNoGroups
		}
	}
	return strings.Join(groups, ""), nil
}

// continuesGPG reports whether a line has more groups of a digest. If the name is long, the
// first of them is not indented.
func continuesGPG(first string, count int, next string) bool {
	if first == "" || first[0] == ' ' || !isGroups(next) {
		return false
	}
	return next[0] == ' ' || count == 1 && strings.HasSuffix(strings.TrimRight(first, " "), ":")
}

// isGroups reports whether lines have nothing but hexadecimal digits and blanks.
func isGroups(line string) bool {
	found := false
	for i := range len(line) {
		digit := hexValues[line[i]] != noDigit
		if !digit && line[i] != ' ' && line[i] != '\n' {
			return false
		}
		found = found || digit
	}
	return found
}
