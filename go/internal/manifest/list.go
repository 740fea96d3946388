package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"checksig/internal/digest"
)

// parseList reads an entry of a list that a caller gives instead of a manifest. An entry
// is an algorithm, a size or -1, a digest, and a name, separated by single spaces, and it
// ends with NUL.
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
		return Entry{}, fmt.Errorf("digest is %s, not %s", entry.Algorithm.Name, d.algorithm.Name)
	}
	var err error
	if entry.Size, err = strconv.ParseInt(fields[1], 10, 64); err != nil || entry.Size < -1 {
		return Entry{}, fmt.Errorf("invalid size %q", clip(fields[1]))
	}
	if d.noDigests && fields[2] == "-" {
		return entry, checkName(entry.Name)
	}
	if err := entry.setDigest(fields[2]); err != nil {
		return Entry{}, err
	}
	return entry, checkName(entry.Name)
}
