package manifest

import (
	"encoding/csv"
	"errors"
	"slices"
	"strings"
)

// parseGetFileHash reads an entry that PowerShell's Get-FileHash wrote: as a row of a table, as
// a row of Export-Csv, or, over several lines, as Format-List writes it.
func parseGetFileHash(d *dialect, line string, _ int, e *Entry) error {
	var fields []string // algorithm, digest, name
	var err error
	switch {
	case beginsList(line):
		fields, err = d.listFields(line)
	case strings.IndexByte(line, '\n') >= 0:
		err = errNotGetFileHash
	case strings.ContainsAny(line, ",;") && strings.IndexAny(line, " ,;") != strings.IndexByte(line, ' '):
		fields, err = csvFields(line)
	default:
		fields, err = tableFields(line)
	}
	if err != nil {
		return err
	}
	algorithm, err := d.named(fields[0])
	if err != nil {
		return err
	}
	if err := d.byDigest(e, fields[1], algorithm); err != nil {
		return err
	}
	e.Name, err = d.windowsName(fields[2])
	return err
}

var errNotGetFileHash = errors.New("not an algorithm, a digest and a name, as Get-FileHash writes them")

// getFileHashColumns lists the properties that Get-FileHash returns.
var getFileHashColumns = []string{"Algorithm", "Hash", "Path"}

// tableFields splits a row of a table.
func tableFields(line string) ([]string, error) {
	spelling, rest := cutField(line)
	digits, name := cutField(rest)
	name = strings.TrimRight(name, " ")
	if !isSpelling(spelling) || name == "" {
		return nil, errNotGetFileHash
	}
	if strings.HasSuffix(name, "...") || strings.HasSuffix(name, "…") {
		return nil, errors.New("file name that was cut off to fit the window (use Format-List or Export-Csv)")
	}
	return []string{spelling, digits, name}, nil
}

// csvFields splits a row of Export-Csv, whose separator may be that of the system.
func csvFields(line string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	if comma := strings.IndexAny(line, ",;"); comma >= 0 {
		r.Comma = rune(line[comma])
	}
	fields, err := r.Read()
	if err != nil || len(fields) != len(getFileHashColumns) {
		return nil, errNotGetFileHash
	}
	return fields, nil
}

// listFields splits what Format-List writes. Long values have several lines. Whether a blank is
// lost between them is not known, so that a name with several lines must be a sidecar's own.
func (d *dialect) listFields(lines string) ([]string, error) {
	fields := make([]string, 0, len(getFileHashColumns))
	wrapped := false
	for line := range strings.SplitSeq(lines, "\n") {
		if line[0] == ' ' && len(fields) > 0 {
			fields[len(fields)-1] += strings.Trim(line, " ")
			wrapped = len(fields) == len(getFileHashColumns)
			continue
		}
		key, value, found := strings.Cut(line, ": ")
		if !found || len(fields) == len(getFileHashColumns) || strings.TrimRight(key, " ") != getFileHashColumns[len(fields)] {
			return nil, errNotGetFileHash
		}
		fields = append(fields, strings.Trim(value, " "))
	}
	if len(fields) < len(getFileHashColumns) {
		return nil, errNotGetFileHash
	}
	if wrapped && !d.isOwn(fields[2]) {
		return nil, errors.New("file name over several lines (use Export-Csv)")
	}
	return fields, nil
}

// beginsList reports whether a line is the first one of what Format-List writes.
func beginsList(line string) bool {
	rest, found := strings.CutPrefix(line, "Algorithm ")
	return found && strings.HasPrefix(strings.TrimLeft(rest, " "), ": ")
}

// continuesGetFileHash reports whether a line belongs to the list that begins before it.
func continuesGetFileHash(first string, _ int, next string) bool {
	return beginsList(first) && strings.Trim(next, " ") != "" && !beginsList(next)
}

// getFileHashComment reports whether a line is the heading of a table or of columns, or has
// nothing but blanks.
func getFileHashComment(line string) bool {
	if strings.Trim(line, " -") == "" || strings.HasPrefix(line, "#TYPE ") {
		return true
	}
	words := strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(` ",;`, c) })
	return slices.Equal(words, getFileHashColumns)
}
