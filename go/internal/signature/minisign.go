package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The formats of minisign and signify. Both write lines of base64 below a comment, and a key of
// one is a key of the other.
const (
	untrustedComment = "untrusted comment: "
	trustedComment   = "trusted comment: "

	plainEd25519  = "Ed" // over the message
	hashedEd25519 = "ED" // over its BLAKE2b-512
)

// A lineKey is a public key of minisign or signify.
type lineKey struct {
	number string // 8 random bytes
	point  ed25519.PublicKey
}

func (k lineKey) identity() string { return "ed25519 " + string(k.point) }

// keyNumber returns the number of a key as minisign shows it.
func keyNumber(number string) string {
	return fmt.Sprintf("%016X", binary.LittleEndian.Uint64([]byte(number)))
}

// readLineKeys reads the keys of minisign and signify: lines of base64, which may stand below
// comments.
func readLineKeys(content string) (keys []Key, ok bool, err error) {
	name, scheme := "", Minisign
	for i, line := range splitLines(content) {
		switch comment, isComment := strings.CutPrefix(line, untrustedComment); {
		case isComment:
			name, scheme = ownerOf(comment)
			ok = true
		case strings.HasPrefix(line, "RW") && (ok || !strings.Contains(line, " ")):
			ok = true
			key, err := newLineKey(line)
			if err != nil {
				return nil, true, fmt.Errorf("line %d: %w", i+1, err)
			}
			keys = append(keys, Key{Scheme: scheme, ID: keyNumber(key.number), Name: name, public: key})
			name, scheme = "", Minisign
		case line == "":
		case ok:
			return nil, true, fmt.Errorf("line %d: is not a public key of minisign or signify", i+1)
		default:
			return nil, false, nil
		}
	}
	if ok && len(keys) == 0 {
		err = errors.New("has a comment of minisign or signify, and no key")
	}
	return keys, ok, err
}

// ownerOf returns what the comment of a key calls its owner. minisign writes a number there,
// signify "NAME public key".
func ownerOf(comment string) (name string, scheme Scheme) {
	if strings.HasPrefix(comment, "minisign public key") {
		return "", Minisign
	}
	name, isSignify := strings.CutSuffix(comment, " public key")
	switch {
	case isSignify && name == "signify":
		return "", Signify
	case isSignify:
		return name, Signify
	default:
		return name, Minisign
	}
}

func newLineKey(line string) (lineKey, error) {
	const (
		size           = 2 + 8 + ed25519.PublicKeySize
		minisignSecret = 158 // bytes
		signifySecret  = 104
	)
	decoded, err := decodeBase64(line)
	switch {
	case len(decoded) == minisignSecret, len(decoded) == signifySecret:
		return lineKey{}, errors.New("is a secret key of minisign or signify; give the public key, which is in a file .pub")
	case err != nil || len(decoded) != size || decoded[:2] != plainEd25519:
		return lineKey{}, errors.New("is not a public key of minisign or signify")
	}
	point, err := newEd25519(decoded[10:])
	return lineKey{number: decoded[2:10], point: point}, err
}

// A lineSignature is a line of base64 in a signature of minisign or signify.
type lineSignature struct {
	algorithm, number, signature string
}

// cutLineSignature takes the first two lines of a signature apart: a comment, and the signature.
// ok reports whether the content begins with these.
func cutLineSignature(content string) (s lineSignature, rest string, ok bool) {
	const size = 2 + 8 + ed25519.SignatureSize
	comment, rest, ok := strings.Cut(content, "\n")
	if !ok || !strings.HasPrefix(comment, untrustedComment) || !isComment(comment) {
		return s, "", false
	}
	line, rest, _ := strings.Cut(rest, "\n")
	decoded, err := decodeBase64(strings.TrimRight(line, "\r"))
	if err != nil || len(decoded) != size {
		return s, "", false
	}
	s = lineSignature{algorithm: decoded[:2], number: decoded[2:10], signature: decoded[10:]}
	return s, rest, s.algorithm == plainEd25519 || s.algorithm == hashedEd25519
}

// isComment reports whether the tools read a line as a comment.
func isComment(line string) bool {
	const maxLength = 1023
	return len(line) <= maxLength && !strings.Contains(line, "\x00")
}

func (s *lineSignature) keyID() string { return keyNumber(s.number) }

// verifyBy returns the key that has signed the payload.
func (s *lineSignature) verifyBy(payload string, scheme Scheme, keys []Key) (*Key, lineKey, error) {
	candidates := s.candidates(keys)
	if len(candidates) == 0 {
		return nil, lineKey{}, errOtherKey
	}
	message, err := s.message(payload)
	if err != nil {
		return nil, lineKey{}, err
	}
	for _, key := range candidates {
		if public := key.public.(lineKey); ed25519.Verify(public.point, message, []byte(s.signature)) {
			signer := *key
			signer.Scheme = scheme
			return &signer, public, nil
		}
	}
	return nil, lineKey{}, errMismatch
}

// candidates returns the keys with the number that the signature names. There is usually one.
func (s *lineSignature) candidates(keys []Key) (found []*Key) {
	known := map[string]bool{}
	for i := range keys {
		public, ok := keys[i].public.(lineKey)
		if ok && public.number == s.number && !known[public.identity()] && len(found) < maxCandidates {
			known[public.identity()] = true
			found = append(found, &keys[i])
		}
	}
	return found
}

// message returns what was signed.
func (s *lineSignature) message(payload string) ([]byte, error) {
	if s.algorithm == plainEd25519 {
		return []byte(payload), nil
	}
	state, err := newBLAKE2b()
	if err != nil {
		return nil, err
	}
	return sum(state, payload), nil
}

// A minisignClaim is a signature of minisign.
type minisignClaim struct {
	lineSignature
	comment string // trusted if global verifies
	global  string // signature of the signature and the comment
}

// readMinisign reads a signature of minisign, which has four lines.
func readMinisign(content string) (claims []claim, ok bool, err error) {
	first, rest, ok := cutLineSignature(content)
	if !ok || !strings.HasPrefix(rest, trustedComment) {
		return nil, false, nil
	}
	lines := splitLines(rest)
	comment := strings.TrimPrefix(lines[0], trustedComment)
	global := ""
	if len(lines) > 1 {
		global, err = decodeBase64(lines[1])
	}
	switch {
	case err != nil || len(global) != ed25519.SignatureSize:
		return nil, true, errors.New("is a signature of minisign without the signature of its trusted comment")
	case strings.Join(lines[2:], "") != "":
		return nil, true, errBehind
	case !isPrintable(comment):
		return nil, true, errors.New("has a trusted comment that is not printable")
	}
	return []claim{&minisignClaim{first, comment, global}}, true, nil
}

func (c *minisignClaim) verify(payload string, options *Options) (*Signer, error) {
	key, public, err := c.verifyBy(payload, Minisign, options.Keys)
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(public.point, []byte(c.signature+c.comment), []byte(c.global)) {
		return nil, errors.New("has a trusted comment that was changed")
	}
	return &Signer{Key: key, Created: createdBy(c.comment), Note: commentNote(c.comment)}, nil
}

func commentNote(comment string) string {
	if comment == "" {
		return ""
	}
	return "trusted comment: " + strings.ReplaceAll(comment, "\t", " ")
}

// createdBy returns the time that minisign writes into a trusted comment, or zero.
func createdBy(comment string) time.Time {
	const maxSeconds = 253402300799 // the end of the year 9999
	text, ok := strings.CutPrefix(comment, "timestamp:")
	if !ok {
		return time.Time{}
	}
	text, _, _ = strings.Cut(text, "\t")
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil || seconds > maxSeconds {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// isPrintable reports whether a text can be shown as it is.
func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\t'
	})
}

// splitLines returns the lines of a text, without their ends.
func splitLines(text string) []string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], "\r")
	}
	return lines
}

func decodeBase64(text string) (string, error) {
	decoded, err := base64.StdEncoding.Strict().DecodeString(text)
	return string(decoded), err
}

// sum returns the digest of a text.
func sum(state hash.Hash, text string) []byte {
	const chunk = 64 << 10
	for len(text) > 0 {
		n := min(len(text), chunk)
		state.Write([]byte(text[:n]))
		text = text[n:]
	}
	return state.Sum(nil)
}
