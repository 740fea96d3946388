package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// The sizes of RSA keys in bits: smaller ones prove nothing, larger ones take too long.
const (
	minModulus = 2048
	maxModulus = 16384
)

const userPresent = 1 // a flag of FIDO: somebody touched the key

var errNotPresent = errors.New("is by a FIDO key that does not say that a person was there")

// An sshKey is a public key of SSH.
type sshKey struct {
	blob      string // in the format of RFC 4253
	verifier  sshVerifier
	allowance *allowance // of allowed_signers; nil: everything
}

// An sshVerifier verifies what one type of keys has signed. The signature is what follows the
// name of its algorithm.
type sshVerifier interface {
	verify(algorithm string, message []byte, signature *sshReader) error
}

// identity is that of the same key in minisign, if there can be one.
func (k *sshKey) identity() string {
	if plain, ok := k.verifier.(sshEd25519); ok {
		return lineKey{point: plain.point}.identity()
	}
	return "ssh " + k.blob
}

// fingerprint returns the ID of a key, as ssh-keygen -l shows it.
func fingerprint256(blob string) string {
	digest := sha256.Sum256([]byte(blob))
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(digest[:])
}

// sshTypes has the types of keys, and what reads one.
var sshTypes = map[string]func(*sshReader) (sshVerifier, error){
	"ssh-ed25519":                        readSSHEd25519,
	"ssh-rsa":                            readSSHRSA,
	"ecdsa-sha2-nistp256":                readSSHECDSA,
	"ecdsa-sha2-nistp384":                readSSHECDSA,
	"ecdsa-sha2-nistp521":                readSSHECDSA,
	"sk-ssh-ed25519@openssh.com":         readFIDO,
	"sk-ecdsa-sha2-nistp256@openssh.com": readFIDO,
}

// newSSHKey returns the key of a type that is in a blob.
func newSSHKey(kind, blob string) (*sshKey, error) {
	read := sshTypes[kind]
	if read == nil {
		return nil, unsupportedType(kind)
	}
	r := &sshReader{rest: blob}
	if r.string() != kind {
		return nil, fmt.Errorf("is not a key of the type %s", kind)
	}
	r.kind = kind
	verifier, err := read(r)
	if err == nil && !r.done() {
		err = fmt.Errorf("is not a key of the type %s", kind)
	}
	return &sshKey{blob: blob, verifier: verifier}, err
}

func unsupportedType(kind string) error {
	switch {
	case kind == "ssh-dss":
		return errors.New("is a DSA key, which proves nothing any more")
	case strings.Contains(kind, "-cert-"):
		return errors.New("is a certificate of SSH, which is not supported; give the key itself")
	default:
		return fmt.Errorf("is a key of the type %q, which is not supported", kind)
	}
}

// sshEd25519 is ssh-ed25519.
type sshEd25519 struct{ point ed25519.PublicKey }

func readSSHEd25519(r *sshReader) (sshVerifier, error) {
	point, err := newEd25519(r.string())
	return sshEd25519{point}, err
}

func (k sshEd25519) verify(algorithm string, message []byte, signature *sshReader) error {
	if algorithm != "ssh-ed25519" || !ed25519.Verify(k.point, message, []byte(signature.string())) {
		return errMismatch
	}
	return nil
}

// sshECDSA is ecdsa-sha2-nistp*.
type sshECDSA struct {
	algorithm string
	hash      crypto.Hash
	key       *ecdsa.PublicKey
}

func readSSHECDSA(r *sshReader) (sshVerifier, error) { return readECDSA(r.kind, r) }

func readECDSA(algorithm string, r *sshReader) (*sshECDSA, error) {
	k := &sshECDSA{algorithm: algorithm}
	name := r.string()
	if !strings.HasSuffix(strings.TrimSuffix(algorithm, "@openssh.com"), "-"+name) {
		return nil, errors.New("is a key whose curve is not that of its type")
	}
	var curve elliptic.Curve
	switch name {
	case "nistp256":
		curve, k.hash = elliptic.P256(), crypto.SHA256
	case "nistp384":
		curve, k.hash = elliptic.P384(), crypto.SHA384
	default:
		curve, k.hash = elliptic.P521(), crypto.SHA512
	}
	var err error
	if k.key, err = ecdsa.ParseUncompressedPublicKey(curve, []byte(r.string())); err != nil {
		return nil, errors.New("is an ECDSA key whose point is not on its curve")
	}
	return k, nil
}

func (k *sshECDSA) verify(algorithm string, message []byte, signature *sshReader) error {
	pair := &sshReader{rest: signature.string()}
	r, s := pair.integer(), pair.integer()
	if algorithm != k.algorithm || !pair.done() || !ecdsa.Verify(k.key, digest(k.hash, message), r, s) {
		return errMismatch
	}
	return nil
}

func digest(kind crypto.Hash, message []byte) []byte {
	state := kind.New()
	state.Write(message)
	return state.Sum(nil)
}

// sshRSA is ssh-rsa.
type sshRSA struct{ key *rsa.PublicKey }

func readSSHRSA(r *sshReader) (sshVerifier, error) {
	const maxExponent = 1 << 31
	exponent, modulus := r.integer(), r.integer()
	switch size := modulus.BitLen(); {
	case r.failed:
		return nil, errors.New("is not a key of the type ssh-rsa")
	case size < minModulus:
		return nil, fmt.Errorf("is an RSA key of %d bits; below %d they prove nothing any more", size, minModulus)
	case size > maxModulus:
		return nil, fmt.Errorf("is an RSA key of more than %d bits", maxModulus)
	case exponent.Cmp(big.NewInt(3)) < 0 || exponent.Cmp(big.NewInt(maxExponent)) >= 0 || exponent.Bit(0) == 0:
		return nil, errors.New("is an RSA key with an unusable exponent")
	}
	return sshRSA{&rsa.PublicKey{N: modulus, E: int(exponent.Int64())}}, nil
}

func (k sshRSA) verify(algorithm string, message []byte, signature *sshReader) error {
	var kind crypto.Hash
	switch algorithm {
	case "rsa-sha2-256":
		kind = crypto.SHA256
	case "rsa-sha2-512":
		kind = crypto.SHA512
	case "ssh-rsa":
		return errors.New("uses SHA-1, which proves nothing any more")
	default:
		return errMismatch
	}
	value := []byte(signature.string())
	if len(value) > k.key.Size() {
		return errMismatch
	}
	padded := make([]byte, k.key.Size())
	copy(padded[len(padded)-len(value):], value)
	if rsa.VerifyPKCS1v15(k.key, kind, digest(kind, message), padded) != nil {
		return errMismatch
	}
	return nil
}

// A fidoKey signs on a device, which tells what its user did.
type fidoKey struct {
	inner       sshVerifier
	algorithm   string
	application string
}

func readFIDO(r *sshReader) (verifier sshVerifier, err error) {
	k := fidoKey{algorithm: r.kind}
	if r.kind == "sk-ssh-ed25519@openssh.com" {
		k.inner, err = readSSHEd25519(r)
	} else {
		k.inner, err = readECDSA(r.kind, r)
	}
	k.application = r.string()
	return k, err
}

func (k fidoKey) verify(algorithm string, message []byte, signature *sshReader) error {
	if algorithm != k.algorithm {
		return errMismatch
	}
	if plain, ok := k.inner.(sshEd25519); ok {
		return k.verifyBy(plain, "ssh-ed25519", message, signature)
	}
	return k.verifyBy(k.inner, algorithm, message, signature)
}

// verifyBy verifies what the device signs: also the application, flags, and a counter.
func (k fidoKey) verifyBy(inner sshVerifier, algorithm string, message []byte, signature *sshReader) error {
	value := &sshReader{rest: signature.rest}
	signature.string()
	flags, counter := signature.byte(), signature.uint32()
	application, hashed := sha256.Sum256([]byte(k.application)), sha256.Sum256(message)
	signed := append(application[:], flags)
	signed = binary.BigEndian.AppendUint32(signed, counter)
	signed = append(signed, hashed[:]...)
	if err := inner.verify(algorithm, signed, value); err != nil {
		return err
	}
	if flags&userPresent == 0 {
		return errNotPresent
	}
	return nil
}

// An sshReader reads the encoding of SSH, RFC 4251. Past the end it gives nothing, and fails.
type sshReader struct {
	rest   string
	failed bool
	kind   string // of the key that is read
}

func (r *sshReader) bytes(n uint32) string {
	if uint64(n) > uint64(len(r.rest)) {
		r.rest, r.failed = "", true
		return ""
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *sshReader) byte() byte {
	if taken := r.bytes(1); taken != "" {
		return taken[0]
	}
	return 0
}

func (r *sshReader) uint32() uint32 {
	if taken := r.bytes(4); taken != "" {
		return binary.BigEndian.Uint32([]byte(taken))
	}
	return 0
}

func (r *sshReader) string() string { return r.bytes(r.uint32()) }

// integer reads a number that is not negative.
func (r *sshReader) integer() *big.Int {
	taken := r.string()
	if len(taken) > maxModulus/8+1 || taken != "" && taken[0] >= 0x80 {
		r.failed = true
		taken = ""
	}
	return new(big.Int).SetBytes([]byte(taken))
}

// done reports whether everything was read, and nothing was missing.
func (r *sshReader) done() bool { return !r.failed && r.rest == "" }
