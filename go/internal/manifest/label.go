package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errUnsure says that a line is an entry only if the file exists, because the name may be a label.
// It comes with the entry.
var errUnsure = errors.New("the name may be a label")

// checkUnsure returns an error if name cannot be a file's name, or errUnsure if it may be a label.
func checkUnsure(name string, unsure bool) error {
	if err := checkName(name); err != nil || !unsure {
		return err
	}
	return errUnsure
}

// errNotNamed says that a line has something in the place of a name that a file is seldom called,
// and that no file is called so.
func errNotNamed(name string) error {
	return fmt.Errorf("%q does not look like a file name, and no such file exists", clip(name))
}

// isLabel reports whether what stands in the place of a name more likely says what the digest
// is, as in "SHA256: 5a…".
func isLabel(name string) bool {
	const extension = 4 // of most names, with the full stop
	switch end := len(name); {
	case end > 0 && (name[end-1] == ':' || name[end-1] == '='):
		return true
	case end > extension && name[end-extension] == '.' || end > longestLabel || strings.IndexByte(name, '.') >= 0:
		return false
	}
	return isLabelText(name)
}

// longestLabel is the length in bytes of the longest label without a colon after it.
const longestLabel = 32

// isLabelText reports whether all words of s are those of labels, as in "SHA-256 checksum".
func isLabelText(s string) bool {
	words := strings.FieldsFunc(strings.ToLower(s), func(c rune) bool { return strings.ContainsRune(" \t:=()[]", c) })
	for _, word := range words {
		if !isAlgorithm(word) && !slices.Contains(labelWords, word) {
			return false
		}
	}
	return len(words) > 0
}

// isAlgorithm reports whether a word is the name of an algorithm, which need not be supported.
func isAlgorithm(word string) bool {
	return bySums(word) != nil || isUnsupported(word) || slices.Contains(blakes, word) || word == "sha" || word == "crc"
}

// labelWords lists other words of which labels consist.
var labelWords = []string{
	"checksum", "checksums", "digest", "digests", "hash", "hashes", "sum", "sums", "value", "of", "the", "file", "files",
	"filename", "name", "size", "version", "date", "commit", "revision", "build", "id", "signature", "fingerprint", "key",
	"algorithm", "algo",
}

// hasExtension reports whether the last element of a name has an extension with a letter.
func hasExtension(name string) bool {
	const longest = 10
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	stem, extension := cutExtension(base)
	return stem != "" && extension != "" && len(extension) <= longest && strings.ContainsFunc(extension, isLetter) &&
		!strings.ContainsFunc(extension, func(c rune) bool { return !isLetter(c) && (c < '0' || c > '9') })
}

func isLetter(c rune) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// isOddAfterDigest reports whether what follows a digest and a separator has more than a name, as
// in "5a… (SHA256): name", "5a… SHA256 name", "5a… = name", "5a… 1234 name", or, after a tab, a name
// and another tab.
func isOddAfterDigest(name, separator string) bool {
	if separator == tab && strings.IndexByte(name, '\t') >= 0 {
		return true
	}
	if name[0] != '(' && strings.IndexByte(name, ' ') < 0 {
		return false // nearly always
	}
	padded := name[0] == ' ' || name[0] == '\t'
	if name = trimBlanks(name); name == "" {
		return false
	}
	switch c := name[0]; {
	case c == '(':
		text, _, found := strings.Cut(name[1:], ")")
		return found && isLabelText(text)
	case c == '=' || c == ':' || c == '-' || c == '|' || c == '>':
		rest := strings.TrimLeft(name, "=:-|>")
		return rest != "" && (rest[0] == ' ' || rest[0] == '\t')
	case c < '0' || c > '9':
		word, _ := cutField(name)
		return len(word) < len(name) && isName(strings.Trim(word, "[]:"))
	}
	rest := strings.TrimLeft(name, "0123456789")
	gap := len(rest) - len(trimBlanks(rest))
	return gap < len(rest) && (gap > 1 || gap == 1 && (padded || !isDouble(separator)))
}

// isName reports whether a word is the name of an algorithm and nothing else.
func isName(word string) bool {
	word = strings.ToLower(word)
	return len(word) <= longestLabel && isAlgorithm(word) && !slices.Contains(ambiguous, word)
}
