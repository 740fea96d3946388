package manifest

import "strings"

// parseSidecar reads the one line of a sidecar, such as x.tar.gz.sha256, that holds
// nothing but the digest of the file that its name tells.
func parseSidecar(d *dialect, line string, _ int) (Entry, error) {
	entry, err := d.byDigest(strings.Trim(line, " \t"), d.algorithm)
	if err != nil {
		return Entry{}, err
	}
	entry.Name = d.file
	return entry, checkName(d.file)
}
