package signature

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// An allowance is what allowed_signers says about a key: what it may sign, and when. nil allows
// everything.
type allowance struct {
	namespaces    string // a list of patterns; "": all
	after, before moment
}

// check returns why the key may not sign.
func (a *allowance) check(namespace string, options *Options) error {
	if a == nil {
		return nil
	}
	now := options.Now.Unix()
	zone := options.Now.Location()
	switch {
	case a.namespaces != "" && !matchesList(namespace, a.namespaces):
		return fmt.Errorf("is for the namespace %q, for which its key may not sign", namespace)
	case a.after.text != "" && now < a.after.in(zone).Unix():
		return fmt.Errorf("is by a key that is valid only after %s", a.after.text)
	case a.before.text != "" && now > a.before.in(zone).Unix():
		return fmt.Errorf("is by a key that was valid only before %s", a.before.text)
	}
	return nil
}

// A moment is a time in allowed_signers.
type moment struct {
	text   string // as it is written
	digits string
	utc    bool // else in the zone of the verification
}

const momentFormat = "20060102150405"

func newMoment(text string) (moment, error) {
	m := moment{text: text, digits: text}
	upper := strings.ToUpper(text)
	for _, zone := range []string{"Z", "UTC"} {
		if digits, ok := strings.CutSuffix(upper, zone); ok {
			m.digits, m.utc = digits, true
			break
		}
	}
	if n := len(m.digits); n != 8 && n != 12 && n != 14 {
		return m, fmt.Errorf("%q is not a time; write YYYYMMDD or YYYYMMDDHHMMSSZ", text)
	}
	if _, err := time.Parse(momentFormat[:len(m.digits)], m.digits); err != nil {
		return m, fmt.Errorf("%q is not a time; write YYYYMMDD or YYYYMMDDHHMMSSZ", text)
	}
	return m, nil
}

// in returns the time, which is in a zone unless it says otherwise.
func (m *moment) in(zone *time.Location) time.Time {
	if m.utc {
		zone = time.UTC
	}
	t, err := time.ParseInLocation(momentFormat[:len(m.digits)], m.digits, zone)
	if err != nil {
		panic(err) // newMoment has read it
	}
	return t
}

// readSSHKeys reads keys of SSH: the lines of id_*.pub and of allowed_signers.
func readSSHKeys(content string) (keys []Key, ok bool, err error) {
	for i, line := range splitLines(content) {
		line = strings.Trim(line, " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		entry, err := cutSSHLine(line)
		if err == errNotSSHKey && len(keys) == 0 {
			return nil, false, nil
		}
		if err != nil {
			return nil, true, fmt.Errorf("line %d: %w", i+1, err)
		}
		key, err := entry.key()
		if err != nil {
			return nil, true, fmt.Errorf("line %d: %w", i+1, err)
		}
		keys = append(keys, key)
	}
	return keys, len(keys) > 0, nil
}

var errNotSSHKey = errors.New("is not a public key of SSH")

// An sshLine has the fields of a line.
type sshLine struct{ principals, options, kind, base64, comment string }

// cutSSHLine takes a line apart. Principals and options may have quoted blanks.
func cutSSHLine(line string) (l sshLine, err error) {
	rest := line
	if !beginsWithKey(rest) {
		l.principals, rest = cutField(rest)
		if !beginsWithKey(rest) {
			l.options, rest = cutField(rest)
		}
		if !beginsWithKey(rest) {
			return l, errNotSSHKey
		}
	}
	l.kind, rest = cutField(rest)
	l.base64, l.comment = cutField(rest)
	return l, nil
}

// beginsWithKey reports whether the type and the base64 of a key come next.
func beginsWithKey(rest string) bool {
	kind, rest := cutField(rest)
	return strings.Contains(kind, "-") && strings.HasPrefix(rest, "AAAA")
}

// cutField returns the next field of a line, and what comes behind the blanks after it.
func cutField(line string) (field, rest string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quoted && i+1 < len(line) && line[i+1] == '"':
			i++
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			return line[:i], strings.TrimLeft(line[i:], " \t")
		}
	}
	return line, ""
}

func (l *sshLine) key() (Key, error) {
	blob, err := decodeBase64(l.base64)
	if err != nil {
		return Key{}, errNotSSHKey
	}
	public, err := newSSHKey(l.kind, blob)
	if err != nil {
		return Key{}, err
	}
	if public.allowance, err = newAllowance(l.options); err != nil {
		return Key{}, err
	}
	name := l.comment
	if l.principals != "" {
		name = strings.Trim(l.principals, `"`)
		if !hasPrincipal(name) {
			return Key{}, errors.New("has no principal that may sign")
		}
	}
	return Key{Scheme: SSH, ID: fingerprint256(blob), Name: name, public: public}, nil
}

// hasPrincipal reports whether a list of patterns has one that is not excluded.
func hasPrincipal(list string) bool {
	for _, pattern := range strings.Split(list, ",") {
		if pattern != "" && pattern[0] != '!' {
			return true
		}
	}
	return false
}

// newAllowance reads the options of a line of allowed_signers.
func newAllowance(text string) (*allowance, error) {
	if text == "" {
		return nil, nil
	}
	a := &allowance{}
	seen := map[string]bool{}
	for rest, more := text, true; more; {
		var option string
		option, rest, more = cutOption(rest)
		name, value, _ := strings.Cut(option, "=")
		name = strings.ToLower(name)
		if seen[name] {
			return nil, fmt.Errorf("has the option %q twice", name)
		}
		seen[name] = true
		if err := a.set(name, value); err != nil {
			return nil, err
		}
	}
	return a, a.checkOrder()
}

// cutOption returns the next of the options, between which commas stand.
func cutOption(options string) (option, rest string, more bool) {
	quoted := false
	for i := 0; i < len(options); i++ {
		switch c := options[i]; {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			return options[:i], options[i+1:], true
		}
	}
	return options, "", false
}

func (a *allowance) set(name, value string) (err error) {
	if name == "cert-authority" {
		return errors.New("has the option cert-authority: certificates of SSH are not supported; list the keys themselves")
	}
	n := len(value)
	if n < 3 || value[0] != '"' || value[n-1] != '"' || strings.Contains(value[1:n-1], `"`) {
		return fmt.Errorf("the option %q is unknown, or has no value in quotes", name)
	}
	value = value[1 : n-1]
	switch name {
	case "namespaces":
		a.namespaces = value
	case "valid-after":
		a.after, err = newMoment(value)
	case "valid-before":
		a.before, err = newMoment(value)
	default:
		err = fmt.Errorf("has the option %q, which is unknown", name)
	}
	return err
}

// checkOrder returns an error if there is no time at which the key is valid.
func (a *allowance) checkOrder() error {
	if a.after.text != "" && a.before.text != "" && !a.after.in(time.UTC).Before(a.before.in(time.UTC)) {
		return errors.New("is never valid: valid-before is not later than valid-after")
	}
	return nil
}

// matchesList reports whether a text matches one of the patterns of a list, and none of those
// that begin with "!".
func matchesList(text, list string) bool {
	found := false
	for _, pattern := range strings.Split(list, ",") {
		pattern, excluded := strings.CutPrefix(pattern, "!")
		if matches(text, pattern) {
			if excluded {
				return false
			}
			found = true
		}
	}
	return found
}

// matches reports whether a text matches a pattern with "*" and "?". Its time is bounded by the
// product of the lengths.
func matches(text, pattern string) bool {
	t, p := 0, 0
	star, resume := -1, 0 // the last "*", and where it went on in the text
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
