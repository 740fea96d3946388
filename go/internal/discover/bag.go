package discover

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"checksig/internal/beneath"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

// The files of a bag (RFC 8493).
const (
	bagDeclaration = "bagit.txt"
	bagInfo        = "bag-info.txt"
	bagFetch       = "fetch.txt"
)

// PayloadDir is the directory that has the payload of a bag.
const PayloadDir = "data"

// A Bag is what a bag's tag files say besides the entries of its manifests.
type Bag struct {
	Payload []*Source       // its payload manifests
	Strict  bool            // each payload manifest must list the whole payload, as since BagIt 1.0
	ToFetch map[string]bool // the names that fetch.txt lists
	Info    *Source         // bag-info.txt, if it has the totals; else nil

	bytes int64 // of the payload, as bag-info.txt lists them
	files int64
	line  int // of the totals
}

// InPayload reports whether a name in a bag is that of a payload file.
func InPayload(name string) bool { return strings.HasPrefix(name, PayloadDir+"/") }

func isPayloadManifest(name string) bool {
	return strings.HasPrefix(name, "manifest-") && strings.HasSuffix(name, ".txt")
}

// CheckTotals adds a bad line to Info, which must not be nil, if the payload has other totals
// than bag-info.txt lists. It adds none if the listed totals are bad themselves.
func (b *Bag) CheckTotals(bytes, files int64) {
	if (bytes != b.bytes || files != b.files) && b.Info.BadLineCount == 0 {
		const reason = "Payload-Oxum says %d bytes in %d files, but the payload has %d in %d"
		b.Info.AddBadLine(b.line, fmt.Sprintf(reason, b.bytes, b.files, bytes, files))
	}
}

// readBag reads the manifests of a bag, its fetch.txt, and its totals.
func (r *reader) readBag() error {
	var names []string
	err := r.list(func(name string, mode os.FileMode) bool {
		if r.mayBeManifest(name, mode) && isPayloadManifest(strings.TrimPrefix(name, "tag")) {
			names = append(names, name)
		}
		return true
	})
	if err != nil {
		return &beneath.OSError{Path: r.root, Err: err}
	}
	version, err := r.declared("BagIt-Version")
	if err != nil {
		return err
	}
	encoding, err := r.declared("Tag-File-Character-Encoding")
	if err != nil {
		return err
	}
	if !strings.EqualFold(encoding, "UTF-8") {
		return &manifest.Error{Path: beneath.Join(r.root, bagDeclaration), Reason: fmt.Sprintf("tag files are in %q, but only UTF-8 is supported", encoding)}
	}
	r.bag = &Bag{Strict: !strings.HasPrefix(version, "0.")}
	slices.Sort(names)
	for _, name := range names {
		before := len(r.found)
		if err := r.addBelow(name, manifest.Options{Percent: r.bag.Strict, MayBeEmpty: true}); err != nil {
			r.skip(name, err)
		} else if isPayloadManifest(name) {
			r.bag.Payload = append(r.bag.Payload, r.found[before:]...)
		}
	}
	if len(r.bag.Payload) == 0 {
		return &manifest.Error{Path: beneath.Join(r.root, bagDeclaration), Reason: "bag has no usable payload manifest (manifest-sha256.txt, …)"}
	}
	if err := r.readFetch(); err != nil {
		r.skip(bagFetch, err)
	}
	if err := r.readOxum(); err != nil {
		r.skip(bagInfo, err)
	}
	return nil
}

// declared returns the value of a label in bagit.txt, which must have the label exactly once.
func (r *reader) declared(name string) (string, error) {
	values, err := r.tagValues(bagDeclaration, name)
	if err != nil {
		return "", err
	}
	if len(values) != 1 || values[0].value == "" {
		return "", &manifest.Error{Path: beneath.Join(r.root, bagDeclaration), Reason: "must have exactly one " + name}
	}
	return values[0].value, nil
}

// A tagLine is a line "label: value" of a tag file.
type tagLine struct {
	value string
	line  int
}

// tagValues returns the values of a label in a tag file. A line continues in the next one if
// that begins with a blank. It returns none if the file or the label does not exist.
func (r *reader) tagValues(file, name string) (values []tagLine, err error) {
	content, err := r.tagFile(file)
	if err != nil {
		return nil, err
	}
	wanted := false
	for number, line := range strings.Split(plainLines(content), "\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if wanted {
				values[len(values)-1].value = strings.TrimSpace(values[len(values)-1].value + " " + strings.TrimSpace(line))
			}
			continue
		}
		label, value, found := strings.Cut(line, ":")
		if wanted = found && strings.EqualFold(strings.TrimSpace(label), name); wanted {
			values = append(values, tagLine{strings.TrimSpace(value), number + 1})
		}
	}
	return values, nil
}

// tagFile returns the content of a tag file, or "" if it does not exist.
func (r *reader) tagFile(name string) (string, error) {
	file, err := r.files.Open(name)
	if err == beneath.ErrMissing && !r.dir.Exists(name) {
		return "", nil
	}
	if err != nil {
		return "", manifestError(beneath.Join(r.root, name), err)
	}
	defer limits.Close(file)
	content, err := readAll(file, errLargeTagFile, r.files.Stopped)
	if err != nil {
		return "", manifestError(beneath.Join(r.root, name), err)
	}
	return content, nil
}

// readFetch reads the names of fetch.txt. Each of its lines has a URL, a length or "-", and a
// name, separated by blanks. Names have the escapes of the manifests.
func (r *reader) readFetch() error {
	content, err := r.tagFile(bagFetch)
	if err != nil {
		return err
	}
	r.bag.ToFetch = map[string]bool{}
	for line := range strings.Lines(plainLines(content)) {
		_, rest := cutBlanks(strings.TrimSuffix(line, "\n"))
		_, name := cutBlanks(rest)
		if clean, err := beneath.Clean(manifest.UnescapeBag(name, r.bag.Strict)); err == nil {
			r.bag.ToFetch[clean] = true
		}
	}
	return nil
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

// plainLines returns the content of a tag file without a byte order mark, and with LF at the end
// of each line, where CR LF or CR may be.
func plainLines(content string) string {
	return lineEnds.Replace(strings.TrimPrefix(content, "\xef\xbb\xbf"))
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// readOxum reads the totals, "Payload-Oxum: BYTES.FILES", of bag-info.txt.
func (r *reader) readOxum() error {
	values, err := r.tagValues(bagInfo, "Payload-Oxum")
	if err != nil || len(values) == 0 {
		return err
	}
	r.bag.Info = &Source{Manifest: &manifest.Manifest{}, Path: beneath.Join(r.root, bagInfo), name: bagInfo, First: -1}
	r.bag.line = values[0].line
	if len(values) > 1 {
		r.bag.Info.AddBadLine(values[1].line, "second Payload-Oxum")
		return nil
	}
	bytes, files, _ := strings.Cut(values[0].value, ".")
	if r.bag.bytes, err = strconv.ParseInt(bytes, 10, 64); err == nil {
		r.bag.files, err = strconv.ParseInt(files, 10, 64)
	}
	if err != nil {
		r.bag.Info.AddBadLine(r.bag.line, fmt.Sprintf("invalid Payload-Oxum %q (must be BYTES.FILES)", values[0].value))
	}
	return nil
}
