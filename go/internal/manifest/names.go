package manifest

import (
	"path"
	"slices"
	"strings"

	"checksig/internal/digest"
)

// Usual lists the usual names of manifests, in the order in which they are read:
// sha1sum.txt, then the names that imply an algorithm, strongest first, then the names that
// imply none. See docs/format.md, section 1.
var Usual = usual()

func usual() []string {
	list := []string{"sha1sum.txt"}
	var algorithms []string
	for _, a := range digest.Algorithms {
		if !a.Decimal {
			algorithms = append(algorithms, a.Name)
		}
	}
	for _, algorithm := range append(algorithms, "blake2b", "blake3") { // which a build may lack
		for _, name := range namesFor(algorithm) {
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return append(list,
		"SHASUMS", "SHASUMS.txt", "CHECKSUMS", "CHECKSUMS.txt", "CHECKSUM", "CHECKSUM.txt",
		"checksums.txt", "checksums", "checksum.txt", "checksum", "checklist.chk",
	)
}

// namesFor returns the usual names of a manifest of the algorithm lower.
func namesFor(lower string) []string {
	switch lower {
	case "git-sha1", "crc32", "blake2b-384", "blake2b-256", "blake2b-224", "blake2b-160", "blake2b-128":
		return nil // manifests with such digests have other formats or names
	case "blake2b":
		lower = "b2"
	case "blake3":
		lower = "b3"
	}
	upper := strings.ToUpper(lower)
	names := []string{
		upper + "SUMS", upper + "SUMS.txt", upper + "SUM", upper + "SUM.txt",
		lower + "sums.txt", lower + "sums", lower + "sum.txt", lower + "sum",
	}
	if len(lower) > 2 {
		names = append(names, lower+".txt") // b2.txt and b3.txt may be anything
	}
	if bits, ok := strings.CutPrefix(lower, "sha"); ok && bits != "1" && !strings.Contains(bits, "-") {
		names = append(names, "SHASUMS"+bits+".txt", "SHASUMS"+bits) // as Node.js publishes
	}
	if lower == "md5" {
		names = append(names, "md5checksums.txt") // as NCBI publishes
	}
	return names
}

// IsManifest reports whether a name, which is not a usual one, is still that of a manifest:
// x.tar.gz.sha256, photos.sfv, tool_1.0_checksums.txt, tool-sha256sums, SHA512. The algorithm that
// it implies is that of [algorithmOfName].
func IsManifest(name string) bool {
	name = cutText(name)
	stem, extension := cutExtension(name)
	if stem != "" && isManifestExtension(extension) {
		return true
	}
	if strings.EqualFold(name, "digests") || strings.ToUpper(name) == name && bySums(name) != nil {
		return true
	}
	words := wordsOf(strings.ToLower(name))
	return len(words) > 0 && (slices.Contains(Usual, name) || endsInSums(words))
}

// isManifestExtension reports whether files with an extension are manifests.
func isManifestExtension(extension string) bool {
	lower := strings.ToLower(extension)
	return lower == "sfv" || lower == "sha" || lower == "digests" || lower == "checksum" || lower == "checksums" ||
		bySums(lower) != nil || slices.Contains(blakes, cutSums(lower))
}

// endsInSums reports whether the last words of a name, in lower case, say that the file has
// checksums: "checksums", "md5sums", "sha-512 sums", or "checksums sha256".
func endsInSums(words []string) bool {
	before, last := words[:len(words)-1], words[len(words)-1]
	algorithm := cutSums(last)
	if last == "checksum" || last == "checksums" ||
		algorithm != last && (bySums(last) != nil || slices.Contains(blakes, algorithm)) {
		return true
	}
	found, err := algorithmOfWords(words)
	if found == nil || err != nil {
		return false
	}
	if slices.Contains(sumsWords, last) {
		return true
	}
	isSums := func(word string) bool { return slices.Contains(sumsWords, word) }
	rest, _ := algorithmOfWords(before)
	return slices.ContainsFunc(before, isSums) && (bySums(last) == found || rest != found)
}

// sumsWords lists words that, together with the name of an algorithm, are in the names of manifests.
var sumsWords = []string{"checksum", "checksums", "sum", "sums", "hash", "hashes", "digest", "digests"}

// MayBeManifest reports whether a name, which is not that of a manifest that is searched for,
// suggests one all the same: a text that has the name of an algorithm, or a word for checksums.
func MayBeManifest(name string) bool {
	isWord := func(word string) bool {
		return isName(cutSums(word)) || slices.Contains(sumsWords, word)
	}
	return slices.ContainsFunc(wordsOf(strings.ToLower(name)), isWord)
}

// MayBeText reports whether a name, by its extension, is that of a text which may list digests.
func MayBeText(name string) bool {
	_, extension := cutExtension(name)
	extension = strings.ToLower(extension)
	return slices.Contains(textExtensions, extension) || isUnsupported(extension)
}

var textExtensions = []string{"", "txt", "asc", "lst", "list", "csv", "manifest", "dsc", "changes", "buildinfo", "registry"}

// Bare lists the names of manifests that are only the name of an algorithm: SHA256.
var Bare = func() (names []string) {
	for _, a := range digest.Algorithms {
		if upper := strings.ToUpper(a.Name); bySums(upper) != nil {
			names = append(names, upper)
		}
	}
	return names
}()

// SignatureSuffixes lists what the name of a signature has in addition to that of its manifest.
var SignatureSuffixes = []string{".asc", ".sig", ".gpg", ".pgp", ".sign", ".minisig", ".sshsig"}

// SignedBy returns the name of the file that a signature with that name is for: SHA256SUMS for
// SHA256SUMS.asc. It returns "" if the name is not that of a signature.
func SignedBy(name string) string {
	for _, suffix := range SignatureSuffixes {
		if stem, found := strings.CutSuffix(name, suffix); found {
			return stem
		}
	}
	return ""
}

// MayHaveMessage reports whether a name is that of a file that may have a manifest and its
// signature in it: X.asc, or X.sig as signify writes it.
func MayHaveMessage(name string) bool {
	return strings.HasSuffix(name, ".asc") || strings.HasSuffix(name, ".sig")
}

// algorithmOfName returns the algorithm that the name of a manifest implies, or nil. Its
// error says that this algorithm is not supported.
func algorithmOfName(file string) (*digest.Algorithm, error) {
	name := cutText(path.Base(file))
	if rest, found := strings.CutPrefix(name, "SHASUMS"); found && rest != "" {
		return digest.BySpelling("sha" + rest), nil
	}
	_, extension := cutExtension(name)
	whole := name
	plain := cutSums(strings.ToLower(name))
	if word := strings.TrimRight(plain, " ._-"); slices.Contains(ambiguous, word) && (word != plain || len(plain) == len(name)) {
		whole = ""
	}
	for _, part := range []string{extension, whole, cutManifest(name)} {
		if found := bySums(part); found != nil {
			return found, nil
		}
		if err := refuse(part); err != nil {
			return nil, err
		}
	}
	return algorithmOfWords(wordsOf(name))
}

// algorithmOfWords returns the algorithm that words of a name imply. The last ones count most,
// and several together count more than one alone: "sha3", "256".
func algorithmOfWords(words []string) (*digest.Algorithm, error) {
	const most = 3
	for end := len(words); end > 0; end-- {
		for begin := max(0, end-most); begin < end; begin++ {
			word := strings.ToLower(strings.Join(words[begin:end], ""))
			several := end-begin > 1
			plain := cutSums(word)
			if several && !isSplit(words[begin:end]) || slices.Contains(ambiguous, plain) && (several || plain == word) {
				continue
			}
			if found := bySums(word); found != nil {
				return found, nil
			}
			if err := refuse(word); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// isSplit reports whether words could be those of one algorithm: a name, then numbers of bits
// and a word such as "sums".
func isSplit(words []string) bool {
	for i, word := range words[1:] {
		last := i == len(words)-2
		number := slices.Contains(bitLengths, word) || word == "1" || word == "2" || word == "3" || strings.EqualFold(word, "32c")
		if !number && !(last && cutSums(strings.ToLower(word)) == "") {
			return false
		}
	}
	return strings.ContainsFunc(words[0][:1], isLetter)
}

// cutText removes what names may have after the name of a manifest: that of a text, or of one
// with a PGP signature in it.
func cutText(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, ".asc"), ".txt")
}

// blakes lists what names call the algorithms that a build may lack.
var blakes = []string{"b2", "b3", "blake2b", "blake3"}

// wordsOf splits a name into words.
func wordsOf(name string) []string {
	return strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune(" ._-/", c) })
}

// cutManifest returns the "sha256" of "manifest-sha256" and "tagmanifest-sha256".
func cutManifest(name string) string {
	rest, found := strings.CutPrefix(strings.TrimPrefix(name, "tag"), "manifest-")
	if !found {
		return ""
	}
	return rest
}

// bySums returns the algorithm that a word implies, or nil: "sha256", "SHA256SUMS",
// "md5sum".
func bySums(word string) *digest.Algorithm {
	if len(word) > 32 {
		return nil
	}
	word = cutSums(strings.ToLower(word))
	if word == "sha" || word == "crc" {
		return nil
	}
	return digest.BySpelling(word)
}

func cutSums(word string) string {
	for _, suffix := range []string{"checksums", "checksum", "sums", "sum"} {
		if rest, found := strings.CutSuffix(word, suffix); found {
			return rest
		}
	}
	return word
}

func cutExtension(name string) (stem, extension string) {
	at := strings.LastIndexByte(name, '.')
	if at < 0 {
		return name, ""
	}
	return name[:at], name[at+1:]
}

// formatOfName returns the format that the name of a manifest implies, or nil.
func formatOfName(file string) *Format {
	name := path.Base(file)
	_, extension := cutExtension(cutText(name))
	switch {
	case extension == "sfv":
		return FormatByName("sfv")
	case strings.HasSuffix(name, ".txt") && cutManifest(cutText(name)) != "":
		return FormatByName("bagit")
	case extension == "dsc" || extension == "changes" || extension == "buildinfo":
		return FormatByName("debian")
	case name == "RECORD":
		return FormatByName("record")
	}
	return nil
}

// sidecarOf returns the name of the file that a sidecar with that name is for: x.tar.gz
// for x.tar.gz.sha256. It returns "" if the name is not that of a sidecar.
func sidecarOf(file string) string {
	stem, extension := cutExtension(cutText(path.Base(file)))
	if bySums(extension) == nil && extension != "sha" {
		return ""
	}
	return stem
}
