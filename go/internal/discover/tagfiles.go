package discover

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// readFetch reads fetch.txt.
func (r *reader) readFetch() error {
	content, err := r.bagFile(bagFetch)
	if err != nil {
		return err
	}
	for number, line := range linesOf(content) {
		if number%manifest.StopEvery == 0 && r.files.Stopped.Load() {
			break
		}
		name, err := parseFetch(line, r.declared.strict)
		if err != nil {
			r.bag.Fetch.AddBadLine(number, err.Error())
			continue
		}
		r.bag.ToFetch[name] = number
	}
	return nil
}

// parseFetch returns the clean name in a line of fetch.txt: a URL, a length or "-", and a name,
// separated by blanks. The name has the escapes of the manifests, which percent says.
func parseFetch(line string, percent bool) (string, error) {
	if len(line) > manifest.MaxLine {
		return "", fmt.Errorf("longer than %d bytes", manifest.MaxLine)
	}
	url, rest := cutBlanks(line)
	length, name := cutBlanks(rest)
	if name == "" {
		return "", errors.New("must have a URL, a length and a file name")
	}
	if !isURL(url) {
		return "", fmt.Errorf("%q is not an absolute URL", url)
	}
	if length != "-" && !isNumber(length) {
		return "", fmt.Errorf("length %q is neither a number nor -", length)
	}
	clean, err := beneath.Clean(manifest.UnescapeBag(name, percent))
	if err != nil {
		return "", fmt.Errorf("%q: %w", name, err)
	}
	if !InPayload(clean) {
		return "", fmt.Errorf("%q is not in the directory %s", name, PayloadDir)
	}
	return clean, nil
}

// cutBlanks splits a line behind its first field.
func cutBlanks(line string) (field, rest string) {
	line = strings.TrimLeft(line, " \t")
	at := strings.IndexAny(line, " \t")
	if at < 0 {
		return line, ""
	}
	return line[:at], strings.TrimLeft(line[at:], " \t")
}

// isURL reports whether a URL begins with a scheme and is longer.
func isURL(url string) bool {
	scheme, rest, found := strings.Cut(url, ":")
	letters := strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
	return found && rest != "" && scheme != "" && !isNumber(scheme[:1]) && letters
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// readInfo reads bag-info.txt, and its totals, "Payload-Oxum: BYTES.FILES".
func (r *reader) readInfo() error {
	content, err := r.bagFile(r.declared.info)
	if err != nil {
		return err
	}
	inElement := false
	for number, line := range linesOf(content) {
		if number%manifest.StopEvery == 0 && r.files.Stopped.Load() {
			break
		}
		if reason := faultOfElement(line, inElement, r.declared.strict); reason != "" {
			r.bag.Info.AddBadLine(number, reason)
		}
		inElement = true
	}
	totals := valuesOf(content, "Payload-Oxum")
	if len(totals) > 1 {
		r.bag.Info.AddBadLine(totals[1].line, "second Payload-Oxum")
	} else if len(totals) == 1 {
		r.bag.setTotals(totals[0])
	}
	return nil
}

// setTotals sets the totals of the payload.
func (b *Bag) setTotals(totals tagLine) {
	bytes, files, _ := strings.Cut(totals.value, ".")
	var errs [2]error
	b.bytes, errs[0] = strconv.ParseInt(bytes, 10, 64)
	b.files, errs[1] = strconv.ParseInt(files, 10, 64)
	if errors.Join(errs[:]...) != nil || !isNumber(bytes+files) {
		b.Info.AddBadLine(totals.line, fmt.Sprintf("invalid Payload-Oxum %q (must be BYTES.FILES)", totals.value))
		return
	}
	b.oxum = totals.line
}

// faultOfElement says what is wrong with a line of bag-info.txt, "label: value" or its
// continuation, or returns "". Before version 1.0, there may be other blanks at the colon.
func faultOfElement(line string, inElement, strict bool) string {
	if line[0] == ' ' || line[0] == '\t' {
		if !inElement {
			return "begins with a blank but continues no line"
		}
		return ""
	}
	label, value, found := strings.Cut(line, ":")
	switch {
	case !found:
		return `must be "label: value"`
	case strings.TrimSpace(label) == "":
		return "no label before the colon"
	case strict && label != strings.TrimSpace(label):
		return "blank before the colon"
	case strict && value != "" && value[0] != ' ' && value[0] != '\t':
		return "no blank after the colon"
	}
	return ""
}

// linesOf yields the lines of a tag file that are not empty, and their numbers, counted from 1.
func linesOf(content string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.SplitSeq(content, "\n") {
			number++
			if strings.TrimSpace(line) != "" && !yield(number, line) {
				return
			}
		}
	}
}
