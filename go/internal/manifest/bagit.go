package manifest

import "strings"

// parseBagIt reads a line of a bag's manifest: digest, blanks, name. In the name, %0A and
// %0D stand for LF and CR, and since BagIt 1.0 %25 stands for "%" (RFC 8493, section
// 2.1.3). An asterisk before the name, as md5sum -b writes it, is ignored.
func parseBagIt(d *dialect, line string, _ int, e *Entry) error {
	at := strings.IndexAny(line, " \t")
	if at < 0 {
		return errNoName
	}
	if err := d.byDigest(e, line[:at], d.algorithm); err != nil {
		return err
	}
	name := strings.TrimPrefix(strings.TrimLeft(line[at:], " \t"), "*")
	e.Name = UnescapeBag(name, d.percent)
	return checkName(e.Name)
}

// UnescapeBag returns the name of a file as a bag's manifest or fetch.txt lists it. percent says
// that "%25" is an escape, as since BagIt 1.0.
func UnescapeBag(name string, percent bool) string {
	if percent {
		return bagNames.Replace(name)
	}
	return oldBagNames.Replace(name)
}

var (
	oldBagNames = strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r")
	bagNames    = strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r", "%25", "%")
)
