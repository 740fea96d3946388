// Package discover finds and reads the manifests of a directory: the one that the caller
// names, or those that the directory has. It knows the usual names, bags (RFC 8493), and the
// metadata of "hf download --local-dir". The rules are in docs/format.md, sections 1 and 5.
package discover

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
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
	"checksig/internal/signature"
)

// Options say which manifest to read, and how. The zero value is the default.
type Options struct {
	Manifest    string            // the path of the manifest; "": find those of the directory
	Name        string            // file name to assume for format and algorithm, or to find; "": the manifest's own
	List        string            // entries, in the format "list", instead of a manifest
	Content     *string           // the content of a manifest, instead of a file
	Format      *manifest.Format  // nil: the name or the lines decide
	Algorithm   *digest.Algorithm // nil: a line, the name, or a digest's length decides
	StripPrefix string            // a directory that is taken off the names, from [CleanPrefix]; "": none
	NamesOnly   bool              // find the manifests without reading them
	NoDigests   bool              // "-" in a list stands for a digest that is not known
	Trust       Trust             // whose signatures the manifests must have
}

// Found is what was found and read.
type Found struct {
	Sources Sources
	Bag     *Bag // nil if the directory is not a bag

	own   map[string]bool // the names of the manifests
	ofBag *declaration    // if one of the manifests belongs to a bag in the root, else nil
}

// Owns reports whether the file name, which is below the root, is a manifest that was read, is
// the signature of one, or belongs to one. Such a file is never an extra file.
func (f *Found) Owns(name string) bool {
	return f.own[name] || f.own[manifest.SignedBy(name)] || f.own[huggingFace] && inHuggingFace(name) ||
		f.ofBag != nil && f.ofBag.isTagFile(name)
}

// Read reads the manifest that options name, or those of the directory dir. root is the path
// of dir, for messages. The caller must have taken a thread of [limits.Threads]. The error is
// a [*beneath.OSError], a [*manifest.NotFoundError], or a [*manifest.Error]. If stopped is set,
// the result may be incomplete.
func Read(root string, dir *beneath.Root, options Options, stopped *atomic.Bool) (*Found, error) {
	r := &reader{root: root, dir: dir, options: options, files: limits.NewOpener(dir.Open, stopped)}
	list, err := r.read()
	if err != nil {
		return nil, err
	}
	found := &Found{Sources: list, Bag: r.bag, own: map[string]bool{}, ofBag: r.declared}
	for _, source := range list {
		if source.name != "" {
			found.own[source.name] = true
		}
	}
	return found, nil
}

// A reader reads the manifests of a job.
type reader struct {
	root    string
	dir     *beneath.Root
	options Options
	files   limits.Opener
	found   Sources
	bag     *Bag // nil if the directory is not a bag

	trust          *signature.Options // nil: manifests need no signature
	signatureNames map[string]bool    // the files that are called like signatures; nil: not known
	unread         []*Source          // the manifests without a signature, if they need one
	declared       *declaration       // of a bag in the root, to which a manifest belongs, or nil
	texts          []string           // the names of files that may be manifests, if none is found
	byExtension    bool               // true if no manifest has a usual name
	unfinished     string             // the name of a payload manifest without bagit.txt, or ""
	stripped       bool               // a name begins with the prefix that the caller named
	notSigned      error              // why the signatures of a manifest do not count, or nil
	unusable       int                // how many of found are
	failed         error              // why the first of them is, or nil
}

// read reads the manifest that the options name, or those of the directory.
func (r *reader) read() (Sources, error) {
	err := r.readKeys()
	switch {
	case err != nil:
	case r.trust != nil && r.options.List != "":
		err = &NotSignedError{Path: "the given entries", Reason: "entries have no signature; give a signed manifest"}
	case r.options.Content != nil:
		err = r.addContent(cmp.Or(r.options.Name, "the given manifest"), *r.options.Content)
	case r.options.List != "":
		err = r.addList(r.options.List)
	case r.options.Manifest != "":
		err = r.addFile(r.options.Manifest)
	default:
		err = r.discover()
	}
	if err != nil {
		return nil, err
	}
	if len(r.found) == 0 {
		return nil, &manifest.NotFoundError{Dir: r.root, Unfinished: r.unfinished, Similar: r.similar()}
	}
	return r.found, r.checkStripped()
}

// addList adds entries that the caller gave.
func (r *reader) addList(list string) error {
	err := r.add("the given entries", "", list, manifest.Options{Format: manifest.FormatByName("list")})
	if err == nil && !r.options.NoDigests {
		r.found[0].State = stateOf(list, nil)
	}
	return err
}

// addContent adds a manifest that the caller gave by its content.
func (r *reader) addContent(name, content string) error {
	if len(content) > manifest.MaxSize {
		return manifestError(name, errLargeManifest)
	}
	text, signers, err := r.authenticate(name, "", content)
	if err != nil {
		return err
	}
	options := manifest.Options{Name: name, Percent: r.options.Format != nil, Before: linesBefore(text, content)}
	if err := r.add(name, "", text, options); err != nil {
		return err
	}
	source := r.found[len(r.found)-1]
	source.Signers, source.State = signers, stateOf(content, nil)
	return nil
}

// addFile reads the manifest that the caller named, which need not be below the root.
func (r *reader) addFile(path string) error {
	if r.options.NamesOnly {
		source := &Source{Manifest: &manifest.Manifest{}, Path: path}
		source.Signatures = r.signatures(source)
		r.found = append(r.found, source)
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

// nameBelow returns the name of a path relative to the root, or "" if it is not below it.
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

// addBelow reads the manifest name, which is below the root. It does nothing if the manifest
// was removed since it was found.
func (r *reader) addBelow(name string, options manifest.Options) error {
	path := beneath.Join(r.root, name)
	if r.options.NamesOnly {
		source := &Source{Manifest: &manifest.Manifest{}, Path: path, name: name}
		source.Signatures = r.signatures(source)
		if r.byExtension {
			source.Notes = []string{"found by its extension"}
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
	content, err := readAll(file, manifest.MaxSize, errLargeManifest, r.files.Stopped)
	if err != nil {
		return manifestError(path, err)
	}
	text, signers, err := r.authenticate(path, name, content)
	if err != nil {
		return err
	}
	options.Name = cmp.Or(r.options.Name, nameInside(path, content))
	options.Before = linesBefore(text, content)
	if err := r.addRead(path, name, text, options); err != nil {
		return err
	}
	source := r.found[len(r.found)-1]
	source.Signers, source.State = signers, stateOf(content, file)
	if r.trust == nil {
		r.noteSignatures(source)
	}
	return nil
}

// addRead adds the manifest of a file that was read.
func (r *reader) addRead(path, name, content string, options manifest.Options) error {
	options.Percent = r.options.Format != nil // without bagit.txt, that of the caller is the current one
	declared, err := r.declarationFor(path)
	if err != nil {
		return err
	}
	if declared == nil {
		return r.add(path, name, content, options)
	}
	if r.trust != nil && isReadByBag(content) {
		return &NotSignedError{Path: path, Reason: "how it is read is said by bagit.txt, which is not signed"}
	}
	if name != "" && !strings.Contains(name, "/") {
		r.declared = declared
	}
	options.Percent = declared.strict
	if content, err = declared.text(content); err != nil {
		return &manifest.Error{Path: path, Reason: err.Error()}
	}
	if err := r.add(path, name, content, options); err != nil {
		return err
	}
	source := r.found[len(r.found)-1]
	source.Role, source.Strict = roleOf(filepath.Base(path)), declared.strict
	return nil
}

// add parses the content of a manifest and adds it. Options of the caller take precedence.
func (r *reader) add(path, name, content string, options manifest.Options) error {
	if r.options.Format != nil {
		options.Format = r.options.Format
	}
	options.Name = filepath.ToSlash(options.Name)
	options.Algorithm = r.options.Algorithm
	options.NoDigests = r.options.NoDigests
	options.Exists = r.isFile
	options.Signed = r.trust != nil
	parsed, err := manifest.Parse(content, options, r.files.Stopped)
	var bad *manifest.Error
	if errors.As(err, &bad) {
		bad.Path = path
		return bad
	}
	source := &Source{Manifest: parsed, Path: path, name: name, First: r.found.Len()}
	if parsed.Signed {
		source.Notes = append(source.Notes, signatureNotChecked)
	}
	if name, ok := parsed.MayBeOwn(); ok && !r.isThere(name) {
		parsed.UseOwn()
		source.Notes = append(source.Notes, fmt.Sprintf("%q stands for the file of the sidecar", name))
	} else if parsed.Backslashes && !r.anyExists(parsed) {
		source.Backslashes = true
		source.Notes = append(source.Notes, "backslashes separate directories")
	}
	if parsed.Format.Name == "record" {
		source.base = baseOfRecord(name)
	}
	r.strip(source)
	if r.looksLikeSysV(source) {
		parsed.UseSysV()
	}
	if parsed.PassedOver > 0 {
		source.Notes = append(source.Notes, passedOver(parsed.PassedOver))
	}
	r.found = append(r.found, source)
	return nil
}

// isThere reports whether a listed name exists below the root.
func (r *reader) isThere(listed string) bool {
	name, err := beneath.Clean(listed)
	return err == nil && r.dir.Exists(name)
}

// looksLikeSysV reports whether the blocks that a manifest of sums lists fit the sizes of more
// files if they have 512 bytes, as those of sum -s, than if they have 1,024.
func (r *reader) looksLikeSysV(source *Source) bool {
	const most = 100 // files whose size is looked at
	votes := 0
	for i := range min(source.Manifest.Len(), most) {
		blocks, unknown := source.Blocks(i)
		if !unknown {
			return false
		}
		name, err := beneath.Clean(source.entryName(i))
		if err != nil {
			continue
		}
		if size, err := r.dir.Size(name); err == nil {
			votes += fits(size, blocks, "sysv") - fits(size, blocks, "bsd")
		}
	}
	return votes > 0
}

// fits returns 1 if a file of size bytes has that many blocks of the algorithm, else 0.
func fits(size, blocks int64, algorithm string) int {
	a := digest.ByName(algorithm)
	if a.ListedSize(size) == blocks*a.Unit {
		return 1
	}
	return 0
}

// passedOver returns the note that some lines were passed over.
func passedOver(lines int) string {
	if lines == 1 {
		return "1 line without a digest was passed over"
	}
	return fmt.Sprintf("%d lines without a digest were passed over", lines)
}

// isFile reports whether there is a file with that listed name, in whose place slashes may
// be backslashes.
func (r *reader) isFile(name string) bool {
	for _, name := range []string{name, strings.ReplaceAll(name, `\`, "/")} {
		if r.options.StripPrefix != "" {
			name = stripPrefix(name, r.options.StripPrefix)
		}
		name, err := beneath.Clean(name)
		if err != nil || r.files.Stopped.Load() {
			continue
		}
		if _, err := r.dir.Size(name); err == nil {
			return true
		}
	}
	return false
}

// anyExists reports whether a listed name that has a backslash exists as it is written.
func (r *reader) anyExists(m *manifest.Manifest) bool {
	var entry manifest.Entry
	for i := range m.Len() {
		m.ReadEntry(i, &entry)
		if strings.IndexByte(entry.Name, '\\') < 0 {
			continue
		}
		if r.isThere(entry.Name) {
			return true
		}
	}
	return false
}

// discover reads the manifests of the directory: those of a bag and those with usual names,
// or else those with the extension of a manifest, or else the metadata of a Hugging Face
// download. It reports an unusable manifest as an error only if no other one is usable.
func (r *reader) discover() error {
	names, err := r.candidates()
	if err != nil {
		return err
	}
	if names, err = r.signedNames(names); err != nil {
		return err
	}
	if r.trust != nil && len(names) == 0 && len(r.unread) > 0 && !r.byExtension {
		if names, err = r.others(); err == nil {
			names, err = r.signedNames(names)
		}
		if err != nil {
			return err
		}
	}
	if len(names) == 0 && len(r.unread) > 0 {
		return r.errUnsigned()
	}
	if slices.Contains(names, bagDeclaration) {
		if err := r.readBag(); err != nil {
			r.bag = nil
			r.skip(bagDeclaration, err)
		}
		names = slices.DeleteFunc(names, func(name string) bool { return name == bagDeclaration })
	}
	refused := r.addAll(names)
	if r.notSigned != nil {
		return r.notSigned
	}
	if len(refused) == len(r.found) && len(refused) > 0 && !r.byExtension && allPrograms(refused) {
		if names, err = r.others(); err != nil {
			return err
		}
		maps.Copy(refused, r.addAll(names))
	}
	if r.unusable+len(r.unread) == len(r.found) {
		return r.failed
	}
	r.passOver(refused)
	return nil
}

// addAll reads the manifests with those names, and returns why some are unusable.
func (r *reader) addAll(names []string) (refused map[string]error) {
	refused = map[string]error{}
	for _, name := range names {
		if r.files.Stopped.Load() {
			break
		}
		var err error
		if name == huggingFace {
			err = r.readHuggingFace()
		} else {
			err = r.addBelow(name, manifest.Options{})
		}
		var unsigned *NotSignedError
		if errors.As(err, &unsigned) {
			r.notSigned = err
			break
		}
		if err != nil {
			r.skip(name, err)
			refused[name] = err
		}
	}
	return refused
}

// allPrograms reports whether all files were refused because they are programs.
func allPrograms(refused map[string]error) bool {
	for _, err := range refused {
		if !isProgram(err) {
			return false
		}
	}
	return true
}

func isProgram(err error) bool {
	var bad *manifest.Error
	return errors.As(err, &bad) && bad.Program
}

// similar returns the name of a file that may be a manifest, or "": one that can be read as a
// manifest, or else one whose name suggests that.
func (r *reader) similar() string {
	slices.Sort(r.texts)
	slices.SortStableFunc(r.texts, func(a, b string) int {
		return cmp.Compare(likeness(b), likeness(a))
	})
	for _, name := range r.texts[:min(len(r.texts), maxExamined)] {
		if r.readsAsManifest(name) {
			return name
		}
	}
	if len(r.texts) > 0 && likeness(r.texts[0]) > 0 {
		return r.texts[0]
	}
	return ""
}

// maxExamined is how many files are examined to find one that may be a manifest.
const maxExamined = 16

func likeness(name string) int {
	if manifest.MayBeManifest(name) {
		return 1
	}
	return 0
}

// readsAsManifest reports whether the first lines of a file are those of a manifest, or its
// name implies an algorithm that is not supported.
func (r *reader) readsAsManifest(name string) bool {
	content := r.peek(name)
	if content == "" {
		return false
	}
	if len(content) == peeked {
		content = content[:strings.LastIndexByte(content, '\n')+1]
	}
	parsed, err := manifest.Parse(content, manifest.Options{Name: name, Exists: r.isFile}, r.files.Stopped)
	var bad *manifest.Error
	return err == nil && parsed.Len() > parsed.BadLineCount || errors.As(err, &bad) && !bad.NoEntry && bad.Line == 0
}

// skip keeps an unusable manifest as one without entries. It has a bad line that says why it
// is unusable.
func (r *reader) skip(name string, err error) {
	source := &Source{Manifest: &manifest.Manifest{}, Path: beneath.Join(r.root, name), name: name, First: r.found.Len()}
	source.AddBadLine(0, reasonOf(err))
	r.found = append(r.found, source)
	r.unusable++
	r.failed = cmp.Or(r.failed, err)
}

// passOver replaces the bad line of an unusable manifest by a note if the file is like any
// other, although it has the name of a manifest: a usable manifest lists it, so that it is
// verified; or it is no regular file; or it has no valid line, and its name may mean something
// else.
func (r *reader) passOver(refused map[string]error) {
	if len(refused) == 0 {
		return
	}
	listed := r.listed(refused)
	for _, source := range r.found {
		err, ok := refused[source.name]
		if !ok {
			continue
		}
		var bad *manifest.Error
		empty := errors.As(err, &bad) && bad.NoEntry
		if empty && (isProgram(err) || r.byExtension && !isUsual[source.name]) || listed[source.name] || r.isIrregular(source.name) {
			note := fmt.Sprintf("%q is not a manifest: %s", source.name, reasonOf(err))
			if empty {
				note = fmt.Sprintf("%q has no valid line", source.name)
			}
			*source = Source{Manifest: &manifest.Manifest{}, Path: source.Path, First: source.First, Notes: []string{note}}
		}
	}
}

// listed returns which of the files names are regular and listed by a manifest.
func (r *reader) listed(names map[string]error) map[string]bool {
	found := map[string]bool{}
	for i := range r.found.Len() {
		if i%manifest.StopEvery == 0 && r.files.Stopped.Load() {
			break
		}
		name, err := beneath.Clean(r.found.EntryName(i))
		if _, wanted := names[name]; err != nil || !wanted || found[name] {
			continue
		}
		_, err = r.dir.Size(name)
		found[name] = err == nil
	}
	return found
}

// isIrregular reports whether name is a FIFO, a socket or a device, or a symlink to one.
func (r *reader) isIrregular(name string) bool {
	_, err := r.dir.Size(name)
	for _, kind := range []error{beneath.ErrFIFO, beneath.ErrSocket, beneath.ErrDevice, beneath.ErrIrregular} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// reasonOf returns the reason of an error about a manifest, without the path.
func reasonOf(err error) string {
	var bad *manifest.Error
	if errors.As(err, &bad) {
		return bad.Fault()
	}
	var refused *beneath.OSError
	if errors.As(err, &refused) {
		return beneath.Reason(refused.Err).Reason
	}
	return err.Error()
}

// candidates returns the names of the manifests, in the order in which they are read.
func (r *reader) candidates() ([]string, error) {
	usual, signatures, listed := map[string]bool{}, map[string]bool{}, 0
	if r.options.NamesOnly && isUsual[r.options.Name] {
		usual[r.options.Name] = true
	}
	err := r.list(func(name string, mode os.FileMode) bool {
		if isUsualOrSigned[name] && r.mayBeManifest(name, mode) {
			usual[name] = true
		}
		if manifest.SignedBy(name) != "" {
			signatures[name] = true
		}
		listed++
		return listed <= maxListed
	})
	if err == nil && listed <= maxListed {
		r.signatureNames = signatures
	}
	if err != nil || listed > maxListed {
		for name := range isUsualOrSigned {
			usual[name] = usual[name] || r.dir.Exists(name) && !r.leadsToDirectory(name)
		}
		usual = r.withExactNames(usual)
	}
	for name := range usual {
		if !isUsual[name] && !r.isInSignature(name) {
			delete(usual, name)
		}
	}
	if names := inOrder(usual); len(names) > 0 {
		return names, nil
	}
	return r.others()
}

// others returns the names of the manifests that have no usual name.
func (r *reader) others() ([]string, error) {
	var others []string
	err := r.list(func(name string, mode os.FileMode) bool {
		if name[0] == '.' || isUsual[name] || !r.mayBeManifest(name, mode) {
			return true
		}
		if r.hasManifestName(name) {
			others = append(others, name)
		} else if mode.IsRegular() && len(r.texts) < maxListed && manifest.MayBeText(name) {
			r.texts = append(r.texts, name)
		}
		if isPayloadManifest(name) && (r.unfinished == "" || name < r.unfinished) {
			r.unfinished = name
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

// mayBeManifest reports whether name, of that type, is neither a directory nor a symlink to
// one. Such a name is that of no manifest, however it reads.
func (r *reader) mayBeManifest(name string, mode os.FileMode) bool {
	return !mode.IsDir() && (mode&os.ModeSymlink == 0 || !r.leadsToDirectory(name))
}

func (r *reader) leadsToDirectory(name string) bool {
	_, err := r.dir.Size(name)
	return errors.Is(err, beneath.ErrDirectory)
}

// withExactNames returns the names that the directory has in exactly this spelling. Many
// systems also find a file by its name in another case. It lists the directory only if two
// names differ only in case.
func (r *reader) withExactNames(there map[string]bool) map[string]bool {
	if !sameWhenFolded(inOrder(there)) {
		return there
	}
	spelled := map[string]bool{}
	err := r.list(func(name string, _ os.FileMode) bool {
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

// sameWhenFolded reports whether two names differ only in case.
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

// maxListed is how many names of a directory are listed to find its manifest, before each
// usual name is tried instead. A directory may have a million files.
const maxListed = 2000

// usualNames lists the usual names of manifests, and the file that makes a directory a bag.
var usualNames = append([]string{bagDeclaration}, manifest.Usual...)

var isUsual = setOf(usualNames)

func setOf(names []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

func inOrder(there map[string]bool) (names []string) {
	for _, name := range usualOrSigned {
		if there[name] {
			names = append(names, name)
		}
	}
	return names
}

// list calls each with the names in the root and their types, until it returns false.
func (r *reader) list(each func(name string, mode os.FileMode) bool) error {
	return r.files.List(r.dir, ".", each)
}

// manifestError returns the error for a manifest that could not be read: an OSError if the
// operating system refused it, else a [*manifest.Error].
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

var (
	errLargeManifest = errors.New("manifest is larger than 1 GiB")
	errLargeTagFile  = errors.New("tag file is larger than 1 GiB")
)

// buffers are kept for later jobs, because a new one costs more than reading a small file.
var buffers = sync.Pool{New: func() any { return new([beneath.PieceSize]byte) }}

// readAll returns the content of a manifest or a tag file. tooLarge is the error if it is
// larger than limit.
func readAll(file beneath.File, limit int64, tooLarge error, stopped *atomic.Bool) (string, error) {
	size := file.Opened().Size
	if size > limit {
		return "", tooLarge
	}
	var content strings.Builder
	content.Grow(int(size))
	buffer := buffers.Get().(*[beneath.PieceSize]byte)
	defer buffers.Put(buffer)
	err := beneath.ReadPieces(file, buffer[:], stopped, func(p []byte) { content.Write(p) })
	return content.String(), err
}
