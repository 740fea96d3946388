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
	packageInfo    = "package-info.txt"
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

func isTagManifest(name string) bool {
	rest, found := strings.CutPrefix(name, "tag")
	return found && isPayloadManifest(rest)
}

func isBagManifest(name string) bool { return isPayloadManifest(name) || isTagManifest(name) }

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
		if r.mayBeManifest(name, mode) && isBagManifest(name) {
			names = append(names, name)
		}
		return true
	})
	if err != nil {
		return &beneath.OSError{Path: r.root, Err: err}
	}
	if r.declared, err = r.readDeclaration(); err != nil {
		return err
	}
	r.bag = &Bag{Strict: r.declared.strict}
	slices.Sort(names)
	for _, name := range names {
		before := len(r.found)
		if err := r.addBelow(name, manifest.Options{MayBeEmpty: true}); err != nil {
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
		r.skip(r.declared.info, err)
	}
	return nil
}

// A tagLine is a line "label: value" of a tag file.
type tagLine struct {
	value string
	line  int
}

// valuesOf returns the values of a label in the content of a tag file. A line continues in the
// next one if that begins with a blank.
func valuesOf(content, name string) (values []tagLine) {
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
	return values
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

// bagFile returns the text of a tag file of the bag, or "" if it does not exist.
func (r *reader) bagFile(name string) (string, error) {
	content, err := r.tagFile(name)
	if err != nil {
		return "", err
	}
	text, err := r.declared.text(content)
	if err != nil {
		return "", &manifest.Error{Path: beneath.Join(r.root, name), Reason: err.Error()}
	}
	return strings.TrimPrefix(text, byteOrderMark), nil
}

// readFetch reads the names of fetch.txt. Each of its lines has a URL, a length or "-", and a
// name, separated by blanks. Names have the escapes of the manifests.
func (r *reader) readFetch() error {
	content, err := r.bagFile(bagFetch)
	if err != nil {
		return err
	}
	r.bag.ToFetch = map[string]bool{}
	for line := range strings.Lines(content) {
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
	return lineEnds.Replace(strings.TrimPrefix(content, byteOrderMark))
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// readOxum reads the totals, "Payload-Oxum: BYTES.FILES", of bag-info.txt.
func (r *reader) readOxum() error {
	content, err := r.bagFile(r.declared.info)
	if err != nil {
		return err
	}
	values := valuesOf(content, "Payload-Oxum")
	if len(values) == 0 {
		return nil
	}
	r.bag.Info = &Source{Manifest: &manifest.Manifest{}, Path: beneath.Join(r.root, r.declared.info), name: r.declared.info, First: -1}
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
