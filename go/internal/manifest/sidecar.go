package manifest

import (
	"fmt"
	"slices"
	"strings"

	"checksig/internal/digest"
)

// stdinNames lists what tools call their standard input.
var stdinNames = []string{"-", "stdin"}

// maxForOwn is how many digests of its file a sidecar may have, to be known as its only ones.
const maxForOwn = 16

// MayBeOwn returns the name of the only file that a sidecar lists, if it may stand for the
// sidecar's own file: it is that of standard input, or ends with that of the file in a format
// whose tools list the name that they were given, such as an absolute one.
func (m *Manifest) MayBeOwn() (name string, ok bool) {
	if m.dialect.file == "" || m.Len() == 0 || m.Len() > maxForOwn {
		return "", false
	}
	name = m.Entry(0).Name
	for i := range m.Len() {
		if m.Entry(i).Name != name {
			return "", false
		}
	}
	asGiven := m.Format.more != nil && name != m.dialect.file && m.dialect.isOwn(name)
	return name, asGiven || slices.Contains(stdinNames, name)
}

// UseOwn makes the entries of a sidecar those of its own file.
func (m *Manifest) UseOwn() { m.own = m.dialect.file }

// parseSidecar reads the line of a sidecar, such as x.tar.gz.sha256, that has nothing but
// a digest, in hexadecimal or, as NuGet writes it, in base64, with or without a label that names
// its algorithm, as in "SHA256: 5a…". The sidecar's own name says which file the digest is for.
func parseSidecar(d *dialect, line string, _ int, e *Entry) error {
	line = strings.Trim(line, " \t")
	labelled := *d
	if at := strings.LastIndexAny(strings.TrimRight(line, "="), " \t:="); at >= 0 && d.file != "" {
		var err error
		if labelled.algorithm, err = d.labelled(line[:at+1]); err != nil {
			return err
		}
		line = line[at+1:]
	}
	err := labelled.byDigest(e, line, labelled.algorithm)
	if err != nil && leadingHex(line) < len(line) && labelled.byBase64(e, line) {
		err = nil
	}
	if err != nil {
		return err
	}
	e.Name = d.file
	return checkUnsure(d.file, !hasExtension(d.file)) // a list, such as all.md5, is no sidecar
}

// labelled returns the algorithm of a digest with a label that has nothing else, as "SHA-256:",
// "sha256sum =" and "Checksum:" have.
func (d *dialect) labelled(label string) (*digest.Algorithm, error) {
	words := strings.TrimRight(label, " \t:=")
	if !isLabelText(words) {
		return nil, fmt.Errorf("%q before the digest is not an algorithm", clip(label))
	}
	for word := range strings.FieldsSeq(words) {
		if found := bySums(word); found != nil {
			return d.named(found.Name)
		}
		if isAlgorithm(strings.ToLower(word)) {
			return d.named(word)
		}
	}
	return d.algorithm, nil
}
