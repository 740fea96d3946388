package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parseDebian reads a line of one of the fields that list files in a Debian source control file
// (.dsc, .changes, .buildinfo) or in a Release file: " digest size name", or, in the field Files
// of .changes, " digest size section priority name".
func parseDebian(d *dialect, line string, _ int, e *Entry) error {
	if trimBlanks(line) == line {
		if field, value := debianField(line); field != "" && value != "" {
			return fmt.Errorf("text after %q on the same line", field+":")
		}
		return errors.New("no field and no line of one")
	}
	fields := strings.Fields(line)
	if len(fields) != 3 && len(fields) != 5 {
		return fmt.Errorf("%d words instead of a digest, a size, and a name", len(fields))
	}
	if err := d.byDigest(e, fields[0], d.algorithm); err != nil {
		return err
	}
	size, err := strconv.ParseUint(fields[1], 10, 63)
	if err != nil {
		return fmt.Errorf("invalid size %q", clip(fields[1]))
	}
	e.Name, e.Size = fields[len(fields)-1], int64(size)
	return checkName(e.Name)
}

// debianField splits a line that begins a field. The name of the field is "" if the line begins
// none.
func debianField(line string) (field, value string) {
	field, value, found := strings.Cut(line, ":")
	if !found || field == "" || strings.ContainsAny(field, " \t") {
		return "", ""
	}
	return field, strings.Trim(value, " \t")
}

// debianComment reports whether a line begins a field that lists no files on that line.
func debianComment(line string) bool {
	if line == "" {
		return true
	}
	field, value := debianField(line)
	return field != "" && (value == "" || debianSums(field) == "")
}

// debianSums returns what a field that lists files calls its algorithm, or "" if the field lists
// none.
func debianSums(field string) string {
	if field == "Files" {
		return "md5"
	}
	if spelling, found := strings.CutPrefix(field, "Checksums-"); found {
		return spelling
	}
	if plain := cutSums(strings.ToLower(field)); isAlgorithm(plain) {
		return plain
	}
	return ""
}

// debianSection returns the section that a field begins.
func debianSection(line string) (section, bool) {
	field, _ := debianField(line)
	spelling := debianSums(field)
	if spelling == "" {
		return section{passed: true}, field != ""
	}
	return sectionOf(spelling), true
}

// listsDebianSums reports whether a line is in or begins a field that lists files. before is true
// if the line before was in one.
func listsDebianSums(line string, before bool) bool {
	field, value := debianField(line)
	if field == "" || value != "" && debianSums(field) != "" {
		return before
	}
	return debianSums(field) != ""
}
