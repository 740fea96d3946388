package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"checksig/internal/digest"
)

// A hashdeep file begins with hashdeepMark. A line that begins with hashdeepColumns then names
// the columns: "%%%% size,md5,sha256,filename".
const (
	hashdeepMark    = "%%%% HASHDEEP-1.0"
	hashdeepColumns = "%%%% size,"
)

var errNoColumns error = &Error{Reason: `hashdeep file without a line that names the columns ("%%%% size,md5,sha256,filename")`}

// setColumns sets the columns to those that a line names after hashdeepColumns.
func (d *dialect) setColumns(line string) error {
	line, found := strings.CutSuffix(line, ",filename")
	if !found {
		return errors.New("last column is not filename")
	}
	var columns []*digest.Algorithm
	for spelling := range strings.SplitSeq(line, ",") {
		algorithm, err := d.named(spelling)
		if err != nil {
			return err
		}
		if slices.Contains(columns, algorithm) {
			return fmt.Errorf("two columns for %s", algorithm.Name)
		}
		columns = append(columns, algorithm)
	}
	d.columns = columns
	return nil
}

// parseHashdeep reads one digest of a hashdeep line, which has a size, a digest for each
// column, and a name.
func parseHashdeep(d *dialect, line string, column int, e *Entry) error {
	if len(d.columns) == 0 {
		return errNoColumns
	}
	fields := strings.SplitN(line, ",", len(d.columns)+2)
	if len(fields) < len(d.columns)+2 {
		return fmt.Errorf("%d fields instead of %d", len(fields), len(d.columns)+2)
	}
	size, err := strconv.ParseUint(fields[0], 10, 63)
	if err != nil {
		return fmt.Errorf("invalid size %q", clip(fields[0]))
	}
	if err := d.byDigest(e, fields[1+column], d.columns[column]); err != nil {
		return err
	}
	e.Name, e.Size = fields[len(fields)-1], int64(size)
	return checkName(e.Name)
}

func hashdeepComment(line string) bool {
	return line == "" || strings.HasPrefix(line, "##") || strings.HasPrefix(line, "%%%%")
}

// clip shortens s for a message to at most 40 bytes and an ellipsis.
func clip(s string) string {
	const longest = 40
	if len(s) <= longest {
		return s
	}
	return s[:longest] + "…"
}
