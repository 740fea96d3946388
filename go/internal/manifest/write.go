package manifest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"checksig/internal/digest"
)

// A writer says how a format writes entries.
type writer struct {
	line   func(b []byte, e *Entry) []byte // appends the line of an entry
	cannot func(name string) bool          // reports names that no line can have; nil: there are none
}

// unwritable are the algorithms that no format writes: their digests are decimal numbers, or they
// are not of the bytes of a file alone.
var unwritable = []string{"git-sha1", "crc", "bsd", "sysv"}

// CheckWritable returns an error if the format cannot list such an entry.
func (f *Format) CheckWritable(e *Entry) error {
	if f.write == nil {
		return fmt.Errorf("the format %q is only read", f.Name)
	}
	if (f.Name == "sfv") != (e.Algorithm.Name == "crc32") || slices.Contains(unwritable, e.Algorithm.Name) {
		return fmt.Errorf("the format %q cannot list digests of %s", f.Name, e.Algorithm.Name)
	}
	if f.write.cannot != nil && f.write.cannot(e.Name) {
		return fmt.Errorf("the format %q cannot represent the name %q", f.Name, e.Name)
	}
	return nil
}

// AppendLine appends the line of an entry that passed [Format.CheckWritable] to b.
func (f *Format) AppendLine(b []byte, e *Entry) []byte { return f.write.line(b, e) }

var (
	gnuWriter   = &writer{line: appendGNU}
	tagWriter   = &writer{line: appendTag}
	sfvWriter   = &writer{line: appendSFV, cannot: isUnfitForSFV}
	bagItWriter = &writer{line: appendBagIt}
)

// appendGNU appends a line as sha256sum writes it.
func appendGNU(b []byte, e *Entry) []byte {
	name, escaped := escape(e.Name)
	if escaped {
		b = append(b, '\\')
	}
	b = hex.AppendEncode(b, e.Digest())
	b = append(b, "  "...)
	b = append(b, name...)
	return append(b, '\n')
}

// appendTag appends a line as sha256sum --tag writes it.
func appendTag(b []byte, e *Entry) []byte {
	name, escaped := escape(e.Name)
	if escaped {
		b = append(b, '\\')
	}
	b = append(b, tagOf(e.Algorithm)...)
	b = append(b, " ("...)
	b = append(b, name...)
	b = append(b, ") = "...)
	b = hex.AppendEncode(b, e.Digest())
	return append(b, '\n')
}

// tagOf returns the name of an algorithm as coreutils writes it, such as SHA256 or BLAKE2b-256.
func tagOf(a *digest.Algorithm) string {
	if bits, found := strings.CutPrefix(a.Name, "blake2b"); found {
		return "BLAKE2b" + bits
	}
	return strings.ToUpper(a.Name)
}

var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

// escape returns a name as coreutils writes it; see [unescape].
func escape(name string) (escaped string, changed bool) {
	if !strings.ContainsAny(name, "\\\n\r") {
		return name, false
	}
	return escapes.Replace(name), true
}

func appendSFV(b []byte, e *Entry) []byte {
	b = append(b, e.Name...)
	b = append(b, ' ')
	return append(b, fmt.Sprintf("%X\n", e.Digest())...)
}

// isUnfitForSFV reports names that would be read as something else: with line ends, blanks at the
// end, or the beginning of a comment or of a text in another encoding.
func isUnfitForSFV(name string) bool {
	if strings.ContainsAny(name, "\r\n") || name != trimBlanksRight(name) {
		return true
	}
	for _, begin := range []string{";", "#", "\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

var bagEscapes = strings.NewReplacer("%", "%25", "\n", "%0A", "\r", "%0D")

// appendBagIt appends a line as RFC 8493, section 2.1.3, says.
func appendBagIt(b []byte, e *Entry) []byte {
	b = hex.AppendEncode(b, e.Digest())
	b = append(b, "  "...)
	b = append(b, bagEscapes.Replace(e.Name)...)
	return append(b, '\n')
}
