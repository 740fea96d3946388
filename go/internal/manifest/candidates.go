package manifest

import (
	"strings"

	"checksig/internal/digest"
)

// A Candidate is a file name that manifests usually bear.
type Candidate struct {
	Name      string
	Algorithm *digest.Algorithm // nil when the name does not tell it
}

// Candidates lists the names that are looked for in a directory, in order:
// sha1sum.txt, then the names that tell an algorithm, the strongest algorithm
// first, then the names that tell none. docs/format.md, section 1.
var Candidates = candidates()

func candidates() []Candidate {
	list := []Candidate{{"sha1sum.txt", digest.ByName("sha1")}}
	for _, a := range digest.Algorithms {
		for _, name := range namesFor(a.Name) {
			if name != list[0].Name {
				list = append(list, Candidate{name, a})
			}
		}
	}
	for _, name := range []string{
		"SHASUMS", "SHASUMS.txt", "CHECKSUMS", "CHECKSUMS.txt", "CHECKSUM", "CHECKSUM.txt",
		"checksums.txt", "checksums", "checksum.txt", "checksum",
	} {
		list = append(list, Candidate{Name: name})
	}
	return list
}

// namesFor returns the usual names of a manifest of the algorithm lower.
func namesFor(lower string) []string {
	upper := strings.ToUpper(lower)
	names := []string{
		upper + "SUMS", upper + "SUMS.txt", upper + "SUM", upper + "SUM.txt",
		lower + "sums.txt", lower + "sums", lower + "sum.txt", lower + "sum", lower + ".txt",
	}
	if bits, ok := strings.CutPrefix(lower, "sha"); ok && bits != "1" {
		names = append(names, "SHASUMS"+bits+".txt", "SHASUMS"+bits) // as Node.js publishes
	}
	return names
}
