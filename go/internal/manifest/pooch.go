package manifest

import (
	"errors"
	"path"
	"strings"
)

// parsePooch reads a line of a registry of pooch, the Python package: a name, a digest,
// and optionally a URL. The digest may name its algorithm ("md5:…"). A name with blanks is
// quoted, has a backslash before each blank, or is followed by a tab. It may also have none
// of these, as pooch.make_registry writes it, if the manifest is known to be a registry.
func parsePooch(d *dialect, line string, _ int, e *Entry) error {
	name, rest, plain, err := poochName(line)
	if err != nil {
		return err
	}
	digits, rest := cutField(rest)
	url, rest := cutField(rest)
	if rest != "" || url != "" && !strings.Contains(url, "://") {
		if d.registry && strings.IndexAny(trimBlanks(line), `"'`) != 0 {
			return d.plainPooch(e, line)
		}
		return errors.New("more fields than a name, a digest, and a URL")
	}
	err = d.setPooch(e, name, digits)
	if err == nil && plain && isLabel(name) {
		err = errUnsure
	}
	return err
}

// cutField returns the first field of s, which may begin with blanks, and the rest without
// blanks before it.
func cutField(s string) (field, rest string) {
	s = trimBlanks(s)
	end := blankAfter(s, 0)
	if end < 0 {
		return s, ""
	}
	return s[:end], trimBlanks(s[end:])
}

// setPooch sets an entry to that name and a digest, which may name its algorithm.
func (d *dialect) setPooch(e *Entry, name, digits string) error {
	algorithm := d.algorithm
	var err error
	if spelling, after, found := strings.Cut(digits, ":"); found {
		if algorithm, err = d.named(spelling); err != nil {
			return err
		}
		digits = after
	} else if algorithm != nil && algorithm.Name == "crc32" {
		return errors.New(`CRC-32 without "crc32:" before it, as in SFV`)
	}
	if err := d.byDigest(e, digits, algorithm); err != nil {
		return err
	}
	e.Name = name
	return checkName(name)
}

// plainPooch reads a line as pooch.make_registry writes it: a name, in which blanks, quotation
// marks and backslashes are like other characters, a space, and a digest.
func (d *dialect) plainPooch(e *Entry, line string) error {
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return errNoDigest
	}
	name := line[:at]
	first, _ := cutField(name)
	err := d.setPooch(e, name, line[at+1:])
	last := name[strings.LastIndexByte(name, ' ')+1:]
	unsure := isLabel(name) || isLabel(first) || isLabel(last) || leadingHex(first) == len(first) && len(first) >= fewestDigits
	if err == nil && unsure {
		err = errUnsure
	}
	return err
}

// fewestDigits is how many hexadecimal digits are more likely a digest than a part of a name.
const fewestDigits = 32

// poochName splits a line into the name and the rest. A backslash before a blank, a quotation
// mark or a backslash stands for that character, as in a shell. plain is true if the name has
// neither quotation marks nor backslashes.
func poochName(line string) (name, rest string, plain bool, err error) {
	line = trimBlanks(line)
	if line != "" && (line[0] == '"' || line[0] == '\'') {
		name, rest, err = cutQuoted(line)
		return name, rest, false, err
	}
	at := strings.IndexByte(line, '\t')
	if at < 0 {
		at = endOfWord(line)
	}
	if at < 0 {
		return "", "", false, errNoDigest
	}
	name, rest = strings.TrimRight(line[:at], " "), line[at:]
	if strings.IndexByte(name, '\\') >= 0 {
		return unescapePooch(name, " \t'\"\\"), rest, false, nil
	}
	return name, rest, true, nil
}

// endOfWord returns the index of the first space that has no backslash before it, or -1.
func endOfWord(s string) int {
	for from := 0; ; {
		at := strings.IndexByte(s[from:], ' ')
		if at < 0 {
			return -1
		}
		at += from
		before := strings.TrimRight(s[:at], `\`)
		if (at-len(before))%2 == 0 {
			return at
		}
		from = at + 1
	}
}

// cutQuoted splits a line that begins with a quotation mark. Between double ones, a backslash
// before a double one or before a backslash stands for that character.
func cutQuoted(line string) (name, rest string, err error) {
	mark, escape := line[0], -1
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] == mark && line[1:i] == "":
			return "", "", errNoName
		case line[i] == mark && i+1 < len(line) && line[i+1] != ' ' && line[i+1] != '\t':
			return "", "", errors.New("no blank after the quotation mark")
		case line[i] == mark && escape < 0:
			return line[1:i], line[i+1:], nil
		case line[i] == mark:
			return unescapePooch(line[1:i], `"\`), line[i+1:], nil
		case line[i] == '\\' && mark == '"':
			escape = i
			i++
		}
	}
	return "", "", errors.New("unclosed quotation mark")
}

// unescapePooch removes each backslash that is before one of those characters.
func unescapePooch(s, escaped string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(escaped, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// isRegistry reports whether the name of a manifest says that it is a registry of pooch.
func isRegistry(name string) bool {
	return strings.Contains(strings.ToLower(path.Base(name)), "registry")
}
