package signature

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of what is read.
const (
	MaxFile = 1 << 20 // bytes of a signature file beside a manifest
	MaxKeys = 8 << 20 // bytes of a key file

	maxCandidates = 8 // keys with one number
	maxReasons    = 5 // in an error
)

// Why signatures do not count. Each text goes on from the name of the file.
var (
	errOtherKey = errors.New("is by a key that is not given")
	errMismatch = errors.New("does not match: the manifest, or the signature, was changed")
	errBehind   = errors.New("has text behind the signature, which is not signed")
)

// The kinds of signatures and keys. Each function reports whether the content is of its kind;
// if it is, an error says what is wrong with it.
var (
	// keyReaders read the keys of a key file.
	keyReaders = []func(content string) (keys []Key, ok bool, err error){
		openpgpKeys, readLineKeys, readSSHKeys, refuseKeys,
	}
	// claimReaders read the signatures of a signature file.
	claimReaders = []func(content string) (claims []claim, ok bool, err error){
		openpgpClaims, readMinisign, readSignify, readSSH, refuseClaims,
	}
	// envelopes take apart a file that has a message and its signatures.
	envelopes = []func(content string) (payload string, claims []claim, ok bool, err error){
		openpgpEnvelope, takeSignify,
	}
)

// ParseKeys returns the public keys in the content of a key file.
func ParseKeys(content string) ([]Key, error) {
	if len(content) > MaxKeys {
		return nil, fmt.Errorf("is larger than %d MiB", MaxKeys>>20)
	}
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
	signers, failed := verifyAll(all, &options)
	if len(signers) >= max(options.Min, 1) {
		return payload, signers, nil
	}
	return "", nil, tooFew(manifest, signers, failed, &options)
}

// A fileClaim is a claim, the name of the file that it is in, and the text that it is for: that
// in the same file, or the whole manifest.
type fileClaim struct {
	claim
	file, text string
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
			all = appendClaims(all, claims, manifest.Name, text)
			break
		}
	}
	for _, file := range beside {
		claims, err := readClaims(file.Content)
		if err != nil {
			all = append(all, fileClaim{unreadable{err}, file.Name, manifest.Content})
		}
		all = appendClaims(all, claims, file.Name, manifest.Content)
	}
	return payload, all, nil
}

// readClaims returns the signatures in a signature file.
func readClaims(content string) ([]claim, error) {
	if len(content) > MaxFile {
		return nil, fmt.Errorf("is larger than %d MiB", MaxFile>>20)
	}
	for _, read := range claimReaders {
		claims, ok, err := read(content)
		if ok {
			return claims, err
		}
	}
	return nil, errors.New("is not a signature of OpenPGP, SSH, minisign or signify")
}

func appendClaims(all []fileClaim, claims []claim, file, text string) []fileClaim {
	for _, c := range claims {
		all = append(all, fileClaim{c, file, text})
	}
	return all
}

// unreadable is a signature that cannot be read.
type unreadable struct{ err error }

func (u unreadable) keyID() string                            { return "" }
func (u unreadable) verify(string, *Options) (*Signer, error) { return nil, u.err }

// A failure is a claim that does not count, and why.
type failure struct {
	fileClaim
	err error
}

// verifyAll returns one signer for each key, and the signatures that do not count.
func verifyAll(all []fileClaim, options *Options) (signers []Signer, failed []failure) {
	known := map[string]bool{}
	for _, c := range all {
		signer, err := c.verify(c.text, options)
		if err != nil {
			failed = append(failed, failure{c, err})
			continue
		}
		if id := signer.Key.identity(); !known[id] {
			known[id] = true
			signer.File = c.file
			signers = append(signers, *signer)
		}
	}
	return signers, failed
}

// tooFew returns the error for a manifest that too few keys have signed.
func tooFew(manifest File, signers []Signer, failed []failure, options *Options) *Error {
	if len(signers) == 0 && len(failed) == 0 {
		return &Error{Reason: "not signed"}
	}
	var reasons, claimed []string
	var others []failure
	for _, f := range failed {
		if id := f.keyID(); id != "" && !slices.Contains(claimed, id) {
			claimed = append(claimed, id)
		}
		if errors.Is(f.err, errOtherKey) {
			others = append(others, f)
		} else if reason := f.name(manifest) + f.err.Error(); !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	if len(others) > 0 {
		reasons = append(reasons, byOthers(manifest, others, len(signers)+len(reasons) > 0, options))
	}
	if len(reasons) > maxReasons {
		reasons = append(reasons[:maxReasons], fmt.Sprintf("and %d more", len(reasons)-maxReasons))
	}
	if len(signers) > 0 {
		reasons = slices.Insert(reasons, 0, signedBySome(signers, options.Min))
	}
	return &Error{Reason: strings.Join(reasons, "; "), Claimed: claimed}
}

// name returns the name of the file that a claim is in and a blank, or what is clear without it.
func (f *failure) name(manifest File) string {
	if f.file == manifest.Name {
		return "its signature "
	}
	return f.file + " "
}

// signedBySome says which signers count if there are too few.
func signedBySome(signers []Signer, wanted int) string {
	var names []string
	for _, s := range signers {
		names = append(names, s.Key.label())
	}
	return fmt.Sprintf("%d of %d signers: %s", len(signers), wanted, strings.Join(names, ", "))
}

// byOthers says that signatures are by keys that the caller did not give.
func byOthers(manifest File, others []failure, more bool, options *Options) string {
	given := CountKeys(options.Keys)
	switch id := others[0].keyID(); {
	case more && len(others) == 1:
		return "1 other signature is by a key that is not given"
	case more:
		return fmt.Sprintf("%d other signatures are by keys that are not given", len(others))
	case len(others) > 1:
		return fmt.Sprintf("its %d signatures are by keys that are not among the %d given", len(others), given)
	case id == "":
		return fmt.Sprintf("%sis by a key that is not among the %d given", others[0].name(manifest), given)
	default:
		return fmt.Sprintf("%sis by key %s, which is not among the %d given", others[0].name(manifest), shortID(id), given)
	}
}
