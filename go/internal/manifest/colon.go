package manifest

import (
	"fmt"
	"strings"
)

// parseColon reads a line "name: digest", as release notes and some build tools have it. Labels
// such as "Revision: 5a…" have the same form: unless the name looks like that of a file, the
// line is an entry only if the file exists.
func parseColon(d *dialect, line string, _ int, e *Entry) error {
	line = strings.Trim(line, " \t")
	at := strings.LastIndexAny(line, " \t")
	if at < 0 {
		return errNoDigest
	}
	name, found := strings.CutSuffix(strings.TrimRight(line[:at], " \t"), ":")
	if !found {
		return errNoName
	}
	if err := d.byDigest(e, line[at+1:], d.algorithm); err != nil {
		return err
	}
	e.Name = strings.TrimRight(name, " \t")
	if isLabelText(e.Name) {
		return fmt.Errorf("%q before the digest is not a file name", clip(name+":"))
	}
	return checkUnsure(e.Name, !isPlainName(e.Name))
}

// isPlainName reports whether a name looks like that of a file, and like nothing else: it has an
// extension, but no blank, no sign that labels have, and no name of an algorithm.
func isPlainName(name string) bool {
	if !hasExtension(name) || strings.ContainsAny(name, " \t:=()[]<>{}|*?\"',;") {
		return false
	}
	for _, word := range wordsOf(name) {
		if isLabelText(word) {
			return false
		}
	}
	return true
}
