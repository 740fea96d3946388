package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"checksig/internal/digest"
)

// parseGNUOrTag reads a line in one of the two formats of coreutils, which accepts both in
// any manifest.
func parseGNUOrTag(d *dialect, line string, _ int, e *Entry) error {
	line = trimBlanks(line)
	if !beginsWithDigest(line) {
		if isTag, err := parseTag(d, line, e); isTag {
			return err
		}
	}
	return parseGNU(d, line, e)
}

// beginsWithDigest reports whether a line begins with so many hexadecimal digits, after an
// optional backslash, that it is no tag.
func beginsWithDigest(line string) bool {
	begin := strings.TrimPrefix(line, `\`)
	return leadingHex(begin[:min(len(begin), shortestDigest)]) == shortestDigest
}

// shortestDigest is the number of hexadecimal digits of the shortest digest. No
// algorithm's name begins with that many.
const shortestDigest = 8

// parseGNU reads a line as coreutils' sha1sum writes it: digest, two spaces or " *", name.
// If the line begins with a backslash, the name has escapes. One space or one tab, as BSD
// and old tools write it, is accepted if all lines have it.
func parseGNU(d *dialect, line string, e *Entry) error {
	rest, escaped := line, false
	if !d.literal {
		rest, escaped = strings.CutPrefix(line, `\`)
	}
	rest, err := d.leadingDigest(e, rest)
	if err != nil {
		return err
	}
	e.Name, err = d.gnuName(rest, escaped)
	return err
}

// leadingDigest sets an entry to the digest at the start of s, which is hexadecimal or base64.
func (d *dialect) leadingDigest(e *Entry, s string) (rest string, err error) {
	digits := e.leadingHex(s)
	if end := blankAfter(s, digits); end > digits && d.byBase64(e, s[:end]) {
		return s[end:], nil
	}
	e.Algorithm, err = algorithmOf(digits, d.ofLength(digits))
	if err != nil && (digits == 0 || digits < shortestDigest && blankAfter(s, digits) != digits) {
		err = errNoDigest // a word, which may begin with letters that are digits
	}
	return s[digits:], err
}

// ofLength returns d.algorithm, or, if that is BLAKE2b because of the manifest's name, BLAKE2b
// with so many digits, as b2sum -l writes it. If the digits are too few, they may be cut off.
func (d *dialect) ofLength(digits int) *digest.Algorithm {
	const fewest = 16
	a := d.algorithm
	if a == nil || d.forced || digits == 2*a.Size || a.Name != "blake2b" || digits%2 != 0 || digits < fewest {
		return a
	}
	return cmp.Or(digest.BLAKE2b(digits/2), a)
}

// blankAfter returns the index in s of the first blank of s[from:], or -1.
func blankAfter(s string, from int) int {
	if from < len(s) && (s[from] == ' ' || s[from] == '\t') {
		return from // nearly always, and IndexAny is slow
	}
	return strings.IndexAny(s, " \t")
}

// byBase64 sets an entry to a digest as cksum --base64 and rclone --base64 write it. It reports false
// if s is not one. If the algorithm is not known, the padding shows that s is base64, and its
// length decides.
func (d *dialect) byBase64(e *Entry, s string) bool {
	if size := base64Size(s); d.algorithm == nil {
		e.Algorithm = digest.BySize(size)
	} else {
		e.Algorithm = d.ofLength(2 * size)
	}
	return e.Algorithm != nil && e.setBase64(s)
}

// base64Size returns the number of bytes that padded base64 stands for, or 0.
func base64Size(s string) int {
	digits := strings.TrimRight(s, "=")
	if len(s)%4 != 0 || digits == s {
		return 0
	}
	return len(digits) * 3 / 4
}

// gnuName reads what follows the digest: the separator and the name. The error is errUnsure if
// there may be something else before the name.
func (d *dialect) gnuName(s string, escaped bool) (name string, err error) {
	separator, err := d.separatorOf(s)
	if err != nil {
		return "", err
	}
	name = s[len(separator):]
	if err := checkName(name); err != nil {
		return "", err
	}
	unsure := isOddAfterDigest(name, separator)
	if escaped {
		name, err = unescape(name)
	}
	if err == nil && unsure {
		err = errUnsure
	}
	return name, err
}

// The separators of GNU lines. The first two mean the same.
const (
	twoSpaces  = "  "
	binaryMark = " *"
	oneSpace   = " "
	tab        = "\t"
)

var allSeparators = [...]string{twoSpaces, binaryMark, tab, oneSpace}

// separatorOf returns the separator at the start of s, or an error if it is not the one
// of the other lines.
func (d *dialect) separatorOf(s string) (string, error) {
	found := ""
	for _, separator := range &allSeparators {
		if strings.HasPrefix(s, separator) {
			found = separator
			break
		}
	}
	switch {
	case s == "" || s == found:
		return "", errNoName
	case found == "":
		return "", fmt.Errorf("%q after the digest, not a space", s[:1])
	case d.separator == "" || sameSeparator(found, d.separator):
		return found, nil
	case isDouble(d.separator) && found == oneSpace:
		return "", errors.New(`one space after the digest, not two or " *"`)
	}
	return "", fmt.Errorf("%q after the digest, not %q as in most lines", found, d.separator)
}

func isDouble(separator string) bool { return len(separator) == 2 }

// sameSeparator reports whether two separators mean the same.
func sameSeparator(a, b string) bool { return a == b || isDouble(a) && isDouble(b) }

// gnuSeparator returns the separator of a line that parseGNUOrTag can read, or "" if the line
// is a tag.
func (d *dialect) gnuSeparator(line string) string {
	line = trimBlanks(line)
	if !beginsWithDigest(line) {
		if isTag, _ := parseTag(d, line, new(Entry)); isTag {
			return ""
		}
	}
	if !d.literal {
		line = strings.TrimPrefix(line, `\`)
	}
	rest, _ := d.leadingDigest(new(Entry), line)
	separator, _ := d.separatorOf(rest)
	return separator
}

// unescape undoes coreutils' escapes: \\, \n, and \r.
func unescape(s string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if after == "" {
			return "", errors.New("backslash at the end of an escaped file name")
		}
		i := strings.IndexByte(`\nr`, after[0])
		if i < 0 {
			return "", fmt.Errorf("unknown escape %q in the file name", `\`+after[:1])
		}
		b.WriteByte("\\\n\r"[i])
		s = after[1:]
	}
}
