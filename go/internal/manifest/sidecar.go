package manifest

import "strings"

// parseSidecar reads the line of a sidecar, such as x.tar.gz.sha256, that has nothing but
// a digest. The sidecar's own name says which file the digest is for.
func parseSidecar(d *dialect, line string, _ int) (Entry, error) {
	entry, err := d.byDigest(strings.Trim(line, " \t"), d.algorithm)
	if err != nil {
		return Entry{}, err
	}
	entry.Name = d.file
	return entry, checkName(d.file)
}
