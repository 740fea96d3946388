// Package discover finds and reads the manifests of a directory: the one that the caller
// names, or those that the directory has. It knows the usual names, bags (RFC 8493) and
// the metadata of "hf download --local-dir".
package discover

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

// Options say which manifest to read, and how. The zero value is the default.
type Options struct {
	Manifest  string            // its path; "": the directory has it
	Name      string            // what the manifest is to be read as if it were called; "": its path
	List      string            // entries, in the format "list", instead of a manifest
	Content   *string           // the content of a manifest, instead of a file with it
	Format    *manifest.Format  // of the manifest; nil: its name or its lines tell
	Algorithm *digest.Algorithm // of the manifest's digests; nil: its name or their length tells
	NamesOnly bool              // find the manifests, and read none
	NoDigests bool              // "-" in a list stands for a digest that is not known
}

// Found is what was read.
type Found struct {
	Sources Sources
	Bag     *Bag // nil if the directory is none

	own map[string]bool // the names of the manifests, and of the tag files of a bag
}

// Owns reports whether the file of that name below the root is a manifest that was read,
// or belongs to one.
func (f *Found) Owns(name string) bool {
	return f.own[name] || f.own[huggingFace] && inHuggingFace(name)
}

// Read reads the manifest that options name, or those of the directory dir, which the
// caller has opened under the path root. Its goroutine has taken a thread of
// [limits.Threads]. An error is a [*beneath.OSError], a [*manifest.NotFoundError] or a
// [*manifest.Error]. When stopped is set, what was read may be cut short.
func Read(root string, dir *beneath.Root, options Options, stopped *atomic.Bool) (*Found, error) {
	r := &reader{root: root, dir: dir, options: options, files: limits.NewOpener(dir.Open, stopped)}
	list, err := r.read()
	if err != nil {
		return nil, err
	}
	found := &Found{Sources: list, Bag: r.bag, own: map[string]bool{}}
	for _, source := range list {
		found.own[source.name] = true
	}
	if r.bag != nil {
		found.own[bagDeclaration], found.own[bagInfo], found.own[bagFetch] = true, true, true
	}
	return found, nil
}

// A reader reads the manifests of a run.
type reader struct {
	root    string
	dir     *beneath.Root
	options Options
	files   limits.Opener
	found   Sources
	bag     *Bag // nil if the directory is none

	byExtension bool // no manifest has a usual name
}

// read reads the manifest that the options name, or those that the directory has.
func (r *reader) read() (Sources, error) {
	var err error
	switch {
	case r.options.Content != nil:
		err = r.addContent(cmp.Or(r.options.Name, "the given manifest"), *r.options.Content)
	case r.options.List != "":
		err = r.add("the given entries", "", r.options.List, manifest.Options{Format: manifest.FormatByName("list")})
	case r.options.Manifest != "":
		err = r.addFile(r.options.Manifest)
	default:
		err = r.discover()
	}
	if err != nil {
		return nil, err
	}
	if len(r.found) == 0 {
		return nil, &manifest.NotFoundError{Dir: r.root}
	}
	return r.found, nil
}

// addContent takes the content of a manifest that is no file.
func (r *reader) addContent(name, content string) error {
	if len(content) > manifest.MaxSize {
		return manifestError(name, errTooLarge)
	}
	return r.add(name, "", content, manifest.Options{Name: name})
}

// addFile reads the manifest that a caller has named, which need not lie below the root.
func (r *reader) addFile(path string) error {
	if r.options.NamesOnly {
		r.found = append(r.found, &Source{Manifest: &manifest.Manifest{}, Path: path})
		return nil
	}
	file, err := beneath.OpenPath(path)
	if errors.Is(err, beneath.ErrMissing) {
		return &beneath.OSError{Path: path, Err: syscall.ENOENT}
	}
	if err != nil {
		return manifestError(path, err)
	}
	defer file.Close()
	return r.addOpen(file, path, r.nameBelow(path), manifest.Options{})
}

// nameBelow returns the name of a path below the root, or "".
func (r *reader) nameBelow(path string) string {
	root, err := filepath.Abs(r.root)
	if err != nil {
		return ""
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return ""
	}
	name, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(name) {
		return ""
	}
	return filepath.ToSlash(name)
}

// addBelow reads the manifest of that name below the root; one that is gone since it
// was found is none.
func (r *reader) addBelow(name string, options manifest.Options) error {
	path := beneath.Join(r.root, name)
	if r.options.NamesOnly {
		source := &Source{Manifest: &manifest.Manifest{}, Path: path}
		if r.byExtension {
			source.Notes = []string{"by its extension"}
		}
		r.found = append(r.found, source)
		return nil
	}
	file, err := r.files.Open(name)
	if errors.Is(err, beneath.ErrMissing) && !r.dir.Exists(name) {
		return nil
	}
	if err != nil {
		return manifestError(path, err)
	}
	defer limits.Close(file)
	return r.addOpen(file, path, name, options)
}

func (r *reader) addOpen(file beneath.File, path, name string, options manifest.Options) error {
	content, err := readAll(file, r.files.Stopped)
	if err != nil {
		return manifestError(path, err)
	}
	options.Name = cmp.Or(r.options.Name, path)
	return r.add(path, name, content, options)
}

// add takes a manifest. The caller's options come before those that its place tells.
func (r *reader) add(path, name, content string, options manifest.Options) error {
	if r.options.Format != nil {
		options.Format = r.options.Format
	}
	options.Name = filepath.ToSlash(options.Name)
	options.Algorithm = r.options.Algorithm
	options.NoDigests = r.options.NoDigests
	parsed, err := manifest.Parse(content, options, r.files.Stopped)
	var bad *manifest.Error
	if errors.As(err, &bad) {
		bad.Path = path
		return bad
	}
	source := &Source{Manifest: parsed, Path: path, name: name, First: r.found.Len()}
	if parsed.Signed {
		source.Notes = append(source.Notes, "PGP signature not checked")
	}
	if parsed.Backslashes && !r.anyExists(parsed) {
		source.Backslashes = true
		source.Notes = append(source.Notes, "backslashes separate directories")
	}
	r.found = append(r.found, source)
	return nil
}

// anyExists reports whether there is a file under a name with a backslash.
func (r *reader) anyExists(m *manifest.Manifest) bool {
	for i := range m.Len() {
		entry := m.Entry(i)
		if strings.IndexByte(entry.Name, '\\') < 0 {
			continue
		}
		if name, err := beneath.Clean(entry.Name); err == nil && r.dir.Exists(name) {
			return true
		}
	}
	return false
}

// discover reads the manifests of the directory: a bag's, or those of usual names,
// or, where there is none, those whose names say that they are manifests, or what
// a download from Hugging Face left.
func (r *reader) discover() error {
	names, err := r.candidates()
	if err != nil {
		return err
	}
	if slices.Contains(names, bagDeclaration) {
		if err := r.readBag(); err != nil {
			return err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == bagDeclaration })
	}
	if len(names) == 1 && names[0] == huggingFace {
		return r.readHuggingFace()
	}
	for _, name := range names {
		if err := r.addBelow(name, manifest.Options{}); err != nil {
			return err
		}
	}
	return nil
}

// candidates returns the names to read, in their order.
func (r *reader) candidates() ([]string, error) {
	usual, looked := map[string]bool{}, 0
	err := r.list(".", func(name string) bool {
		if isUsual[name] {
			usual[name] = true
		}
		looked++
		return looked <= maxListed
	})
	if err != nil || looked > maxListed {
		for name := range isUsual {
			usual[name] = r.dir.Exists(name)
		}
		usual = r.withExactNames(usual)
	}
	if names := inOrder(usual); len(names) > 0 {
		return names, nil
	}
	var others []string
	err = r.list(".", func(name string) bool {
		if manifest.IsManifest(name) {
			others = append(others, name)
		}
		return true
	})
	if err != nil {
		return nil, &beneath.OSError{Path: r.root, Err: err}
	}
	slices.Sort(others)
	r.byExtension = true
	if len(others) == 0 && r.dir.Exists(huggingFace) {
		others = []string{huggingFace}
	}
	return others, nil
}

// withExactNames returns those names that a directory has as they are spelled: many systems
// find a file by its name in another case, too. It lists the directory only if names
// differ by their case alone.
func (r *reader) withExactNames(there map[string]bool) map[string]bool {
	if !sameWhenFolded(inOrder(there)) {
		return there
	}
	spelled := map[string]bool{}
	err := r.list(".", func(name string) bool {
		if there[name] {
			spelled[name] = true
		}
		return true
	})
	if err != nil {
		return there
	}
	return spelled
}

// sameWhenFolded reports whether two names differ by their case alone.
func sameWhenFolded(names []string) bool {
	folded := map[string]bool{}
	for _, name := range names {
		name = strings.ToLower(name)
		if folded[name] {
			return true
		}
		folded[name] = true
	}
	return false
}

// maxListed is how many names of a directory are looked at to find its manifest,
// before each usual name is tried instead: it may hold a million files.
const maxListed = 2000

// usualNames are those of manifests, and what says that the directory is a bag.
var usualNames = append([]string{bagDeclaration}, manifest.Usual...)

var isUsual = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range usualNames {
		set[name] = true
	}
	return set
}()

func inOrder(there map[string]bool) (names []string) {
	for _, name := range usualNames {
		if there[name] {
			names = append(names, name)
		}
	}
	return names
}

// list calls each with the names in a directory, until it returns false.
func (r *reader) list(dir string, each func(name string) bool) error {
	return r.files.List(r.dir, dir, func(name string, _ os.FileMode) bool { return each(name) })
}

// manifestError tells what the operating system refused from what must not
// serve as a manifest.
func manifestError(path string, err error) error {
	if errors.Is(err, beneath.ErrMissing) {
		return &manifest.Error{Path: path, Reason: "is a dangling symlink"}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && errno != syscall.EXDEV {
		return &beneath.OSError{Path: path, Err: errno}
	}
	return &manifest.Error{Path: path, Reason: err.Error()}
}

var errTooLarge = errors.New("larger than 1 GiB")

// buffers outlive a run, since a new one costs more than to read a small file.
var buffers = sync.Pool{New: func() any { return new([beneath.PieceSize]byte) }}

// readAll returns the content of a manifest.
func readAll(file beneath.File, stopped *atomic.Bool) (string, error) {
	size := file.Opened().Size
	if size > manifest.MaxSize {
		return "", errTooLarge
	}
	var content strings.Builder
	content.Grow(int(size))
	buffer := buffers.Get().(*[beneath.PieceSize]byte)
	defer buffers.Put(buffer)
	err := beneath.ReadPieces(file, buffer[:], stopped, func(p []byte) { content.Write(p) })
	return content.String(), err
}
