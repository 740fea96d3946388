package manifest

import (
	"encoding/base64"
	"errors"
	"strings"

	"checksig/internal/digest"
)

// parseTag reads a line that names its algorithm: "SHA256 (name) = digest", as BSD,
// coreutils' --tag, and rhash write it, with more or fewer blanks, or
// "SHA2-256(name)= digest", as openssl dgst writes it. A backslash at the start of the
// line means that the name has escapes. The digest is hexadecimal, or base64 as cksum
// --base64 writes it. isTag is false if the line has another format.
func parseTag(d *dialect, line string, e *Entry) (isTag bool, err error) {
	rest := line
	escaped := false
	if !d.literal {
		rest, escaped = strings.CutPrefix(line, `\`)
	}
	if d.file != "" && strings.HasPrefix(rest, opensslStdin) {
		return true, d.ofStdin(e, strings.Trim(rest[len(opensslStdin):], " \t"))
	}
	tag, rest, found := strings.Cut(rest, "(")
	end := strings.LastIndex(rest, ")")
	if !found || end < 0 || !isSpelling(strings.TrimRight(tag, " ")) {
		return false, nil
	}
	value, isTag := strings.CutPrefix(strings.TrimLeft(rest[end+1:], " "), "=")
	if !isTag {
		return false, nil
	}
	algorithm, err := d.named(strings.TrimRight(tag, " "))
	if err != nil {
		return true, err
	}
	e.Name, e.Algorithm = rest[:end], algorithm
	if err = e.setDigest(strings.Trim(value, " \t")); err != nil {
		return true, err
	}
	if err = checkName(e.Name); err == nil && escaped {
		e.Name, err = unescape(e.Name)
	}
	return true, err
}

// opensslStdin is what openssl dgst, before version 3, writes before the digest of its
// standard input.
const opensslStdin = "(stdin)= "

// ofStdin sets the entry of a sidecar that openssl dgst wrote for its standard input.
func (d *dialect) ofStdin(e *Entry, digits string) error {
	err := d.byDigest(e, digits, d.algorithm)
	e.Name = "stdin"
	return err
}

// longestSpelling is the length in bytes of the longest name of an algorithm: "HMAC-SHA2-512/256"
// and the like are recognized, though not supported.
const longestSpelling = 24

// isSpelling reports whether s could be the name of an algorithm in a manifest.
func isSpelling(s string) bool {
	if s == "" || len(s) > longestSpelling {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && s[i] != '-' && s[i] != '/' && s[i] != '_' {
			return false
		}
	}
	return true
}

// setDigest sets the digest of an entry, which is hexadecimal or base64.
func (e *Entry) setDigest(s string) error {
	if s == "" {
		return errors.New("no digest")
	}
	if leadingHex(s) == len(s) {
		if _, err := algorithmOf(len(s), e.Algorithm); err != nil {
			return err
		}
		e.setHex(s)
		return nil
	}
	if !e.setBase64(s) {
		return errors.New("no " + e.Algorithm.Name + " digest in hexadecimal or base64")
	}
	return nil
}

// setBase64 sets the digest of an entry, if s is a base64 digest as cksum --base64 writes
// it, or as rclone does, in the URL-safe alphabet. It reports whether s is one.
func (e *Entry) setBase64(s string) bool {
	encoding := base64.StdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.URLEncoding
	}
	sum, err := encoding.Strict().DecodeString(s)
	return err == nil && len(sum) == e.Algorithm.Size && copy(e.sum[:], sum) > 0
}

// byDigest sets the algorithm and the digest of an entry, which is hexadecimal. If algorithm is nil, the
// length of the digest decides.
func (d *dialect) byDigest(e *Entry, digits string, algorithm *digest.Algorithm) (err error) {
	if digits == "" || e.leadingHex(digits) != len(digits) {
		return errNoDigest
	}
	e.Algorithm, err = algorithmOf(len(digits), algorithm)
	return err
}
