//go:build checksig_modules

package signature

import (
	"bufio"
	"crypto/rsa"
	"hash"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// The work of one call, in units of about 50 µs.
const (
	maxWork     = 20_000
	hashedBytes = 256 << 10 // that are hashed for one unit, more or less
)

// work is what the verification of one manifest has cost, and what it need not do again.
type work struct {
	units     int
	exhausted bool
	keys      map[uint64][]candidate
	digests   map[digestKind]hash.Cloner
	verified  map[selfSignature]bool
}

// A selfSignature is a signature of a key on a part of its certificate.
type selfSignature struct {
	signature *packet.Signature
	part      *component
}

// A candidate is a key that may have made a signature.
type candidate struct {
	key         *Key
	certificate *certificate
	part        *component
}

// A digestKind says what is hashed how. Signatures of one kind begin with the same digest.
type digestKind struct {
	algorithm      string
	text, envelope bool
}

// candidates returns the keys with an ID.
func (w *work) candidates(id uint64, keys []Key) []candidate {
	if w.keys == nil {
		w.keys = map[uint64][]candidate{}
		for i := range keys {
			if cert, ok := keys[i].public.(*certificate); ok {
				w.addCandidate(candidate{&keys[i], cert, cert.primary})
				for _, subkey := range cert.subkeys {
					w.addCandidate(candidate{&keys[i], cert, subkey})
				}
			}
		}
	}
	return w.keys[id]
}

func (w *work) addCandidate(c candidate) {
	w.keys[c.part.key.KeyId] = append(w.keys[c.part.key.KeyId], c)
}

// spend counts one verification by a key, and reports whether it may be done.
func (w *work) spend(key *packet.PublicKey) bool { return w.spendUnits(cost(key)) }

func (w *work) spendUnits(units int) bool {
	w.units += units
	w.exhausted = w.exhausted || w.units > maxWork
	return !w.exhausted
}

// remember keeps whether a key made a signature on a part of itself.
func (w *work) remember(self selfSignature, made bool) {
	if w.verified == nil {
		w.verified = map[selfSignature]bool{}
	}
	w.verified[self] = made
}

// cost returns what a verification takes, in units.
func cost(key *packet.PublicKey) int {
	if public, ok := key.PublicKey.(*rsa.PublicKey); ok {
		size := public.N.BitLen()/minBits + 1
		return size * size
	}
	curve, _ := key.Curve()
	switch curve {
	case packet.Curve25519, packet.CurveNistP256:
		return 2
	case packet.CurveNistP384, packet.CurveNistP521, packet.Curve448:
		return 80
	}
	return 200
}

// hash returns the digest of a manifest with which that of a signature begins.
func (w *work) hash(c *openpgpClaim, payload string) (hash.Hash, error) {
	kind := digestKind{c.Hash.String(), c.SigType == packet.SigTypeText, c.text != nil}
	if known := w.digests[kind]; known != nil && c.Salt() == nil {
		return known.Clone()
	}
	h, err := c.PrepareVerify()
	if err != nil {
		return nil, err
	}
	if !w.spendUnits(len(payload) / hashedBytes) {
		return nil, errTooMuch
	}
	writePayload(h, payload, kind)
	cloner, ok := h.(hash.Cloner)
	if !ok || c.Salt() != nil {
		return h, nil
	}
	if w.digests == nil {
		w.digests = map[digestKind]hash.Cloner{}
	}
	w.digests[kind] = cloner
	return cloner.Clone()
}

// writePayload writes what is signed of a manifest: of a text all lines end with CR LF, and the end of
// the last one is not signed if the signature is behind it.
func writePayload(h hash.Hash, payload string, kind digestKind) {
	w := bufio.NewWriterSize(h, 64<<10)
	defer w.Flush()
	if kind.envelope {
		payload = strings.TrimSuffix(payload, "\n")
	}
	for kind.text {
		line, rest, ok := strings.Cut(payload, "\n")
		if !ok {
			break
		}
		w.WriteString(strings.TrimSuffix(line, "\r"))
		w.WriteString("\r\n")
		payload = rest
	}
	w.WriteString(payload)
}

// allCopies returns a certificate with what all keys with its ID have.
func allCopies(key *Key, keys []Key) *certificate {
	first := key.public.(*certificate)
	var all *certificate
	for i := range keys {
		other, ok := keys[i].public.(*certificate)
		if !ok || other == first || keys[i].ID != key.ID {
			continue
		}
		if all == nil {
			all = newCertificate(first.primary.key)
			all.merge(first)
		}
		all.merge(other)
	}
	if all == nil {
		return first
	}
	return all
}
