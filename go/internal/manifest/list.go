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
func parseList(d *dialect, line string, _ int, e *Entry) error {
	algorithm, rest, _ := strings.Cut(line, " ")
	size, rest, _ := strings.Cut(rest, " ")
	sum, name, ok := strings.Cut(rest, " ")
	if !ok {
		return errors.New("fewer than 4 fields")
	}
	e.Name, e.Algorithm = name, digest.ByName(algorithm)
	if e.Algorithm == nil {
		return fmt.Errorf("unknown algorithm %q", clip(algorithm))
	}
	if d.forced && e.Algorithm != d.algorithm {
		return fmt.Errorf("digest is %s, not %s", e.Algorithm.Name, d.algorithm.Name)
	}
	if size != "-1" {
		var err error
		if e.Size, err = strconv.ParseInt(size, 10, 64); err != nil || e.Size < -1 {
			return fmt.Errorf("invalid size %q", clip(size))
		}
	}
	if d.noDigests && sum == "-" {
		e.Unknown = true
		return checkName(name)
	}
	if err := e.setDigest(sum); err != nil {
		return err
	}
	return checkName(name)
}
