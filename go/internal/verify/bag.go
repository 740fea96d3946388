package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// The files of a bag (RFC 8493).
const (
	bagDeclaration = "bagit.txt"
	bagInfo        = "bag-info.txt"
	bagFetch       = "fetch.txt"
	bagPayload     = "data/"
)

// A bag is what the tag files of a bag say beside its manifests.
type bag struct {
	payload []*Source       // its payload manifests
	strict  bool            // each of them lists the whole payload, as from BagIt 1.0 on
	fetched map[string]bool // what fetch.txt lists
	info    *Source         // where the totals stand; nil if they do not
	bytes   int64           // of the payload, as listed
	files   int64
	line    int // of the totals
}

// readBag reads the manifests of a bag, and its totals.
func (r *reader) readBag() error {
	var names []string
	err := r.list(".", func(name string) bool {
		if strings.HasSuffix(name, ".txt") && (strings.HasPrefix(name, "manifest-") || strings.HasPrefix(name, "tagmanifest-")) {
			names = append(names, name)
		}
		return true
	})
	if err != nil {
		return &OSError{r.root, err}
	}
	version, err := r.tagValue(bagDeclaration, "BagIt-Version")
	if err != nil {
		return err
	}
	if version.value == "" {
		return &manifest.Error{Path: Join(r.root, bagDeclaration), Reason: "has no BagIt-Version"}
	}
	r.bag = &bag{strict: !strings.HasPrefix(version.value, "0.")}
	slices.Sort(names)
	for _, name := range names {
		before := len(r.found)
		if err := r.addBelow(name, manifest.Options{Percent: r.bag.strict, MayBeEmpty: true}); err != nil {
			return err
		}
		if strings.HasPrefix(name, "manifest-") {
			r.bag.payload = append(r.bag.payload, r.found[before:]...)
		}
	}
	if len(r.bag.payload) == 0 {
		return &manifest.Error{Path: Join(r.root, bagDeclaration), Reason: "a bag without a payload manifest (manifest-sha256.txt, …)"}
	}
	if err := r.readFetch(); err != nil {
		return err
	}
	return r.readOxum()
}

// A tagLine is a line of a tag file: "name: value".
type tagLine struct {
	value string
	line  int
}

// tagValue returns the first value of a name in a tag file; none if the file, or the
// name in it, is not there.
func (r *reader) tagValue(file, name string) (tagLine, error) {
	text, err := r.tagFile(file)
	if err != nil {
		return tagLine{}, err
	}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\xef\xbb\xbf")) {
		number++
		label, value, found := strings.Cut(line, ":")
		if found && strings.EqualFold(strings.TrimSpace(label), name) {
			return tagLine{strings.TrimSpace(value), number}, nil
		}
	}
	return tagLine{}, nil
}

// tagFile returns the content of a tag file; "" if it is not there.
func (r *reader) tagFile(name string) (string, error) {
	file, err := r.files.Open(name)
	if err == beneath.ErrMissing && !r.dir.Exists(name) {
		return "", nil
	}
	if err != nil {
		return "", manifestError(Join(r.root, name), err)
	}
	defer closeCounted(file)
	text, err := readAll(file, r.files.stopped)
	if err != nil {
		return "", manifestError(Join(r.root, name), err)
	}
	return text, nil
}

// readFetch takes the names of fetch.txt, of which each line is a URL, a length or
// "-", and a name.
func (r *reader) readFetch() error {
	text, err := r.tagFile(bagFetch)
	if err != nil {
		return err
	}
	r.bag.fetched = map[string]bool{}
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		_, name, _ := strings.Cut(strings.TrimLeft(rest, " \t"), " ")
		if clean, err := beneath.Clean(strings.TrimLeft(name, " \t")); err == nil {
			r.bag.fetched[clean] = true
		}
	}
	return nil
}

// readOxum takes the totals, "Payload-Oxum: BYTES.FILES".
func (r *reader) readOxum() error {
	oxum, err := r.tagValue(bagInfo, "Payload-Oxum")
	if err != nil || oxum.value == "" {
		return err
	}
	bytes, files, _ := strings.Cut(oxum.value, ".")
	if r.bag.bytes, err = strconv.ParseInt(bytes, 10, 64); err == nil {
		r.bag.files, err = strconv.ParseInt(files, 10, 64)
	}
	r.bag.info = &Source{Manifest: &manifest.Manifest{}, Path: Join(r.root, bagInfo), name: bagInfo, first: r.found.Len()}
	if err != nil {
		r.bag.info.Complain(oxum.line, fmt.Sprintf("Payload-Oxum is %q, and no number of bytes and of files", oxum.value))
	}
	r.bag.line = oxum.line
	return nil
}
