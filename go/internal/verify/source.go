package verify

import (
	"cmp"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/manifest"
)

// readManifest finds the manifest of dir, reads it once, and parses what it
// read. It returns its name, too.
func readManifest(
	root string, dir *beneath.Root, algorithm *digest.Algorithm, stopped *atomic.Bool,
) (string, *manifest.Manifest, error) {
	candidate, file, err := findManifest(root, dir, stopped)
	if err != nil {
		return "", nil, err
	}
	path := Join(root, candidate.Name)
	defer closeCounted(file)
	text, err := readAll(file, stopped)
	if err != nil {
		return "", nil, manifestError(path, err)
	}
	parsed := manifest.Parse(text, cmp.Or(algorithm, candidate.Algorithm), stopped)
	if parsed.Len() == 0 {
		return "", nil, nothingListed(path, parsed)
	}
	return candidate.Name, parsed, nil
}

// findManifest opens the first candidate that exists. One that exists and
// cannot be read is an error: the next one may say less.
func findManifest(root string, dir *beneath.Root, stopped *atomic.Bool) (manifest.Candidate, File, error) {
	files := opener{patience{stopped: stopped}, opens(dir)}
	for _, candidate := range manifest.Candidates {
		file, err := files.Open(candidate.Name)
		if err == nil {
			return candidate, file, nil
		}
		if errors.Is(err, beneath.ErrMissing) && !dir.Exists(candidate.Name) {
			continue
		}
		return candidate, nil, manifestError(Join(root, candidate.Name), err)
	}
	return manifest.Candidate{}, nil, &manifest.NotFoundError{Dir: root}
}

// manifestError tells what the operating system refused from what must not
// serve as a manifest.
func manifestError(path string, err error) error {
	if errors.Is(err, beneath.ErrMissing) {
		return &manifest.Error{Path: path, Reason: "is a dangling symlink"}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && errno != syscall.EXDEV {
		return &OSError{path, errno}
	}
	return &manifest.Error{Path: path, Reason: err.Error()}
}

func nothingListed(path string, parsed *manifest.Manifest) error {
	if len(parsed.BadLines) == 0 {
		return &manifest.Error{Path: path, Reason: "lists no file"}
	}
	first := parsed.BadLines[0]
	return &manifest.Error{Path: path, Line: first.Line, Reason: first.Reason + " (no line of this manifest is valid)"}
}

var errTooLarge = errors.New("larger than 1 GiB")

// readAll returns the content of a manifest.
func readAll(file File, stopped *atomic.Bool) (string, error) {
	size := file.Opened().Size
	if size > manifest.MaxSize {
		return "", errTooLarge
	}
	var text strings.Builder
	text.Grow(int(size))
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	err := drain(file, buffer[:], stopped, func(p []byte) { text.Write(p) })
	return text.String(), err
}
