package signature

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strings"
)

const (
	sshBegin = "-----BEGIN SSH SIGNATURE-----"
	sshEnd   = "-----END SSH SIGNATURE-----"
	sshMagic = "SSHSIG"

	sshVersion       = 1
	maxBlocks        = 64 // SSH signatures in a file
	defaultNamespace = "file"
)

var errNotSSH = errors.New("is not a signature of SSH")

// sshHashes are the digests that may be signed.
var sshHashes = map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New}

// An sshClaim is a signature of SSH, as ssh-keygen -Y sign writes it.
type sshClaim struct {
	blob, namespace, hash string
	algorithm, signature  string
}

// readSSH reads the signatures of SSH, one behind the other.
func readSSH(content string) (claims []claim, ok bool, err error) {
	rest := content
	for strings.HasPrefix(rest, sshBegin) {
		body, behind, found := strings.Cut(rest[len(sshBegin):], "\n"+sshEnd)
		switch {
		case !found:
			return nil, true, errors.New("is a signature of SSH without its end")
		case len(claims) == maxBlocks:
			return nil, true, fmt.Errorf("has more than %d signatures of SSH", maxBlocks)
		}
		claims = append(claims, newSSHClaim(body))
		rest = strings.TrimLeft(behind, "\r\n")
		if rest == behind && rest != "" {
			break
		}
	}
	switch {
	case len(claims) == 0:
		return nil, false, nil
	case rest != "":
		return nil, true, errBehind
	}
	return claims, true, nil
}

// newSSHClaim reads the base64 of a signature.
func newSSHClaim(body string) claim {
	decoded, err := decodeBase64(strings.NewReplacer("\r", "", "\n", "", " ", "", "\t", "").Replace(body))
	magic := &sshReader{rest: decoded}
	if err != nil || magic.bytes(uint32(len(sshMagic))) != sshMagic {
		return unreadable{errNotSSH}
	}
	r := magic
	if version := r.uint32(); version != sshVersion {
		return unreadable{fmt.Errorf("is a signature of SSH of the version %d, not %d", version, sshVersion)}
	}
	c := &sshClaim{blob: r.string(), namespace: r.string()}
	r.string() // reserved
	c.hash = r.string()
	signature := &sshReader{rest: r.string()}
	c.algorithm, c.signature = signature.string(), signature.rest
	switch {
	case !r.done() || signature.failed:
		return unreadable{errNotSSH}
	case sshHashes[c.hash] == nil:
		return unreadable{fmt.Errorf("is a signature of SSH over a digest of the kind %q, not sha256 or sha512", c.hash)}
	}
	return c
}

func (c *sshClaim) keyID() string { return fingerprint256(c.blob) }

func (c *sshClaim) verify(payload string, options *Options) (*Signer, error) {
	verified := false
	refused := errOtherKey
	for i := range options.Keys {
		public, ok := options.Keys[i].public.(*sshKey)
		if !ok || public.blob != c.blob {
			continue
		}
		if !verified {
			if err := c.verifyBy(public, payload, options); err != nil {
				return nil, err
			}
			verified = true
		}
		if err := public.allowance.check(c.namespace, options); err != nil {
			refused = err
			continue
		}
		return &Signer{Key: &options.Keys[i]}, nil
	}
	return nil, refused
}

// verifyBy verifies the signature of a payload by a key.
func (c *sshClaim) verifyBy(key *sshKey, payload string, options *Options) error {
	wanted := options.Namespace
	if wanted == "" {
		wanted = defaultNamespace
	}
	if c.namespace != wanted {
		return fmt.Errorf("is for the namespace %q, not %q", c.namespace, wanted)
	}
	message := []byte(sshMagic)
	for _, part := range []string{c.namespace, "", c.hash, string(options.digest(c.hash, payload))} {
		message = binary.BigEndian.AppendUint32(message, uint32(len(part)))
		message = append(message, part...)
	}
	signature := &sshReader{rest: c.signature}
	if err := key.verifier.verify(c.algorithm, message, signature); err != nil {
		return err
	}
	if !signature.done() {
		return errMismatch
	}
	return nil
}

// digest returns a digest of the payload, which all signatures of one call share.
func (o *Options) digest(kind, payload string) []byte {
	if o.digests == nil {
		o.digests = map[string][]byte{}
	}
	if o.digests[kind] == nil {
		o.digests[kind] = sum(sshHashes[kind](), payload)
	}
	return o.digests[kind]
}
