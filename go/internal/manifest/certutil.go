package manifest

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"checksig/internal/digest"
)

// parseCertutil reads the three lines that certutil -hashfile writes for a file: one with the
// algorithm and the name, the digest, and one that says that the command is complete. Older
// versions of Windows have blanks between the bytes of the digest. The first line is in the
// language of the system; unless it is English, only a sidecar's own file can be told from it.
func parseCertutil(d *dialect, line string, _ int, e *Entry) error {
	if strings.Count(line, "\n") != 2 {
		return errors.New("not three lines of certutil")
	}
	lines := strings.Split(line, "\n")
	heading, found := strings.CutSuffix(strings.TrimRight(lines[0], " "), ":")
	if !found {
		return errCertutil
	}
	spelling, name, err := d.certutilHeading(strings.TrimRight(heading, " "), strings.Contains(strings.Trim(lines[1], " "), " "))
	if err != nil {
		return err
	}
	algorithm, err := d.named(spelling)
	if err != nil {
		return err
	}
	if err := d.byDigest(e, strings.ReplaceAll(lines[1], " ", ""), algorithm); err != nil {
		return err
	}
	e.Name, err = d.windowsName(name)
	return err
}

var errCertutil = errors.New("no file name that can be told from the first line of certutil")

// certutilHeading returns the algorithm and the name that the first line has. Older versions
// have blanks between the bytes, and the word file before the name.
func (d *dialect) certutilHeading(heading string, older bool) (spelling, name string, err error) {
	spelling, name, found := strings.Cut(heading, " hash of ")
	if found && isSpelling(spelling) {
		rest, isFile := strings.CutPrefix(name, "file ")
		switch {
		case isFile && (older || d.isOwn(rest)):
			name = rest
		case isFile && !d.isOwn(name):
			return "", "", fmt.Errorf("%q or %q: the file name is not clear", clip(rest), clip(name))
		}
		return spelling, name, nil
	}
	before, after, found := d.cutOwn(heading)
	if !found {
		return "", "", errCertutil
	}
	isOther := func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) || c > unicode.MaxASCII }
	for _, word := range strings.FieldsFunc(before+" "+after, isOther) {
		if digest.BySpelling(word) != nil {
			return word, d.file, nil
		}
	}
	return "", "", errors.New("no known algorithm in the first line of certutil")
}

// cutOwn cuts heading around the name of the sidecar's own file, which must not be a part of
// another name.
func (d *dialect) cutOwn(heading string) (before, after string, found bool) {
	if d.file == "" {
		return "", "", false
	}
	for at := 0; at+len(d.file) <= len(heading); at++ {
		if !strings.HasPrefix(heading[at:], d.file) {
			continue
		}
		before, after = heading[:at], heading[at+len(d.file):]
		if before != "" && isBound(before[len(before)-1], ` /\"(`) && (after == "" || isBound(after[0], ` ")`)) {
			return before, after, true
		}
	}
	return "", "", false
}

// isBound reports whether a byte can be beside a name: one of those, or one of a letter or a
// bracket in another language.
func isBound(c byte, bounds string) bool {
	return c > unicode.MaxASCII || strings.IndexByte(bounds, c) >= 0
}

// continuesCertutil reports whether a line is the second or the third one of certutil.
func continuesCertutil(first string, count int, next string) bool {
	switch count {
	case 1:
		return strings.HasSuffix(strings.TrimRight(first, " "), ":") && isGroups(next)
	case 2:
		return strings.HasPrefix(next, "CertUtil: -hashfile")
	}
	return false
}

// windowsName returns the name of a file that a tool of Windows listed. Its absolute names mean
// nothing here, unless it is that of a sidecar's own file.
func (d *dialect) windowsName(name string) (string, error) {
	drive := len(name) > 2 && name[1] == ':' && (name[2] == '\\' || name[2] == '/')
	if (drive || strings.HasPrefix(name, `\\`)) && !d.isOwn(name) {
		return "", fmt.Errorf("absolute name %q of Windows (list names relative to the directory)", clip(name))
	}
	return name, checkName(name)
}

// isOwn reports whether the last element of a name is the file that a sidecar is for.
func (d *dialect) isOwn(name string) bool {
	return d.file != "" && name[strings.LastIndexAny(name, `/\`)+1:] == d.file
}
