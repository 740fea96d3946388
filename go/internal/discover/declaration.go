package discover

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// A declaration is what the bagit.txt of a bag says.
type declaration struct {
	strict  bool   // the version is 1.0, which has more rules than those before it
	info    string // the name of the file with the bag's metadata
	charset *manifest.Charset
	faults  []manifest.BadLine // lines that can be read but break a rule
}

// The versions of BagIt.
var (
	oldVersions = []string{"0.93", "0.94", "0.95", "0.96", "0.97"}
	withPackage = oldVersions[:3] // with package-info.txt in place of bag-info.txt
)

const strictVersion = "1.0"

// The labels of the two lines of bagit.txt, in their order.
var declarationLabels = []string{"BagIt-Version", "Tag-File-Character-Encoding"}

const byteOrderMark = "\xef\xbb\xbf"

// maxDeclaration is the size in bytes from which on a file is no bagit.txt, which has two lines.
const maxDeclaration = 64 * 1024

// parseDeclaration reads the content of a bagit.txt. Its error says what keeps the rest of the
// bag from being understood.
func parseDeclaration(content string) (*declaration, error) {
	if len(content) > maxDeclaration {
		return nil, fmt.Errorf("has more than %d bytes", maxDeclaration)
	}
	var values []string
	for _, label := range declarationLabels {
		found := valuesOf(content, label)
		if len(found) != 1 || found[0].value == "" {
			return nil, errors.New("must have exactly one " + label)
		}
		values = append(values, found[0].value)
	}
	version, encoding := values[0], values[1]
	d := &declaration{strict: version == strictVersion, info: bagInfo}
	if !d.strict && !slices.Contains(oldVersions, version) {
		return nil, fmt.Errorf("unknown BagIt-Version %q (known: %s, %s)", version, strings.Join(oldVersions, ", "), strictVersion)
	}
	if slices.Contains(withPackage, version) {
		d.info = packageInfo
	}
	if d.charset = manifest.CharsetByName(encoding); d.charset == nil {
		return nil, fmt.Errorf("tag files are in %q, but only %s are supported", encoding, manifest.CharsetNames())
	}
	d.findFaults(content)
	return d, nil
}

// findFaults compares bagit.txt with the two lines that it must have. Before version 1.0,
// other blanks and empty lines are allowed.
func (d *declaration) findFaults(content string) {
	if strings.HasPrefix(content, byteOrderMark) {
		d.faults = append(d.faults, manifest.BadLine{Line: 1, Reason: "byte order mark, which bagit.txt must not have"})
	}
	at := 0
	for number, line := range strings.Split(strings.TrimSuffix(plainLines(content), "\n"), "\n") {
		if !d.strict && strings.TrimSpace(line) == "" {
			continue
		}
		if reason := d.faultOf(line, at); reason != "" {
			d.faults = append(d.faults, manifest.BadLine{Line: number + 1, Reason: reason})
		}
		at++
	}
}

// faultOf says what is wrong with the line that has that index, or returns "".
func (d *declaration) faultOf(line string, index int) string {
	if index >= len(declarationLabels) {
		return "third line, which bagit.txt must not have"
	}
	label, value, _ := strings.Cut(line, ":")
	if !d.strict {
		label, value = strings.TrimSpace(label), " "+strings.TrimSpace(value)
	}
	if label != declarationLabels[index] || value != " "+strings.TrimSpace(value) {
		return fmt.Sprintf("must be %q, the value, and nothing else", declarationLabels[index]+": ")
	}
	return ""
}

// isTagFile reports whether a name is that of a tag file which BagIt describes.
func (d *declaration) isTagFile(name string) bool {
	return name == bagDeclaration || name == d.info || name == bagFetch || isBagManifest(name)
}

// text returns the content of a tag file in UTF-8 and with LF at the end of each line.
func (d *declaration) text(content string) (string, error) {
	decoded, err := d.charset.Decode(content)
	return withLF(decoded), err
}

// readDeclaration reads the bagit.txt of the root.
func (r *reader) readDeclaration() (*declaration, error) {
	content, err := r.tagFile(bagDeclaration)
	if err != nil {
		return nil, err
	}
	return r.declare(content, beneath.Join(r.root, bagDeclaration))
}

// readDeclarationBeside reads the bagit.txt beside the manifest with that path, which need not
// be below the root. It returns nil if there is none.
func (r *reader) readDeclarationBeside(name string) (*declaration, error) {
	beside := filepath.Join(filepath.Dir(name), bagDeclaration)
	file, err := beneath.OpenPath(beside)
	if errors.Is(err, beneath.ErrMissing) || errors.Is(err, beneath.ErrDirectory) {
		return nil, nil
	}
	if err != nil {
		return nil, manifestError(beside, err)
	}
	defer file.Close()
	content, err := readAll(file, manifest.MaxSize, errLargeTagFile, r.files.Stopped)
	if err != nil {
		return nil, manifestError(beside, err)
	}
	return r.declare(content, beside)
}

func (r *reader) declare(content, path string) (*declaration, error) {
	d, err := parseDeclaration(content)
	if err != nil {
		return nil, &manifest.Error{Path: path, Reason: err.Error()}
	}
	return d, nil
}

// declarationFor returns the declaration that decides how the manifest at path is read, or nil
// if it is not read as that of a bag.
func (r *reader) declarationFor(path string) (*declaration, error) {
	if !r.isOfBag(cmp.Or(r.options.Name, path)) {
		return nil, nil
	}
	if r.declared != nil {
		return r.declared, nil
	}
	return r.readDeclarationBeside(path)
}

// isOfBag reports whether a manifest with that name is read as one of a bag: by the format that
// the caller gave, or else by the name.
func (r *reader) isOfBag(name string) bool {
	if r.options.Format != nil {
		return r.options.Format.Name == "bagit"
	}
	return isBagManifest(path.Base(filepath.ToSlash(name)))
}
