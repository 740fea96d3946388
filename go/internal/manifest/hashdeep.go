package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// hashdeepMark is the beginning of every hashdeep file.
const hashdeepMark = "%%%% HASHDEEP-1.0"

// readHashdeepHeader reads the line that names the columns: "%%%% size,md5,sha256,filename".
func (m *Manifest) readHashdeepHeader() error {
	for number, offset := range m.content.lines() {
		columns, found := strings.CutPrefix(m.content.line(offset), "%%%% size,")
		if !found {
			if number < 10 {
				continue
			}
			break
		}
		columns, found = strings.CutSuffix(columns, ",filename")
		if !found {
			return &Error{Line: number, Reason: "last column is not filename"}
		}
		for spelling := range strings.SplitSeq(columns, ",") {
			algorithm, err := m.dialect.named(spelling)
			if err != nil {
				return &Error{Line: number, Reason: err.Error()}
			}
			if slices.Contains(m.dialect.columns, algorithm) {
				return &Error{Line: number, Reason: "two columns for " + algorithm.Name}
			}
			m.dialect.columns = append(m.dialect.columns, algorithm)
		}
		return nil
	}
	return &Error{Reason: `hashdeep file without a line that names the columns ("%%%% size,md5,sha256,filename")`}
}

// parseHashdeep reads one digest of a hashdeep line, which has a size, a digest for each
// column, and a name.
func parseHashdeep(d *dialect, line string, column int) (Entry, error) {
	fields := strings.SplitN(line, ",", len(d.columns)+2)
	if len(fields) < len(d.columns)+2 {
		return Entry{}, fmt.Errorf("%d fields instead of %d", len(fields), len(d.columns)+2)
	}
	size, err := strconv.ParseUint(fields[0], 10, 63)
	if err != nil {
		return Entry{}, fmt.Errorf("invalid size %q", clip(fields[0]))
	}
	entry, err := d.byDigest(fields[1+column], d.columns[column])
	if err != nil {
		return Entry{}, err
	}
	entry.Name, entry.Size = fields[len(fields)-1], int64(size)
	return entry, checkName(entry.Name)
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
