package manifest

import (
	"iter"
	"strings"
)

// A content is the content of a manifest, split into lines on demand.
type content struct {
	bytes     string
	delimiter byte // at the end of each line: LF or NUL
	begin     int  // of the part that has entries, in bytes
	end       int
	before    int  // how many lines come before that part
	signed    bool // that part has a signature around it
	escaped   bool // "- " at the start of a line is ignored, as in a PGP message

	// more, unless it is nil, reports whether the line next belongs to the count lines before
	// it, which are then one line with line feeds in it.
	more func(first string, count int, next string) bool
}

// maxJoined is how many lines can be one.
const maxJoined = 32

// decode removes a byte order mark, converts UTF-16 to UTF-8, and finds the signed part of
// a PGP message, unless plain says that there is none. See docs/format.md, section 6.
func decode(bytes string, plain bool) (content, error) {
	bytes, err := toUTF8(bytes)
	if err != nil {
		return content{}, err
	}
	c := content{bytes: bytes, delimiter: '\n', end: len(bytes)}
	if strings.HasSuffix(bytes, "\x00") && !endsInLostBlock(bytes) {
		c.delimiter = 0
	}
	if plain {
		return c, nil
	}
	c.unwrapSignify()
	err = c.unwrap()
	return c, err
}

// HasMessage reports whether content begins as a manifest with its signature around it: a PGP
// message, or a signature of signify with its message.
func HasMessage(content string) bool {
	return strings.HasPrefix(content, pgpMessage) || signifyMessage(content) > 0
}

// LinesBefore returns how many lines of the content come before the signed text in it.
func LinesBefore(content string) int {
	c, err := decode(content, false)
	if err != nil {
		return 0
	}
	return c.before
}

// unwrapSignify limits the content to the message of a signature of signify, if it is one.
func (c *content) unwrapSignify() {
	if begin := signifyMessage(c.bytes); begin > 0 {
		c.begin, c.before, c.signed = begin, 2, true
	}
}

// signifyMessage returns the offset of the message in a signature of signify, or 0 if the
// content is something else. The signature has two lines: a comment, and base64 that begins
// with the name of the algorithm. A signature of minisign goes on with another comment.
func signifyMessage(content string) int {
	const base64Length = 100 // of 2 + 8 + 64 bytes
	comment, rest, _ := strings.Cut(content, "\n")
	signature, message, _ := strings.Cut(rest, "\n")
	if !strings.HasPrefix(comment, "untrusted comment: ") || !strings.HasPrefix(signature, "RW") ||
		len(signature) != base64Length || message == "" || strings.HasPrefix(message, "trusted comment: ") {
		return 0
	}
	return len(content) - len(message)
}

// endsInLostBlock reports whether lines that end with LF are followed by several NULs, as
// after a crash, and no other NUL. No tool ends a line with two.
func endsInLostBlock(bytes string) bool {
	rest := strings.TrimRight(bytes, "\x00")
	return len(bytes)-len(rest) > 1 && strings.IndexByte(rest, '\n') >= 0 && strings.IndexByte(rest, 0) < 0
}

// toUTF8 returns content without a byte order mark. If the mark is that of UTF-16, the
// result is converted to UTF-8.
func toUTF8(content string) (string, error) {
	switch {
	case strings.HasPrefix(content, "\xef\xbb\xbf"):
		return content[3:], nil
	case strings.HasPrefix(content, markLittle), strings.HasPrefix(content, markBig):
		decoded, err := decodeUTF16(content)
		if err != nil {
			return "", &Error{Reason: "is UTF-16 but " + err.Error()}
		}
		return decoded, nil
	}
	return content, nil
}

// The lines around a cleartext signature (RFC 9580, section 7).
const (
	pgpMessage   = "-----BEGIN PGP SIGNED MESSAGE-----"
	pgpSignature = "-----BEGIN PGP SIGNATURE-----"
	pgpEnd       = "-----END PGP SIGNATURE-----"
)

// unwrap limits the content to the signed part of a PGP message, if it is one.
func (c *content) unwrap() error {
	if !strings.HasPrefix(c.bytes, pgpMessage) {
		return nil
	}
	const header, body, signature, after = 0, 1, 2, 3
	part := header
	for number, offset := range c.lines() {
		line := strings.TrimRight(c.line(offset), " \t")
		switch {
		case part == header && number > 1 && line != "" && !strings.HasPrefix(line, "Hash: "):
			return &Error{Line: number, Reason: "unsigned line in the header of the PGP signature"}
		case part == header && line == "":
			part, c.before = body, number
			c.begin = c.next(offset)
		case part == body && line == pgpSignature:
			part, c.end = signature, int(offset)
		case part == signature && line == pgpEnd:
			part = after
		case part == after && line != "":
			return &Error{Line: number, Reason: "unsigned line after the PGP signature"}
		}
	}
	if part != after {
		return &Error{Reason: "incomplete PGP signature"}
	}
	c.signed, c.escaped = true, true
	return nil
}

// lines yields the number, counted from 1, and the offset of each line.
func (c *content) lines() iter.Seq2[int, uint32] {
	begin, end, number := c.begin, c.end, c.before
	return func(yield func(int, uint32) bool) {
		for at := begin; at < end; {
			number++
			if !yield(number, uint32(at)) {
				return
			}
			if c.more != nil {
				_, next, count := c.joined(uint32(at))
				at = next
				number += count - 1
				continue
			}
			at = c.next(uint32(at))
		}
	}
}

// joined returns the line at offset with those that belong to it, the offset of the next one,
// and how many they are.
func (c *content) joined(offset uint32) (line string, next, count int) {
	first, next := c.single(offset), c.next(offset)
	lines := []string{first}
	for length := len(first); len(lines) < maxJoined && next < c.end && length <= MaxLine; {
		added := c.single(uint32(next))
		if !c.more(first, len(lines), added) {
			break
		}
		lines = append(lines, added)
		length += len(added)
		next = c.next(uint32(next))
	}
	return strings.Join(lines, "\n"), next, len(lines)
}

// next returns the offset of the line that follows the one at offset.
func (c *content) next(offset uint32) int {
	length := strings.IndexByte(c.bytes[offset:], c.delimiter)
	if length < 0 {
		return len(c.bytes)
	}
	return int(offset) + length + 1
}

// line returns the line at offset, without its end, with those that belong to it.
func (c *content) line(offset uint32) string {
	if c.more == nil {
		return c.single(offset) // nearly always
	}
	line, _, _ := c.joined(offset)
	return line
}

// lineAt returns what line does, the offset of the next line, and how many lines of the content
// the line is.
func (c *content) lineAt(offset uint32) (line string, next, count int) {
	if c.more != nil {
		return c.joined(offset)
	}
	line = c.bytes[offset:]
	next = len(c.bytes)
	if length := strings.IndexByte(line, c.delimiter); length >= 0 {
		line, next = line[:length], int(offset)+length+1
	}
	if c.escaped || strings.HasSuffix(line, "\r") {
		line = c.trim(line)
	}
	return line, next, 1
}

// single returns the line at offset, without its end.
func (c *content) single(offset uint32) string {
	line := c.bytes[offset:]
	if length := strings.IndexByte(line, c.delimiter); length >= 0 {
		line = line[:length]
	}
	return c.trim(line)
}

// trim removes what is not part of a line: CR before LF, and the dash escape of PGP.
func (c *content) trim(line string) string {
	if c.delimiter == '\n' {
		line = strings.TrimSuffix(line, "\r")
	}
	if c.escaped {
		line = strings.TrimPrefix(line, "- ")
	}
	return line
}
