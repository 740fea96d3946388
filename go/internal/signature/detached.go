//go:build checksig_modules

package signature

import (
	"cmp"
	"crypto/rsa"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const (
	future  = 5 * time.Minute // clocks differ by less
	minBits = 2048
	maxBits = 16384 // larger ones take too long
)

var errTooMuch = errors.New("takes too much work: there are too many signatures, or the keys are too large")

// weakHashes are those that prove nothing any more, by their numbers in RFC 9580.
var weakHashes = map[byte]string{1: "MD5", 2: "SHA-1", 3: "RIPEMD-160"}

// An openpgpClaim is a signature packet.
type openpgpClaim struct {
	*packet.Signature
	hashID byte
	text   *signedText // nil: the signature is not behind a text
}

// newClaim reads a signature packet.
func newClaim(body []byte, text *signedText) claim {
	if len(body) > 3 && body[0] >= 4 && weakHashes[body[3]] != "" {
		return unreadable{fmt.Errorf("uses %s, which proves nothing any more", weakHashes[body[3]])}
	}
	parsed, err := parse(rawPacket{signaturePacket, body})
	sig, ok := parsed.(*packet.Signature)
	if err != nil || !ok {
		return unreadable{fmt.Errorf("is an OpenPGP signature that cannot be read: %w", err)}
	}
	return &openpgpClaim{sig, body[3], text}
}

func (c *openpgpClaim) keyID() string {
	switch {
	case c.IssuerFingerprint != nil:
		return hexOf(c.IssuerFingerprint)
	case c.IssuerKeyId != nil:
		return fmt.Sprintf("%016X", *c.IssuerKeyId)
	}
	return ""
}

func (c *openpgpClaim) verify(payload string, options *Options) (*Signer, error) {
	if err := c.usable(payload); err != nil {
		return nil, err
	}
	err := errOtherKey
	for _, candidate := range options.work.candidates(c.issuer(), options.Keys) {
		if !c.CheckKeyIdOrFingerprint(candidate.part.key) {
			continue
		}
		signer, failed := c.verifyBy(candidate, payload, options)
		if failed == nil {
			return signer, nil
		}
		if err == errOtherKey || err == errMismatch {
			err = failed
		}
	}
	return nil, err
}

// issuer returns the ID of the key that the signature names, or 0.
func (c *openpgpClaim) issuer() uint64 {
	switch n := len(c.IssuerFingerprint); {
	case n == 20:
		return binary.BigEndian.Uint64(c.IssuerFingerprint[12:])
	case n == 32:
		return binary.BigEndian.Uint64(c.IssuerFingerprint)
	case c.IssuerKeyId != nil:
		return *c.IssuerKeyId
	}
	return 0
}

// usable returns an error if the signature is of no kind that counts for a manifest.
func (c *openpgpClaim) usable(payload string) error {
	switch c.SigType {
	case packet.SigTypeText:
		if c.text == nil && !isText(payload) {
			return errors.New("is for a text, and the manifest is in UTF-16 or binary")
		}
	case packet.SigTypeBinary:
		if c.text != nil {
			return errors.New("is not of the kind for a text")
		}
	default:
		return fmt.Errorf("is an OpenPGP signature of type 0x%02X, which is not for files", uint8(c.SigType))
	}
	if c.text != nil && !c.text.names(c.hashID, c.Version) {
		return errors.New("uses a hash algorithm that the header Hash: does not name")
	}
	if hasCriticalNotation(c.Signature) {
		return errors.New("has a critical notation that is not known")
	}
	return nil
}

// isText reports whether LF and CR LF can be the same in a manifest. In UTF-16 they are not.
func isText(payload string) bool {
	return !strings.Contains(payload, "\x00") && !strings.HasPrefix(payload, "\xff\xfe") && !strings.HasPrefix(payload, "\xfe\xff")
}

// names reports whether the headers of a signed text name a hash algorithm. Since version 6 they
// need not be there.
func (t *signedText) names(hashID byte, version int) bool {
	return slices.Contains(t.hashes, hashID) || len(t.hashes) == 0 && version >= 6
}

// verifyBy verifies the signature by one key of a certificate.
func (c *openpgpClaim) verifyBy(by candidate, payload string, options *Options) (*Signer, error) {
	if err := strong(by.part.key); err != nil {
		return nil, err
	}
	h, err := options.work.hash(c, payload)
	if err != nil {
		return nil, err
	}
	if !options.work.spend(by.part.key) {
		return nil, errTooMuch
	}
	if by.part.key.VerifySignature(h, c.Signature) != nil {
		return nil, errMismatch
	}
	if err := c.goodTime(by, options.Now); err != nil {
		return nil, err
	}
	signer, err := c.signer(by, options)
	if options.work.exhausted {
		return nil, errTooMuch
	}
	return signer, err
}

// goodTime returns an error if the signature does not count for its own times.
func (c *openpgpClaim) goodTime(by candidate, now time.Time) error {
	made := c.CreationTime.UTC()
	switch {
	case made.After(now.Add(future)):
		return fmt.Errorf("is from the future, %s: is the clock right?", made.Format(time.DateTime))
	case made.Before(by.part.key.CreationTime) || made.Before(by.certificate.primary.key.CreationTime):
		return errors.New("is older than its key")
	case c.SigLifetimeSecs == nil || *c.SigLifetimeSecs == 0:
		return nil
	}
	if end := made.Add(time.Duration(*c.SigLifetimeSecs) * time.Second); !now.Before(end) {
		return fmt.Errorf("expired on %s", end.Format(day))
	}
	return nil
}

// signer returns the signer of a signature that matches. The key must be good when it signed, or now.
func (c *openpgpClaim) signer(by candidate, options *Options) (*Signer, error) {
	cert := allCopies(by.key, options.Keys)
	if err := strong(cert.primary.key); err != nil {
		return nil, err
	}
	var subkey *component
	if by.part.key.IsSubkey {
		subkey = cert.part(*by.part)
	}
	user, failed := cert.goodAt(c.CreationTime, subkey, options.work)
	userNow, failedNow := cert.goodAt(options.Now, subkey, options.work)
	named := *by.key
	named.Name = cmp.Or(userNow, user, cert.firstUser())
	if failed != nil && failedNow != nil {
		return nil, fmt.Errorf("is by %s, %w", cmp.Or(named.Name, named.ID), moreTelling(failed, failedNow))
	}
	return &Signer{Key: &named, Created: c.CreationTime, Note: note(failedNow)}, nil
}

// moreTelling returns one of the errors of a key when it signed and now.
func moreTelling(failed, now error) error {
	if _, revoked := now.(*revokedError); revoked || failed == errNotBound || failed == errSubkey {
		return now
	}
	return failed
}

// note returns what has become of a key since it signed, or "".
func note(now error) string {
	switch now := now.(type) {
	case nil:
		return ""
	case *expiredError:
		return "the key has expired since, on " + now.since.UTC().Format(day)
	case *revokedError:
		return "the key was revoked since: " + now.reason
	}
	return "the key may not sign any more"
}

// strong returns an error if signatures by a key prove nothing, or take too long.
func strong(key *packet.PublicKey) error {
	switch key.PubKeyAlgo {
	case packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448:
		return strongPoint(key)
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		return strongRSA(key)
	case packet.PubKeyAlgoECDSA, packet.PubKeyAlgoEdDSA:
		return strongCurve(key)
	}
	return fmt.Errorf("is by a key of the algorithm %d, which does not count", key.PubKeyAlgo)
}

func strongRSA(key *packet.PublicKey) error {
	public, ok := key.PublicKey.(*rsa.PublicKey)
	if !ok {
		return errMismatch
	}
	if bits := public.N.BitLen(); bits < minBits || bits > maxBits {
		return fmt.Errorf("is by an RSA key of %d bits; those of %d to %d count", bits, minBits, maxBits)
	}
	return nil
}

func strongCurve(key *packet.PublicKey) error {
	curve, err := key.Curve()
	if err == nil && slices.Contains(curves, curve) {
		return strongPoint(key)
	}
	return fmt.Errorf("is by a key of the curve %q, which does not count", curve)
}

// strongPoint returns an error if anybody can sign for an Ed25519 key.
func strongPoint(key *packet.PublicKey) error {
	var point []byte
	switch public := key.PublicKey.(type) {
	case *ed25519.PublicKey:
		point = public.Point
	case *eddsa.PublicKey:
		if len(public.X) == 32 { // else it is of Ed448
			point = public.X
		}
	}
	if point == nil {
		return nil
	}
	if _, err := newEd25519(string(point)); err != nil {
		return fmt.Errorf("is by a key that does not count: %w", err)
	}
	return nil
}

var curves = []packet.Curve{
	packet.Curve25519, packet.Curve448, packet.CurveNistP256, packet.CurveNistP384, packet.CurveNistP521,
	packet.CurveBrainpoolP256, packet.CurveBrainpoolP384, packet.CurveBrainpoolP512,
}
