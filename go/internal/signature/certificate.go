//go:build checksig_modules

package signature

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// A certificate is an OpenPGP key with what it says of itself. Nothing of it is verified when it
// is read. Later nothing of it is changed, so that one key may verify several manifests at a time.
type certificate struct {
	primary *component
	users   []*component
	subkeys []*component
	parts   map[string]*component // users and subkeys by their names
}

// A component is a primary key, a subkey or a user ID, with the signatures of the primary key.
type component struct {
	key         *packet.PublicKey // of a user ID: nil
	user        string
	bindings    []*packet.Signature // they say when it is valid, and for what
	revocations []*packet.Signature
	unreadable  bool // there is a revocation that cannot be read
}

var (
	errNoKey      = errors.New("has no OpenPGP key of version 4 or 6 that can be read")
	errRevocation = errors.New("has the revocation of a key that is not in this file; put both into one file")
)

// certificates returns a key for each certificate. What cannot be read is left out. Copies of one
// certificate are one. Revocations are signatures that are in a block of their own.
func certificates(packets, revocations []rawPacket) ([]Key, error) {
	var all []*certificate
	known := map[string]*certificate{}
	for i, p := range packets {
		if p.tag != publicPacket {
			continue
		}
		key := readKey(p)
		if key == nil {
			continue
		}
		c := known[hexOf(key.Fingerprint)]
		if c == nil {
			c = newCertificate(key)
			known[c.fingerprint()] = c
			all = append(all, c)
		}
		c.read(packets[i+1:])
	}
	byID := map[uint64][]*certificate{}
	for _, c := range all {
		byID[c.primary.key.KeyId] = append(byID[c.primary.key.KeyId], c)
	}
	revoke(byID, packets)
	switch {
	case !revoke(byID, revocations):
		return nil, errRevocation
	case len(all) == 0:
		return nil, errNoKey
	}
	keys := make([]Key, len(all))
	for i, c := range all {
		keys[i] = Key{Scheme: OpenPGP, ID: c.fingerprint(), Name: c.firstUser(), public: c}
	}
	return keys, nil
}

func newCertificate(key *packet.PublicKey) *certificate {
	return &certificate{primary: &component{key: key}, parts: map[string]*component{}}
}

// read adds what the packets behind the primary key have.
func (c *certificate) read(packets []rawPacket) {
	current := c.primary // nil: signatures belong to something that is not known
	for _, p := range packets {
		switch p.tag {
		case publicPacket:
			return
		case signaturePacket:
			c.addSignature(current, p)
		case userPacket:
			current = c.part(component{user: string(p.body)})
		case subkeyPacket:
			current = nil
			if subkey := readKey(p); subkey != nil {
				current = c.part(component{key: subkey})
			}
		case attributePacket:
			current = nil
		}
	}
}

// part returns the user ID or subkey of the certificate that is the given one.
func (c *certificate) part(one component) *component {
	name := "user " + one.user
	if one.key != nil {
		name = "key " + hexOf(one.key.Fingerprint)
	}
	part := c.parts[name]
	if part == nil {
		part = &component{key: one.key, user: one.user}
		c.parts[name] = part
		if one.key != nil {
			c.subkeys = append(c.subkeys, part)
		} else {
			c.users = append(c.users, part)
		}
	}
	return part
}

// parse reads one packet. With an error it returns what could be read of it.
func parse(p rawPacket) (packet.Packet, error) {
	n := len(p.body)
	header := []byte{0xC0 | byte(p.tag), 255, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	return packet.Read(bytes.NewReader(append(header, p.body...)))
}

func readKey(p rawPacket) *packet.PublicKey {
	parsed, err := parse(p)
	key, ok := parsed.(*packet.PublicKey)
	if err != nil || !ok {
		return nil
	}
	return key
}

// addSignature adds a signature to the component that it is behind. The signatures of others are
// left out, and so are revocations of the primary key, which may be anywhere.
func (c *certificate) addSignature(current *component, p rawPacket) {
	parsed, err := parse(p)
	sig, ok := parsed.(*packet.Signature)
	if !ok {
		return
	}
	if err != nil {
		c.addUnreadable(current, p.body, err)
		return
	}
	if current == nil || !sig.CheckKeyIdOrFingerprint(c.primary.key) {
		return
	}
	bindings, revocation := current.types()
	switch {
	case slices.Contains(bindings, sig.SigType):
		current.bindings = append(current.bindings, sig)
	case sig.SigType == revocation && current != c.primary:
		current.revocations = append(current.revocations, sig)
	}
}

// addUnreadable marks a component if a signature that cannot be read, such as one of version 3 or
// with MD5, revokes it. Who made it is not known; so it counts.
func (c *certificate) addUnreadable(current *component, body []byte, err error) {
	var unsupported pgperrors.UnsupportedError
	if !errors.As(err, &unsupported) || len(body) < 3 {
		return
	}
	kind := packet.SignatureType(body[1])
	if body[0] < 4 {
		kind = packet.SignatureType(body[2])
	}
	if kind == packet.SigTypeKeyRevocation {
		current = c.primary
	}
	if current == nil {
		return
	}
	if _, revocation := current.types(); kind == revocation || kind == packet.SigTypeKeyRevocation {
		current.unreadable = true
	}
}

// types returns the types of the signatures that bind a component, and of those that revoke it.
func (c *component) types() (bindings []packet.SignatureType, revocation packet.SignatureType) {
	switch {
	case c.key == nil:
		return []packet.SignatureType{
			packet.SigTypeGenericCert, packet.SigTypePersonaCert, packet.SigTypeCasualCert, packet.SigTypePositiveCert,
		}, packet.SigTypeCertificationRevocation
	case c.key.IsSubkey:
		return []packet.SignatureType{packet.SigTypeSubkeyBinding}, packet.SigTypeSubkeyRevocation
	}
	return []packet.SignatureType{packet.SigTypeDirectSignature}, packet.SigTypeKeyRevocation
}

// revoke adds the revocations of primary keys to their certificates, wherever they are, and reports
// whether all could be added.
func revoke(byID map[uint64][]*certificate, packets []rawPacket) bool {
	all := true
	for _, p := range packets {
		if p.tag != signaturePacket || len(p.body) < 2 || packet.SignatureType(p.body[1]) != packet.SigTypeKeyRevocation {
			continue
		}
		parsed, err := parse(p)
		sig, ok := parsed.(*packet.Signature)
		if err != nil || !ok || sig.IssuerKeyId == nil || len(byID[*sig.IssuerKeyId]) == 0 {
			all = false
			continue
		}
		for _, c := range byID[*sig.IssuerKeyId] {
			c.primary.revocations = append(c.primary.revocations, sig)
		}
	}
	return all
}

// merge adds what another copy of the certificate has.
func (c *certificate) merge(other *certificate) {
	c.primary.merge(other.primary)
	for _, part := range slices.Concat(other.users, other.subkeys) {
		c.part(*part).merge(part)
	}
}

func (c *component) merge(other *component) {
	c.bindings = append(c.bindings, other.bindings...)
	c.revocations = append(c.revocations, other.revocations...)
	c.unreadable = c.unreadable || other.unreadable
}

// fingerprint returns the fingerprint of the primary key.
func (c *certificate) fingerprint() string { return hexOf(c.primary.key.Fingerprint) }

func hexOf(id []byte) string { return fmt.Sprintf("%X", id) }

// firstUser returns the first user ID, which nobody need have signed.
func (c *certificate) firstUser() string {
	if len(c.users) == 0 {
		return ""
	}
	return printable(c.users[0].user)
}

// printable returns a text without what would change a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}
