package signature

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Limits of what is read.
const (
	MaxFile = 1 << 20 // bytes of a signature file beside a manifest
	MaxKeys = 8 << 20 // bytes of a key file
)

// errOtherKey is why a signature by a key that the caller did not give does not count.
var errOtherKey = errors.New("by another key")

// The kinds of signatures and keys. Each function reports whether the content is of its kind;
// if it is, an error says what is wrong with it.
var (
	// keyReaders read the keys of a key file.
	keyReaders = []func(content string) (keys []Key, ok bool, err error){openpgpKeys}
	// claimReaders read the signatures of a signature file.
	claimReaders = []func(content string) (claims []claim, ok bool, err error){openpgpClaims}
	// envelopes take apart a file that has a message and its signatures.
	envelopes = []func(content string) (payload string, claims []claim, ok bool, err error){openpgpEnvelope}
)

// ParseKeys returns the public keys in the content of a key file.
func ParseKeys(content string) ([]Key, error) {
	for _, read := range keyReaders {
		if keys, ok, err := read(content); ok {
			return keys, err
		}
	}
	return nil, errors.New("no public key of OpenPGP, SSH, minisign or signify was recognized")
}

// Verify verifies a manifest with the signatures that are in it and in the files beside it. It
// returns the signed text, which alone may be parsed, and its signers: distinct keys, at least
// options.Min. The error is an [*Error].
func Verify(manifest File, beside []File, options Options) (payload string, signers []Signer, err error) {
	payload, all, err := open(manifest, beside)
	if err != nil {
		return "", nil, err
	}
	options.work = &work{}
	signers, failed := verifyAll(payload, all, &options)
	if len(signers) >= max(options.Min, 1) {
		return payload, signers, nil
	}
	return "", nil, tooFew(signers, failed, all, &options)
}

// A fileClaim is a claim and the name of the file that it is in.
type fileClaim struct {
	claim
	file string
}

// open takes the manifest apart, and reads all signatures.
func open(manifest File, beside []File) (payload string, all []fileClaim, err error) {
	payload = manifest.Content
	for _, take := range envelopes {
		text, claims, ok, err := take(manifest.Content)
		if err != nil {
			return "", nil, &Error{Reason: err.Error()}
		}
		if ok {
			payload = text
			all = appendClaims(all, claims, manifest.Name)
			break
		}
	}
	for _, file := range beside {
		claims, err := readClaims(file.Content)
		if err != nil {
			all = append(all, fileClaim{unreadable{err}, file.Name})
		}
		all = appendClaims(all, claims, file.Name)
	}
	return payload, all, nil
}

func readClaims(content string) ([]claim, error) {
	for _, read := range claimReaders {
		if claims, ok, err := read(content); ok {
			return claims, err
		}
	}
	return nil, errors.New("is not a signature of OpenPGP, SSH, minisign or signify")
}

func appendClaims(all []fileClaim, claims []claim, file string) []fileClaim {
	for _, c := range claims {
		all = append(all, fileClaim{c, file})
	}
	return all
}

// unreadable is a signature that cannot be read.
type unreadable struct{ err error }

func (u unreadable) keyID() string                            { return "" }
func (u unreadable) verify(string, *Options) (*Signer, error) { return nil, u.err }

// verifyAll returns one signer for each key, and why the other signatures do not count, by
// their index.
func verifyAll(payload string, all []fileClaim, options *Options) (signers []Signer, failed map[int]error) {
	failed = map[int]error{}
	known := map[string]bool{}
	for i, c := range all {
		signer, err := c.verify(payload, options)
		if err != nil {
			failed[i] = err
			continue
		}
		if id := string(signer.Key.Scheme) + " " + signer.Key.ID; !known[id] {
			known[id] = true
			signer.File = c.file
			signers = append(signers, *signer)
		}
	}
	return signers, failed
}

// tooFew returns the error for a manifest that too few keys have signed.
func tooFew(signers []Signer, failed map[int]error, all []fileClaim, options *Options) *Error {
	if len(all) == 0 {
		return &Error{Reason: "not signed"}
	}
	var reasons, claimed []string
	others := 0
	for i, c := range all {
		err := failed[i]
		if err == nil {
			continue
		}
		if id := c.keyID(); id != "" {
			claimed = append(claimed, id)
		}
		if errors.Is(err, errOtherKey) {
			others++
			continue
		}
		reasons = append(reasons, fmt.Sprintf("%s: %v", c.file, err))
	}
	if others > 0 {
		reasons = append(reasons, fmt.Sprintf("%d signatures are by keys that are not given", others))
	}
	if len(signers) > 0 {
		reasons = append([]string{fmt.Sprintf("%d of %d signers", len(signers), options.Min)}, reasons...)
	}
	return &Error{Reason: cmp.Or(strings.Join(reasons, "; "), "not signed by enough keys"), Claimed: claimed}
}
