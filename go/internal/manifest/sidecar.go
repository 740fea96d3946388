package manifest

import (
	"slices"
	"strings"
)

// stdinNames lists what tools call their standard input.
var stdinNames = []string{"-", "stdin"}

// maxOfStdin is how many digests of its standard input a sidecar may have.
const maxOfStdin = 16

// ReadsStdin returns the name of the only file that the manifest lists, if it is one that
// stands for standard input. ok is false for other manifests, and if it is no sidecar.
func (m *Manifest) ReadsStdin() (name string, ok bool) {
	if m.dialect.file == "" || m.Len() == 0 || m.Len() > maxOfStdin {
		return "", false
	}
	name = m.Entry(0).Name
	for i := range m.Len() {
		if m.Entry(i).Name != name {
			return "", false
		}
	}
	return name, slices.Contains(stdinNames, name)
}

// TakeStdin makes the entries of a sidecar that was written through standard input those of
// the file that it is for.
func (m *Manifest) TakeStdin() { m.stdin = m.dialect.file }

// parseSidecar reads the line of a sidecar, such as x.tar.gz.sha256, that has nothing but
// a digest, in hexadecimal or, as NuGet writes it, in base64. The sidecar's own name says
// which file the digest is for.
func parseSidecar(d *dialect, line string, _ int) (Entry, error) {
	line = strings.Trim(line, " \t")
	entry, err := d.byDigest(line, d.algorithm)
	if err != nil && leadingHex(line) < len(line) {
		if inBase64, ok := d.base64Digest(line); ok {
			entry, err = inBase64, nil
		}
	}
	if err != nil {
		return Entry{}, err
	}
	entry.Name = d.file
	return entry, checkName(d.file)
}
