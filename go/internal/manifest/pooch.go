package manifest

import (
	"errors"
	"strings"
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
	}
	entry, err := d.byDigest(digits, algorithm)
	if err != nil {
		return Entry{}, err
	}
	entry.Name = name
	return entry, checkName(name)
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
	return strings.TrimRight(line[:at], " "), line[at:], nil
}
