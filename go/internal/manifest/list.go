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
	algorithm, rest, _ := strings.Cut(line, " ")
	size, rest, _ := strings.Cut(rest, " ")
	sum, name, ok := strings.Cut(rest, " ")
	if !ok {
		return Entry{}, errors.New("fewer than 4 fields")
	}
	entry := Entry{Name: name, Size: -1, Algorithm: digest.ByName(algorithm)}
	if entry.Algorithm == nil {
		return Entry{}, fmt.Errorf("unknown algorithm %q", clip(algorithm))
	}
	if d.forced && entry.Algorithm != d.algorithm {
		return Entry{}, fmt.Errorf("digest is %s, not %s", entry.Algorithm.Name, d.algorithm.Name)
	}
	if size != "-1" {
		var err error
		if entry.Size, err = strconv.ParseInt(size, 10, 64); err != nil || entry.Size < -1 {
			return Entry{}, fmt.Errorf("invalid size %q", clip(size))
		}
	}
	if d.noDigests && sum == "-" {
		entry.Unknown = true
		return entry, checkName(entry.Name)
	}
	if err := entry.setDigest(sum); err != nil {
		return Entry{}, err
	}
	return entry, checkName(entry.Name)
}
