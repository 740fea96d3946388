package discover

import (
	"errors"
	"fmt"
	"os"
	"slices"
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
	Payload []*Source      // its payload manifests
	ToFetch map[string]int // the lines of fetch.txt, by the names that they list

	HasPayload bool // it has the directory PayloadDir; if not, that is a bad line

	// The tag files that list no digests, with their bad lines.
	Declaration, Fetch, Info *Source

	oxum  int   // the line of the totals in bag-info.txt; 0 if it has none that can be read
	bytes int64 // of the payload, as bag-info.txt lists them
	files int64
}

// A Role is what a manifest is in a bag.
type Role int

const (
	NotInBag Role = iota
	PayloadManifest
	TagManifest
)

// HasTotals reports whether bag-info.txt has the totals of the payload.
func (b *Bag) HasTotals() bool { return b.oxum > 0 }

// Rest returns the tag files that list no digests and belong into a report: those with bad
// lines, and bag-info.txt if it has the totals.
func (b *Bag) Rest() (rest Sources) {
	for _, source := range []*Source{b.Declaration, b.Fetch, b.Info} {
		if source.BadLineCount > 0 || source == b.Info && b.HasTotals() {
			rest = append(rest, source)
		}
	}
	return rest
}

// InPayload reports whether a name in a bag is that of a payload file.
func InPayload(name string) bool { return strings.HasPrefix(name, PayloadDir+"/") }

func isPayloadManifest(name string) bool {
	return strings.HasPrefix(name, "manifest-") && strings.HasSuffix(name, ".txt")
}

// IsTagManifest reports whether a name in a bag is that of a tag manifest.
func IsTagManifest(name string) bool {
	rest, found := strings.CutPrefix(name, "tag")
	return found && isPayloadManifest(rest)
}

func isBagManifest(name string) bool { return isPayloadManifest(name) || IsTagManifest(name) }

// roleOf returns what a manifest with that name is in a bag.
func roleOf(name string) Role {
	if IsTagManifest(name) {
		return TagManifest
	}
	return PayloadManifest
}

// CheckTotals adds a bad line if the payload has other totals than bag-info.txt lists.
func (b *Bag) CheckTotals(bytes, files int64) {
	if bytes != b.bytes || files != b.files {
		const reason = "Payload-Oxum says %d bytes in %d files, but the payload has %d in %d"
		b.Info.AddBadLine(b.oxum, fmt.Sprintf(reason, b.bytes, b.files, bytes, files))
	}
}

// readBag reads the manifests of a bag and its other tag files.
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
	r.bag = &Bag{
		ToFetch:     map[string]int{},
		Declaration: r.tagSource(bagDeclaration),
		Fetch:       r.tagSource(bagFetch),
		Info:        r.tagSource(r.declared.info),
	}
	for _, fault := range r.declared.faults {
		r.bag.Declaration.AddBadLine(fault.Line, fault.Reason)
	}
	_, err = r.dir.Size(PayloadDir)
	if r.bag.HasPayload = errors.Is(err, beneath.ErrDirectory); !r.bag.HasPayload {
		r.bag.Declaration.AddBadLine(0, "the bag has no directory "+PayloadDir)
	}
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
	if err := r.readInfo(); err != nil {
		r.skip(r.declared.info, err)
	}
	return nil
}

// tagSource returns a source for a tag file without entries. Its index -1 comes before all.
func (r *reader) tagSource(name string) *Source {
	return &Source{Manifest: &manifest.Manifest{}, Path: beneath.Join(r.root, name), name: name, First: -1}
}

// A tagLine is a line "label: value" of a tag file.
type tagLine struct {
	value string
	line  int
}

// valuesOf returns the values of a label in the content of a tag file, at most two. A line
// continues in the next one if that begins with a blank.
func valuesOf(content, name string) (values []tagLine) {
	wanted := false
	for number, line := range linesOf(plainLines(content)) {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if wanted && len(values[len(values)-1].value) < manifest.MaxLine {
				values[len(values)-1].value = strings.TrimSpace(values[len(values)-1].value + " " + strings.TrimSpace(line))
			}
			continue
		}
		label, value, found := strings.Cut(line, ":")
		if wanted = found && strings.EqualFold(strings.TrimSpace(label), name); wanted {
			if values = append(values, tagLine{strings.TrimSpace(value), number}); len(values) == 2 {
				break
			}
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
	content, err := readAll(file, manifest.MaxSize, errLargeTagFile, r.files.Stopped)
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

// plainLines returns the content of a tag file without a byte order mark, and with LF at the end
// of each line, where CR LF or CR may be.
func plainLines(content string) string {
	return withLF(strings.TrimPrefix(content, byteOrderMark))
}

// withLF returns content with LF at the end of each line. It copies only if something changes.
func withLF(content string) string {
	at := strings.IndexByte(content, '\r')
	if at < 0 {
		return content
	}
	var b strings.Builder
	b.Grow(len(content))
	for ; at >= 0; at = strings.IndexByte(content, '\r') {
		b.WriteString(content[:at])
		b.WriteByte('\n')
		content = strings.TrimPrefix(content[at+1:], "\n")
	}
	b.WriteString(content)
	return b.String()
}
