package signature

import (
	"errors"
	"regexp"
	"strings"
)

var (
	errFingerprint = errors.New("is a fingerprint or key ID, which proves nothing; give the key itself: gpg --export ID")
	errKeybox      = errors.New("is a keybox of GnuPG; export the key: gpg --export ID")
	errPrivate     = errors.New("has a private key, which is to stay secret; give the public key: gpg --export ID")
	errMessage     = errors.New("is a PGP message, which has the text in it; sign with gpg --detach-sign or gpg --clear-sign")
	errKey         = errors.New("is an OpenPGP key, not a signature")
	errSignature   = errors.New("is an OpenPGP signature, not a key")
	errSignedText  = errors.New("has a text and its signature, which is for that text alone; verify it as the manifest")
	errManyKeys    = errors.New("has more than 10000 OpenPGP keys and subkeys")
	errMany        = errors.New("has more than 1000 OpenPGP signatures")
)

const (
	maxSignatures = 1000   // in a file
	maxKeys       = 10_000 // and subkeys, in a file
)

var (
	fingerprint = regexp.MustCompile(`^(0[xX])?[0-9A-Fa-f]+$`)
	blanks      = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "", "\u00a0", "", ":", "")
)

// isFingerprint reports whether a key file has only a key ID or a fingerprint.
func isFingerprint(content string) bool {
	if len(content) > 200 {
		return false
	}
	digits := blanks.Replace(content)
	if !fingerprint.MatchString(digits) {
		return false
	}
	switch len(strings.TrimPrefix(strings.ToLower(digits), "0x")) {
	case 8, 16, 40, 64:
		return true
	}
	return false
}

// isKeybox reports whether a key file is a .kbx of GnuPG.
func isKeybox(content string) bool {
	return len(content) > 12 && content[8:12] == "KBXf"
}

// openpgpBlocks returns the armor blocks of a file, or the file itself if it is binary.
func openpgpBlocks(content string) []block {
	if isBinary(content) {
		return []block{{data: []byte(content)}}
	}
	return armorBlocks(content)
}

// isBinary reports whether content begins with a packet of a key, a signature or a message.
func isBinary(content string) bool {
	if content == "" {
		return false
	}
	tag, length, header := packetHeader([]byte(content[:min(len(content), 8)]))
	if header == 0 || length > int64(len(content)-header) {
		return false
	}
	switch tag {
	case signaturePacket, markerPacket, publicPacket, secretPacket:
		return length > 0
	}
	return isMessage(tag)
}

// openpgpKeys reads the OpenPGP keys of a key file.
func openpgpKeys(content string) (keys []Key, ok bool, err error) {
	switch {
	case isFingerprint(content):
		return nil, true, errFingerprint
	case isKeybox(content):
		return nil, true, errKeybox
	}
	blocks := openpgpBlocks(content)
	if len(blocks) == 0 {
		return nil, false, nil
	}
	var packets, revocations []rawPacket
	for _, b := range blocks {
		found, err := keyPackets(b)
		switch {
		case err != nil:
			return nil, true, err
		case len(found) > 0 && found[0].tag == signaturePacket:
			revocations = append(revocations, found...)
		default:
			packets = append(packets, found...)
		}
	}
	if len(packets)+len(revocations) == 0 {
		return nil, true, errSignature
	}
	if countKeys(packets) > maxKeys {
		return nil, true, errManyKeys
	}
	keys, err = certificates(packets, revocations)
	return keys, true, err
}

func countKeys(packets []rawPacket) int {
	count := 0
	for _, p := range packets {
		if p.tag == publicPacket || p.tag == subkeyPacket {
			count++
		}
	}
	return count
}

// keyPackets returns the packets of a block of keys, and nothing for another block.
func keyPackets(b block) ([]rawPacket, error) {
	switch {
	case b.kind == privateBlock:
		return nil, errPrivate
	case b.kind != publicBlock && b.kind != "":
		return nil, nil
	case b.err != nil:
		return nil, b.err
	}
	packets, err := packetsOf(b.data)
	for _, p := range packets {
		if p.tag == secretPacket || p.tag == secretSubpacket {
			return nil, errPrivate
		}
	}
	if b.kind == "" && len(packets) > 0 && packets[0].tag != publicPacket {
		return nil, nil
	}
	return packets, err
}

// openpgpClaims reads the OpenPGP signatures of a file beside a manifest.
func openpgpClaims(content string) (claims []claim, ok bool, err error) {
	blocks := openpgpBlocks(content)
	for _, b := range blocks {
		found, failed := signaturesOf(b, nil)
		claims = append(claims, found...)
		if err == nil {
			err = failed
		}
		if b.kind == signedBlock { // what follows is its signature
			break
		}
		if len(claims) > maxSignatures {
			return nil, true, errMany
		}
	}
	return claims, len(blocks) > 0, err
}

// signaturesOf returns the signatures of a block, behind a signed text or, without one, of another
// file. With an error it returns those before it.
func signaturesOf(b block, text *signedText) (claims []claim, err error) {
	switch b.kind {
	case signatureBlock, "":
	case publicBlock, privateBlock:
		return nil, errKey
	case signedBlock:
		return nil, errSignedText
	default:
		return nil, errMessage
	}
	if b.err != nil {
		return nil, b.err
	}
	packets, err := packetsOf(b.data)
	for _, p := range packets {
		switch {
		case isMessage(p.tag):
			return nil, errMessage
		case p.tag == signaturePacket && len(claims) <= maxSignatures:
			claims = append(claims, newClaim(p.body, text))
		case p.tag == publicPacket || p.tag == secretPacket:
			return nil, errKey
		}
	}
	return claims, err
}

// openpgpEnvelope takes apart a manifest with a cleartext signature. A message is refused.
func openpgpEnvelope(content string) (payload string, claims []claim, ok bool, err error) {
	if strings.Contains(content, armorBegin+signedBlock+armorDash) {
		payload, claims, err = cleartext(content)
		return payload, claims, true, err
	}
	blocks := openpgpBlocks(content[:min(len(content), MaxFile)])
	if len(blocks) > 0 && (blocks[0].kind == messageBlock || blocks[0].kind == "") {
		if _, err := signaturesOf(blocks[0], nil); err == errMessage {
			return "", nil, true, err
		}
	}
	return "", nil, false, nil
}
