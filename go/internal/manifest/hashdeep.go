package manifest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// hashdeepMark is how a file of hashdeep begins.
const hashdeepMark = "%%%% HASHDEEP-1.0"

// readHashdeepHeader reads the names of the columns: "%%%% size,md5,sha256,filename".
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
			return &Error{Line: number, Reason: "the columns do not end with the file's name"}
		}
		for spelling := range strings.SplitSeq(columns, ",") {
			algorithm, err := m.dialect.named(spelling)
			if err != nil {
				return &Error{Line: number, Reason: err.Error()}
			}
			if slices.Contains(m.dialect.columns, algorithm) {
				return &Error{Line: number, Reason: "two columns of " + algorithm.Name}
			}
			m.dialect.columns = append(m.dialect.columns, algorithm)
		}
		return nil
	}
	return &Error{Reason: `a file of hashdeep without its line of columns ("%%%% size,md5,sha256,filename")`}
}

// parseHashdeep reads one digest of a line of hashdeep: size, digests, name.
func parseHashdeep(d *dialect, line string, column int) (Entry, error) {
	fields := strings.SplitN(line, ",", len(d.columns)+2)
	if len(fields) < len(d.columns)+2 {
		return Entry{}, fmt.Errorf("%d fields, not %d", len(fields), len(d.columns)+2)
	}
	size, err := strconv.ParseUint(fields[0], 10, 63)
	if err != nil {
		return Entry{}, fmt.Errorf("%q is no size", clip(fields[0]))
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

// clip cuts text for a message to a sane length.
func clip(s string) string {
	const sane = 40
	if len(s) <= sane {
		return s
	}
	return s[:sane] + "…"
}
