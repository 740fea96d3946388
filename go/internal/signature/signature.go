// Package signature verifies the signatures of manifests by keys that the caller trusts: those
// of OpenPGP, SSH, minisign and signify. It takes bytes and gives a verdict. It opens no file,
// reads no clock, and uses no network. The rules are in docs/format.md, section 10.
package signature

import (
	"cmp"
	"strings"
	"time"
)

// A Scheme is a kind of keys and signatures.
type Scheme string

// The schemes. Their names are those that reports have.
const (
	OpenPGP  Scheme = "openpgp"
	SSH      Scheme = "ssh"
	Minisign Scheme = "minisign"
	Signify  Scheme = "signify"
)

// A File is a manifest or a signature file: its name, for messages, and its content.
type File struct{ Name, Content string }

// A Key is a public key that the caller trusts.
type Key struct {
	Scheme Scheme
	ID     string // OpenPGP: the fingerprint of the primary key; SSH: "SHA256:..."; else the key number
	Name   string // what the key file calls its owner: a user ID, a principal, a comment; or ""

	public publicKey
}

// A publicKey is the part of a key that its scheme knows.
type publicKey any

// CountKeys returns how many distinct keys there are.
func CountKeys(keys []Key) int {
	known := map[string]bool{}
	for i := range keys {
		known[keys[i].identity()] = true
	}
	return len(known)
}

// identity is the same for two keys that are one, whatever they are called.
func (k *Key) identity() string {
	if public, ok := k.public.(interface{ identity() string }); ok {
		return public.identity()
	}
	return string(k.Scheme) + " " + k.ID
}

// label returns what a message calls the key.
func (k *Key) label() string { return cmp.Or(k.Name, shortID(k.ID)) }

// shortID returns the ends of an ID that is long.
func shortID(id string) string {
	const shown = 4
	kind, digits := "", id
	if at := strings.IndexByte(id, ':'); at >= 0 {
		kind, digits = id[:at+1], id[at+1:]
	}
	if len(digits) <= 16 {
		return id
	}
	return kind + digits[:shown] + "…" + digits[len(digits)-shown:]
}

// Options say whose signatures count, and when.
type Options struct {
	Keys      []Key
	Min       int       // how many distinct keys must have signed; 0 is 1
	Namespace string    // of SSH signatures; "": "file"
	Now       time.Time // the time of the verification

	digests map[string][]byte // of the payload, for SSH

	work *work // what this verification has cost
}

// A Signer is a key whose signature counts.
type Signer struct {
	Key     *Key
	File    string    // the name of the file that has the signature: the manifest's own, or another
	Created time.Time // when it was made, as the signature says; zero if it does not
	Note    string    // what else is worth knowing, such as that the key has expired since; or ""
}

// An Error says that a manifest is not shown to be signed by enough of the keys.
type Error struct {
	Reason  string
	Claimed []string // the IDs of the keys that the signatures name, which is not verified
}

func (e *Error) Error() string { return e.Reason }

// A claim is one signature, of which nothing is verified yet.
type claim interface {
	// keyID returns the ID of the key that the signature names, or "".
	keyID() string
	// verify returns who signed the payload. The error is why the signature does not count;
	// errOtherKey if it is by none of the keys.
	verify(payload string, options *Options) (*Signer, error)
}
