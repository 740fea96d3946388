package discover

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"checksig/internal/beneath"
	"checksig/internal/limits"
	"checksig/internal/manifest"
	"checksig/internal/signature"
)

// Verify verifies the signatures of a manifest. A test of the library replaces it.
var Verify = signature.Verify

// Trust says whose signatures a manifest must have. Without keys it need not have any. The
// rules are in docs/format.md, section 10.
type Trust struct {
	Keys      []KeyFile
	Min       int       // how many distinct keys must have signed; 0 is 1
	Signature string    // the path of the signature; "": those beside the manifest, and in it
	Namespace string    // of SSH signatures; "": the usual one
	Now       time.Time // the time of the verification; zero: now
}

// A KeyFile has public keys that the caller trusts.
type KeyFile struct {
	Path    string  // may be "" if there is content
	Content *string // nil: that of the file
}

// A NotSignedError says that a manifest is not shown to be signed, or that a key file cannot be
// used.
type NotSignedError struct {
	Path, Reason string
	Claimed      []string // the IDs of the keys that its signatures name, which is not verified
}

func (e *NotSignedError) Error() string { return fmt.Sprintf("%q - %s", e.Path, e.Reason) }

// A Signer is a key whose signature of a manifest counts.
type Signer struct {
	Path    string // of the file that has the signature
	Scheme  string
	Key     string
	Name    string // what the key file calls its owner, printable
	Created time.Time
	Note    string // printable
}

// readKeys reads the keys of the caller. If there are any, only signed manifests are read.
func (r *reader) readKeys() error {
	trust := r.options.Trust
	if len(trust.Keys) == 0 {
		return nil
	}
	var keys []signature.Key
	for _, file := range trust.Keys {
		found, err := r.keysOf(file)
		if err != nil {
			return err
		}
		keys = append(keys, found...)
	}
	if distinct := signature.CountKeys(keys); trust.Min > distinct {
		reason := fmt.Sprintf("%d signers are demanded, but only %s given", trust.Min, keysAre(distinct))
		return &NotSignedError{Path: trust.Keys[len(trust.Keys)-1].name(), Reason: reason}
	}
	now := trust.Now
	if now.IsZero() {
		now = time.Now()
	}
	r.trust = &signature.Options{Keys: keys, Min: trust.Min, Namespace: trust.Namespace, Now: now}
	return nil
}

func keysAre(n int) string {
	if n == 1 {
		return "1 key is"
	}
	return fmt.Sprintf("%d keys are", n)
}

func (f *KeyFile) name() string { return cmp.Or(f.Path, "the given key") }

// keysOf returns the keys of a file, which must not be below the root.
func (r *reader) keysOf(file KeyFile) ([]signature.Key, error) {
	content, err := r.keyContent(file)
	if err != nil {
		return nil, err
	}
	inRoot, err := leadsThrough(file.Path, r.root)
	if err != nil && (file.Content == nil || !errors.Is(err, os.ErrNotExist)) { // the name of content may be anything
		return nil, err
	}
	if inRoot {
		const reason = "the key lies in the directory that it is to vouch for; take it from elsewhere"
		return nil, &NotSignedError{Path: file.name(), Reason: reason}
	}
	keys, err := signature.ParseKeys(content)
	if err == nil && len(keys) == 0 {
		err = errors.New("has no key")
	}
	if err != nil {
		return nil, &NotSignedError{Path: file.name(), Reason: printable(err.Error())}
	}
	return keys, nil
}

func (r *reader) keyContent(file KeyFile) (string, error) {
	if file.Content == nil {
		return r.readPath(file.Path, signature.MaxKeys)
	}
	if len(*file.Content) > signature.MaxKeys {
		return "", &NotSignedError{Path: file.name(), Reason: tooLarge(signature.MaxKeys).Error()}
	}
	return *file.Content, nil
}

// readPath returns the content of a key file or a signature, which may be anywhere.
func (r *reader) readPath(path string, limit int64) (string, error) {
	opener := limits.NewOpener(beneath.OpenPath, r.files.Stopped)
	content, err := readSmall(&opener, path, limit)
	if errors.Is(err, beneath.ErrMissing) {
		return "", &beneath.OSError{Path: path, Err: syscall.ENOENT}
	}
	if err != nil {
		var bad *manifest.Error
		if err = manifestError(path, err); errors.As(err, &bad) {
			return "", &NotSignedError{Path: path, Reason: bad.Reason}
		}
		return "", err
	}
	return content, nil
}

// readSmall returns the content of a file of at most limit bytes.
func readSmall(files *limits.Opener, name string, limit int64) (string, error) {
	file, err := files.Open(name)
	if err != nil {
		return "", err
	}
	defer limits.Close(file)
	return readAll(file, limit, tooLarge(limit), files.Stopped)
}

func tooLarge(limit int64) error { return fmt.Errorf("is larger than %d MiB", limit>>20) }

// signedNames returns those manifests of the directory that have signatures, and notes that the
// others are not read.
func (r *reader) signedNames(names []string) (signed []string, err error) {
	if r.trust == nil {
		return names, nil
	}
	chosen := manifest.SignedBy(filepath.Base(r.options.Trust.Signature))
	for _, name := range names {
		source := &Source{Manifest: &manifest.Manifest{}, Path: beneath.Join(r.root, name), name: name}
		switch {
		case name == bagDeclaration:
			return nil, &NotSignedError{Path: source.Path, Reason: "a bag has no signature; name a manifest that is signed"}
		case name == huggingFace:
			return nil, &NotSignedError{Path: source.Path, Reason: "the metadata of a download from Hugging Face has no signature"}
		case r.options.Trust.Signature != "" && (len(names) == 1 || name == chosen):
			signed = append(signed, name)
		case r.options.Trust.Signature == "" && (manifest.HasMessage(r.peek(name)) || len(r.detached(source)) > 0):
			signed = append(signed, name)
		default:
			r.leaveUnread(source)
		}
	}
	return signed, nil
}

// leaveUnread notes that a manifest without a signature is not read. It is a file like any
// other.
func (r *reader) leaveUnread(source *Source) {
	r.unread = append(r.unread, source)
	note := fmt.Sprintf("%q is not signed, and was not read", source.name)
	r.found = append(r.found, &Source{Manifest: source.Manifest, Path: source.Path, First: r.found.Len(), Notes: []string{note}})
}

// errUnsigned returns the error for a directory none of whose manifests has a signature.
func (r *reader) errUnsigned() error {
	if path := r.options.Trust.Signature; path != "" {
		return &NotSignedError{Path: path, Reason: "the directory has several manifests; name the one that this signs"}
	}
	return &NotSignedError{Path: r.unread[0].Path, Reason: notSigned(r.unread[0].name)}
}

func notSigned(name string) string {
	return fmt.Sprintf("not signed: there is no %s%s", filepath.Base(name), strings.Join(manifest.SignatureSuffixes, ", "))
}

// detached returns the paths of the signatures beside a manifest, without those files that are
// manifests themselves, with their signatures around them.
func (r *reader) detached(source *Source) []string {
	return slices.DeleteFunc(r.signatures(source), func(path string) bool {
		return r.options.Manifest == "" && manifest.HasMessage(r.peek(source.name+strings.TrimPrefix(path, source.Path)))
	})
}

// authenticate returns the signed text of a manifest, which alone may be parsed, and its signers.
// Without keys it returns the content.
func (r *reader) authenticate(path, name, content string) (text string, signers []Signer, err error) {
	if r.trust == nil {
		return content, nil, nil
	}
	source := &Source{Path: path, name: name}
	base := filepath.Base(path)
	files, refused, err := r.signatureFiles(source)
	if err != nil {
		return "", nil, err
	}
	if len(files) == 0 && len(refused) == 0 && !manifest.HasMessage(content) {
		reason := notSigned(base)
		if r.isContent() {
			reason = "not signed: name its signature (signature=, --signature)"
		}
		return "", nil, &NotSignedError{Path: path, Reason: reason}
	}
	text, found, err := Verify(signature.File{Name: base, Content: content}, files, *r.trust)
	if err != nil {
		return "", nil, notSignedError(path, err, refused)
	}
	for _, signer := range found {
		signers = append(signers, asSigner(signer, path))
	}
	return text, signers, nil
}

// signatureFiles reads the signature that the caller named, or those beside a manifest. refused
// says why some cannot be read.
func (r *reader) signatureFiles(source *Source) (files []signature.File, refused []string, err error) {
	if path := r.options.Trust.Signature; path != "" {
		content, err := r.readPath(path, signature.MaxFile)
		return []signature.File{{Name: path, Content: content}}, nil, err
	}
	if r.isContent() {
		return nil, nil, nil
	}
	for _, path := range r.signatures(source) {
		content, err := r.readBeside(source, path)
		base := filepath.Base(path)
		switch {
		case err != nil:
			refused = append(refused, fmt.Sprintf("%s: %s", base, reasonOf(err)))
		case manifest.HasMessage(content):
			refused = append(refused, fmt.Sprintf("%s is a signed manifest itself; name that one", base))
		default:
			files = append(files, signature.File{Name: base, Content: content})
		}
	}
	return files, refused, nil
}

// readBeside returns the content of a signature, which is opened like its manifest.
func (r *reader) readBeside(source *Source, path string) (string, error) {
	if r.options.Manifest != "" {
		return r.readPath(path, signature.MaxFile)
	}
	return readSmall(&r.files, source.name+strings.TrimPrefix(path, source.Path), signature.MaxFile)
}

func (r *reader) isContent() bool { return r.options.Content != nil || r.options.List != "" }

// notSignedError returns the error for a manifest whose signatures do not count, or cannot be
// read.
func notSignedError(path string, err error, refused []string) error {
	e := &NotSignedError{Path: path}
	var failed *signature.Error
	if errors.As(err, &failed) {
		for _, id := range failed.Claimed {
			e.Claimed = append(e.Claimed, printable(id))
		}
	}
	reasons := append([]string{err.Error()}, refused...)
	if len(refused) > 0 && err.Error() == "not signed" {
		reasons = refused
	}
	e.Reason = printable(strings.Join(reasons, "; "))
	return e
}

// asSigner returns a signer of the manifest at path.
func asSigner(s signature.Signer, path string) Signer {
	file := s.File
	if filepath.Base(file) == file { // the manifest, or a file beside it
		file = strings.TrimSuffix(path, filepath.Base(path)) + file
	}
	return Signer{
		Path:    file,
		Scheme:  string(s.Key.Scheme),
		Key:     printable(s.Key.ID),
		Name:    printable(s.Key.Name),
		Created: s.Created,
		Note:    printable(s.Note),
	}
}

// printable escapes the characters of a text that act on a terminal or are invisible, and bytes
// that are not UTF-8. Names and comments of keys may have any.
func printable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, isInvisible) {
		return text
	}
	var shown strings.Builder
	for at, width := 0, 0; at < len(text); at += width {
		var r rune
		r, width = utf8.DecodeRuneInString(text[at:])
		switch {
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(&shown, `\x%02x`, text[at])
		case r == '\\':
			shown.WriteString(`\\`)
		case isInvisible(r):
			shown.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			shown.WriteRune(r)
		}
	}
	return shown.String()
}

func isInvisible(r rune) bool { return !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r) }

// isReadByBag reports whether the encoding and the version that bagit.txt names decide how the
// content of a manifest is read.
func isReadByBag(content string) bool {
	return strings.ContainsFunc(content, func(r rune) bool { return r == '%' || r == '\r' || r >= utf8.RuneSelf })
}
