package signature

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
)

const (
	armorBegin = "-----BEGIN PGP "
	armorEnd   = "-----END PGP "
	armorDash  = "-----"
)

// The kinds of armor blocks.
const (
	publicBlock    = "PUBLIC KEY BLOCK"
	privateBlock   = "PRIVATE KEY BLOCK"
	signatureBlock = "SIGNATURE"
	messageBlock   = "MESSAGE"
	signedBlock    = "SIGNED MESSAGE"
)

var (
	errArmorEnd  = errors.New("has an armor block without its end: it was cut off")
	errArmorText = errors.New("has an armor block with other text than base64: it was changed")
	errPacket    = errors.New("has an OpenPGP packet that is cut off")
)

// A block is an armor block, or a binary file, whose kind is "".
type block struct {
	kind string
	data []byte
	err  error
}

// armorBlocks returns the armor blocks in a text. The text between them is not read.
func armorBlocks(content string) []block {
	var blocks []block
	for {
		kind, rest, ok := nextBlock(content)
		if !ok {
			return blocks
		}
		body, after, ended := cutLine(rest, armorEnd+kind+armorDash)
		if !ended {
			return append(blocks, block{kind: kind, err: errArmorEnd})
		}
		data, err := dearmor(body)
		blocks = append(blocks, block{kind, data, err})
		content = after
	}
}

// nextBlock returns the kind of the first armor block, and what is behind its first line.
func nextBlock(content string) (kind, rest string, ok bool) {
	for content != "" {
		at := strings.Index(content, armorBegin)
		if at < 0 {
			return "", "", false
		}
		line, after, _ := strings.Cut(content[at:], "\n")
		kind, ok := strings.CutSuffix(trimBlanks(line[len(armorBegin):]), armorDash)
		if ok && (at == 0 || content[at-1] == '\n') {
			return kind, after, true
		}
		content = content[at+len(armorBegin):]
	}
	return "", "", false
}

// cutLine cuts a text at the first line that is the given one, but for blanks at its end.
func cutLine(text, line string) (before, after string, ok bool) {
	for at := 0; at < len(text); {
		rest := text[at:]
		next, _, _ := strings.Cut(rest, "\n")
		if trimBlanks(next) == line {
			return text[:at], strings.TrimPrefix(rest[len(next):], "\n"), true
		}
		at += min(len(next)+1, len(rest))
	}
	return "", "", false
}

func trimBlanks(line string) string { return strings.TrimRight(line, " \t\r") }

// dearmor decodes the base64 of an armor block, which is between headers and a checksum. The checksum
// finds accidents, which the signature finds, too; so it is not verified. There is no other text.
func dearmor(body string) ([]byte, error) {
	headers, rest, ok := cutLine(body, "")
	if !ok {
		return nil, errArmorText
	}
	for line := range strings.Lines(headers) {
		if !strings.Contains(line, ":") {
			return nil, errArmorText
		}
	}
	var encoded strings.Builder
	ended := false
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		switch {
		case ended && line != "":
			return nil, errArmorText
		case len(line) == 5 && line[0] == '=':
			ended = true
		default:
			encoded.WriteString(line)
		}
	}
	data, err := base64.StdEncoding.DecodeString(encoded.String())
	if err != nil || len(data) == 0 {
		return nil, errArmorText
	}
	return data, nil
}

// The packets that are told apart, by their numbers in RFC 9580.
const (
	signaturePacket = 2
	secretPacket    = 5
	publicPacket    = 6
	secretSubpacket = 7
	markerPacket    = 10
	userPacket      = 13
	subkeyPacket    = 14
	attributePacket = 17
)

// A rawPacket is a packet that is not parsed yet.
type rawPacket struct {
	tag  int
	body []byte
}

// packetsOf splits data into packets. With an error it returns the packets before it.
func packetsOf(data []byte) (packets []rawPacket, err error) {
	for len(data) > 0 {
		tag, length, header := packetHeader(data)
		if header == 0 || length > int64(len(data)-header) || length < 0 && !isMessage(tag) {
			return packets, errPacket
		}
		if length < 0 {
			length = int64(len(data) - header)
		}
		end := header + int(length)
		packets = append(packets, rawPacket{tag, data[header:end]})
		data = data[end:]
	}
	return packets, nil
}

// isMessage reports whether a packet is part of a message, which has its text in it.
func isMessage(tag int) bool {
	switch tag {
	case 1, 3, 4, 8, 9, 11, 18, 20:
		return true
	}
	return false
}

// packetHeader returns the number of a packet, the length of its body, and the length of its
// header, 0 if it is none. The length is negative if the header does not say it.
func packetHeader(data []byte) (tag int, length int64, header int) {
	switch {
	case data[0]&0xC0 == 0xC0:
		length, header = newLength(data)
		return int(data[0] & 0x3F), length, header
	case data[0]&0x80 != 0:
		length, header = oldLength(data)
		return int(data[0] & 0x3F >> 2), length, header
	}
	return 0, 0, 0
}

func newLength(data []byte) (length int64, header int) {
	switch {
	case len(data) < 2:
		return 0, 0
	case data[1] < 192:
		return int64(data[1]), 2
	case data[1] < 224 && len(data) > 2:
		return (int64(data[1])-192)<<8 + int64(data[2]) + 192, 3
	case data[1] == 255 && len(data) > 5:
		return int64(binary.BigEndian.Uint32(data[2:])), 6
	case data[1] >= 224 && data[1] < 255: // in parts
		return -1, 2
	}
	return 0, 0
}

func oldLength(data []byte) (length int64, header int) {
	size := 1 << (data[0] & 3)
	switch {
	case size == 8:
		return -1, 1
	case len(data) <= size:
		return 0, 0
	}
	for _, b := range data[1 : 1+size] {
		length = length<<8 | int64(b)
	}
	return length, 1 + size
}
