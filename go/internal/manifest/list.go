package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"checksig/internal/digest"
)

// parseList reads an entry of a list that a caller gives instead of a manifest, and
// each of which ends with NUL: algorithm, size or -1, digest, name, a space between.
func parseList(d *dialect, line string, _ int) (Entry, error) {
	fields := strings.SplitN(line, " ", 4)
	if len(fields) < 4 {
		return Entry{}, errors.New("fewer than 4 fields")
	}
	entry := Entry{Name: fields[3], Algorithm: digest.ByName(fields[0])}
	if entry.Algorithm == nil {
		return Entry{}, fmt.Errorf("unknown algorithm %q", clip(fields[0]))
	}
	if d.forced && entry.Algorithm != d.algorithm {
		return Entry{}, fmt.Errorf("the digest is of %s, not of %s", entry.Algorithm.Name, d.algorithm.Name)
	}
	var err error
	if entry.Size, err = strconv.ParseInt(fields[1], 10, 64); err != nil || entry.Size < -1 {
		return Entry{}, fmt.Errorf("%q is no size", clip(fields[1]))
	}
	if d.noDigests && fields[2] == "-" {
		return entry, checkName(entry.Name)
	}
	if err := entry.setDigest(fields[2]); err != nil {
		return Entry{}, err
	}
	return entry, checkName(entry.Name)
}
