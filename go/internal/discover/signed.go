package discover

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"checksig/internal/beneath"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

// usualOrSigned lists the usual names, each followed by those of a manifest with its signature
// around it: X.asc as OpenPGP, and X.sig as signify writes it.
var usualOrSigned = func() (names []string) {
	for _, name := range usualNames {
		names = append(names, name)
		if name != bagDeclaration {
			names = append(names, name+".asc", name+".sig")
		}
	}
	for _, name := range manifest.Bare {
		names = append(names, name+".sig")
	}
	return names
}()

var isUsualOrSigned = setOf(usualOrSigned)

// hasManifestName reports whether a name, which is not a usual one, is that of a manifest. The
// signature of one is not.
func (r *reader) hasManifestName(name string) bool {
	stem := manifest.SignedBy(name)
	if !manifest.MayHaveMessage(name) || !manifest.IsManifest(stem) {
		return manifest.IsManifest(name)
	}
	return r.isInSignature(name) || strings.HasSuffix(name, ".asc") && !r.dir.Exists(stem)
}

// isInSignature reports whether the file name, X.asc or X.sig, is a manifest with its signature
// around it, and not only the signature of X.
func (r *reader) isInSignature(name string) bool {
	alone := r.options.Trust.Keys != nil || !r.dir.Exists(manifest.SignedBy(name))
	return alone && manifest.HasMessage(r.peek(name))
}

// peek returns the first bytes of a file, or "" if it cannot be read.
func (r *reader) peek(name string) string {
	file, err := r.files.Open(name)
	if err != nil {
		return ""
	}
	defer limits.Close(file)
	buffer := make([]byte, peeked)
	n, err := file.Read(buffer)
	if err != nil && err != io.EOF {
		return ""
	}
	return string(buffer[:n])
}

const peeked = 4096 // bytes of a file, to find out what it is

// nameInside returns the path of a manifest without the suffix of the signature around it.
func nameInside(path, content string) string {
	if stem := manifest.SignedBy(path); stem != "" && manifest.HasMessage(content) {
		return stem
	}
	return path
}

// linesBefore returns how many lines of a manifest come before its signed text.
func linesBefore(text, content string) int {
	if text == content {
		return 0
	}
	return manifest.LinesBefore(content)
}

const signatureNotChecked = "signature not checked"

// noteSignatures notes that a manifest has signatures, which were not asked for.
func (r *reader) noteSignatures(source *Source) {
	if !slices.Contains(source.Notes, signatureNotChecked) && len(r.signatures(source)) > 0 {
		source.Notes = append(source.Notes, signatureNotChecked)
	}
}

// signatures returns the paths of the signatures beside a manifest.
func (r *reader) signatures(source *Source) (paths []string) {
	for _, suffix := range manifest.SignatureSuffixes {
		if r.isThereBeside(source, suffix) {
			paths = append(paths, source.Path+suffix)
		}
	}
	return paths
}

// isThereBeside reports whether there is a file that is called like a manifest and a suffix. If
// the caller named the manifest, it need not be below the root.
func (r *reader) isThereBeside(source *Source, suffix string) bool {
	var err error
	if r.options.Manifest != "" {
		var info os.FileInfo
		if info, err = os.Stat(source.Path + suffix); err == nil && info.IsDir() {
			return false
		}
	} else if name := source.name + suffix; r.signatureNames == nil || r.signatureNames[name] || strings.Contains(name, "/") {
		_, err = r.dir.Size(name)
	} else {
		return false
	}
	for _, none := range []error{beneath.ErrMissing, beneath.ErrDirectory, os.ErrNotExist, syscall.ENAMETOOLONG} {
		if errors.Is(err, none) {
			return false
		}
	}
	return true
}
