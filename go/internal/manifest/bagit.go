package manifest

import "strings"

// parseBagIt reads a line of a manifest of a bag: digest, blanks, name. In the name
// %0A and %0D stand for LF and CR, and from BagIt 1.0 on %25 for "%" (RFC 8493,
// section 2.1.3); an asterisk before it, as of md5sum -b, means nothing.
func parseBagIt(d *dialect, line string, _ int) (Entry, error) {
	at := strings.IndexAny(line, " \t")
	if at < 0 {
		return Entry{}, errNoName
	}
	entry, err := d.byDigest(line[:at], d.algorithm)
	if err != nil {
		return Entry{}, err
	}
	name := strings.TrimPrefix(strings.TrimLeft(line[at:], " \t"), "*")
	entry.Name = bagNames.Replace(name)
	if !d.percent {
		entry.Name = oldBagNames.Replace(name)
	}
	return entry, checkName(entry.Name)
}

var (
	oldBagNames = strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r")
	bagNames    = strings.NewReplacer("%0A", "\n", "%0a", "\n", "%0D", "\r", "%0d", "\r", "%25", "%")
)
