package manifest

import (
	"errors"
	"fmt"
	"strings"

	"checksig/internal/digest"
)

// parsePooch reads a line of a registry of pooch, the Python package: a name, a digest,
// and optionally a URL. The digest may name its algorithm ("md5:…"). A name with blanks is
// quoted, unless a tab separates the fields.
func parsePooch(d *dialect, line string, _ int) (Entry, error) {
	name, rest, err := poochName(line)
	if err != nil {
		return Entry{}, err
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return Entry{}, errNoDigest
	}
	if len(fields) > 2 || len(fields) == 2 && !strings.Contains(fields[1], "://") {
		return Entry{}, errors.New("more fields than a name, a digest, and a URL")
	}
	algorithm, digits := d.algorithm, fields[0]
	if spelling, after, found := strings.Cut(digits, ":"); found {
		if algorithm, err = d.named(spelling); err != nil {
			return Entry{}, err
		}
		digits = after
	} else if algorithm != nil && algorithm.Name == "crc32" {
		return Entry{}, errors.New(`CRC-32 without "crc32:" before it, as in SFV`)
	}
	entry, err := d.byDigest(digits, algorithm)
	if err != nil {
		return Entry{}, err
	}
	entry.Name = name
	return entry, checkName(name)
}

// isLabel reports whether what comes before a digest says what the digest is, as in
// "SHA256: 5a…", and is not the name of a file.
func isLabel(name string) bool {
	return strings.HasSuffix(name, ":") || strings.HasSuffix(name, "=") || isSpelling(name) && digest.BySpelling(name) != nil
}

// poochName splits a line into the name and the rest.
func poochName(line string) (name, rest string, err error) {
	line = strings.TrimLeft(line, " \t")
	if line != "" && (line[0] == '"' || line[0] == '\'') {
		name, rest, found := strings.Cut(line[1:], line[:1])
		if !found {
			return "", "", errors.New("unclosed quotation mark")
		}
		return name, rest, nil
	}
	at := strings.IndexByte(line, '\t')
	if at < 0 {
		at = strings.IndexByte(line, ' ')
	}
	if at < 0 {
		return "", "", errNoDigest
	}
	if name = strings.TrimRight(line[:at], " "); isLabel(name) {
		return "", "", fmt.Errorf("%q before the digest is not a file name", clip(name))
	}
	return name, line[at:], nil
}
