package signature

import (
	"errors"
	"fmt"
	"strings"
)

var (
	errTextBefore  = errors.New("has text before the signed text, which is not signed")
	errHeader      = errors.New("has a header before its signed text other than Hash:")
	errNoSignature = errors.New("has no signature behind its signed text: it was cut off")
)

// The names that the header Hash may have, and the numbers of the algorithms in RFC 9580.
var hashNames = map[string]byte{
	"MD5": 1, "SHA1": 2, "RIPEMD160": 3, "SHA256": 8, "SHA384": 9, "SHA512": 10, "SHA224": 11,
	"SHA3-256": 12, "SHA3-512": 14,
}

// cleartext takes a signed text apart. It returns the signed text, which is what is parsed: without
// the escapes of lines that begin with a dash, and without blanks at the ends of lines.
func cleartext(content string) (payload string, claims []claim, err error) {
	before, rest, _ := cutLine(content, armorBegin+signedBlock+armorDash)
	if strings.Trim(before, " \t\r\n") != "" || rest == "" {
		return "", nil, errTextBefore
	}
	hashes, rest, err := hashHeaders(rest)
	if err != nil {
		return "", nil, err
	}
	body, rest, ok := cutLine(rest, armorBegin+signatureBlock+armorDash)
	if !ok {
		return "", nil, errNoSignature
	}
	armored, behind, ok := cutLine(rest, armorEnd+signatureBlock+armorDash)
	switch {
	case !ok:
		return "", nil, errArmorEnd
	case strings.Trim(behind, " \t\r\n") != "":
		return "", nil, errBehind
	}
	if payload, err = unescape(body); err != nil {
		return "", nil, err
	}
	data, err := dearmor(armored)
	claims, err = signaturesOf(block{signatureBlock, data, err}, &signedText{hashes})
	return payload, claims, err
}

// A signedText is what is known of the text that a signature is behind.
type signedText struct {
	hashes []byte // the numbers of the algorithms that its headers name
}

// hashHeaders returns the numbers of the algorithms in the headers, and what is behind the empty
// line that ends them.
func hashHeaders(text string) (hashes []byte, rest string, err error) {
	for text != "" {
		line, after, _ := strings.Cut(text, "\n")
		text = after
		if line = trimBlanks(line); line == "" {
			return hashes, text, nil
		}
		names, ok := strings.CutPrefix(line, "Hash:")
		if !ok {
			return nil, "", errHeader
		}
		for name := range strings.SplitSeq(names, ",") {
			hash, ok := hashNames[strings.TrimSpace(name)]
			if !ok {
				return nil, "", fmt.Errorf("names the unknown hash algorithm %q before its signed text", strings.TrimSpace(name))
			}
			hashes = append(hashes, hash)
		}
	}
	return nil, "", errNoSignature
}

// unescape returns the text in the body of a signed text.
func unescape(body string) (string, error) {
	var text strings.Builder
	text.Grow(len(body))
	number := 0
	for line := range strings.Lines(body) {
		number++
		line, escaped := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "- ")
		if strings.HasPrefix(line, "-") && !escaped {
			return "", fmt.Errorf("has a dash that is not escaped at the beginning of line %d of its signed text", number)
		}
		text.WriteString(trimBlanks(line))
		text.WriteByte('\n')
	}
	return text.String(), nil
}
