package manifest

import (
	"errors"
	"fmt"
	"strings"

	"checksig/internal/digest"
)

// parseGNU reads one line, without its end, of the format that coreutils'
// sha1sum writes: digest, two spaces or " *", name; a line that begins with a
// backslash has escapes in its name. docs/format.md, section 2.
func parseGNU(line string, algorithm *digest.Algorithm) (Entry, error) {
	if len(line) > MaxLine {
		return Entry{}, fmt.Errorf("longer than %d bytes", MaxLine)
	}
	rest, escaped := strings.CutPrefix(strings.TrimLeft(line, " \t"), `\`)
	digits := leadingHex(rest)
	if digits == 0 {
		return Entry{}, errors.New("no hexadecimal digest")
	}
	algorithm, err := algorithmOf(digits, algorithm)
	if err != nil {
		return Entry{}, err
	}
	name, err := gnuName(rest[digits:], escaped)
	if err != nil {
		return Entry{}, err
	}
	entry := Entry{Name: name, Algorithm: algorithm}
	for i := range algorithm.Size {
		entry.sum[i] = nibble(rest[2*i])<<4 | nibble(rest[2*i+1])
	}
	return entry, nil
}

// nibble returns the value of a hexadecimal digit.
func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

func leadingHex(s string) int {
	n := 0
	for n < len(s) && isHex(s[n]) {
		n++
	}
	return n
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
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

// gnuName reads what follows the digest: the separator and the name.
func gnuName(s string, escaped bool) (string, error) {
	if s == "" || s == " " || s == "  " || s == " *" {
		return "", errors.New("no file name")
	}
	if s[0] != ' ' {
		return "", fmt.Errorf("%q after the digest, not a space", s[:1])
	}
	if s[1] != ' ' && s[1] != '*' {
		return "", errors.New(`one space after the digest, not two or " *"`)
	}
	name := s[2:]
	if strings.IndexByte(name, 0) >= 0 {
		return "", errors.New("NUL in the file name")
	}
	if escaped {
		return unescape(name)
	}
	return name, nil
}

// unescape undoes coreutils' escapes: \\, \n and \r.
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
