package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A Charset is an encoding that the tag files of a bag may have.
type Charset struct {
	Name   string // as IANA spells it
	decode func(content string) (string, error)
}

// charsets lists the supported encodings.
var charsets = []*Charset{
	{"UTF-8", decodeUTF8},
	{"US-ASCII", decodeASCII},
	{"ISO-8859-1", decodeLatin1},
	{"UTF-16", decodeUTF16},
	{"UTF-16LE", func(content string) (string, error) { return fromUTF16(content, binary.LittleEndian) }},
	{"UTF-16BE", func(content string) (string, error) { return fromUTF16(content, binary.BigEndian) }},
}

// charsetAliases has other spellings, in lower case.
var charsetAliases = map[string]string{
	"utf8": "UTF-8", "ascii": "US-ASCII", "latin1": "ISO-8859-1", "latin-1": "ISO-8859-1", "iso8859-1": "ISO-8859-1",
	"iso_8859-1": "ISO-8859-1", "utf16": "UTF-16", "utf-16-le": "UTF-16LE", "utf-16-be": "UTF-16BE",
}

// CharsetByName returns the encoding with that name, in upper or lower case, or nil.
func CharsetByName(name string) *Charset {
	if alias, ok := charsetAliases[strings.ToLower(name)]; ok {
		name = alias
	}
	for _, c := range charsets {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return nil
}

// CharsetNames returns the names of all encodings, separated by commas, for messages.
func CharsetNames() string {
	var names []string
	for _, c := range charsets {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// Decode converts content to UTF-8. It keeps bytes that are not UTF-8 if that is the encoding,
// because names may have them.
func (c *Charset) Decode(content string) (string, error) {
	decoded, err := c.decode(content)
	if err != nil {
		return "", fmt.Errorf("is not in %s, the encoding in bagit.txt: %w", c.Name, err)
	}
	return decoded, nil
}

const (
	markLittle = "\xff\xfe" // the byte order marks of UTF-16
	markBig    = "\xfe\xff"
)

func decodeUTF8(content string) (string, error) {
	if strings.HasPrefix(content, markLittle) || strings.HasPrefix(content, markBig) {
		return "", errors.New("begins with a byte order mark of UTF-16")
	}
	return content, nil
}

func decodeASCII(content string) (string, error) {
	for i := range len(content) {
		if content[i] >= utf8.RuneSelf {
			return "", fmt.Errorf("byte %d is 0x%02x", i+1, content[i])
		}
	}
	return content, nil
}

func decodeLatin1(content string) (string, error) {
	long := 0 // how many bytes become two
	for i := range len(content) {
		long += int(content[i] >> 7)
	}
	if long == 0 {
		return content, nil
	}
	var b strings.Builder
	b.Grow(len(content) + long)
	for i := range len(content) {
		b.WriteRune(rune(content[i]))
	}
	return b.String(), nil
}

// decodeUTF16 decodes UTF-16. Without a byte order mark, the place of the first zero byte tells
// the byte order, because tag files begin with ASCII. If there is none, it is big-endian.
func decodeUTF16(content string) (string, error) {
	switch {
	case strings.HasPrefix(content, markLittle):
		return fromUTF16(content[2:], binary.LittleEndian)
	case strings.HasPrefix(content, markBig):
		return fromUTF16(content[2:], binary.BigEndian)
	case strings.IndexByte(content, 0)%2 == 1:
		return fromUTF16(content, binary.LittleEndian)
	}
	return fromUTF16(content, binary.BigEndian)
}

// fromUTF16 converts UTF-16 without a byte order mark to UTF-8.
func fromUTF16(content string, order binary.ByteOrder) (string, error) {
	if len(content)%2 != 0 {
		return "", errors.New("ends in the middle of a character")
	}
	at := func(i int) rune { return rune(order.Uint16([]byte(content[i : i+2]))) }
	var b strings.Builder
	b.Grow(len(content) / 2)
	for i := 0; i < len(content); i += 2 {
		first := at(i)
		if !utf16.IsSurrogate(first) {
			b.WriteRune(first)
			continue
		}
		second := rune(0)
		if i += 2; i < len(content) {
			second = at(i)
		}
		whole := utf16.DecodeRune(first, second)
		if whole == utf8.RuneError {
			return "", errors.New("has an unpaired surrogate")
		}
		b.WriteRune(whole)
	}
	return b.String(), nil
}
