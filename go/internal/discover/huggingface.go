package discover

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// huggingFace is the directory in which "hf download --local-dir" keeps a file NAME.metadata
// for each file. It has three lines: a commit, an etag, and a time. The etag is the file's
// SHA-256 or, if it has 40 digits, its SHA-1 as git computes it.
const huggingFace = ".cache/huggingface/download"

// readHuggingFace adds one manifest with the digests of all that metadata.
func (r *reader) readHuggingFace() error {
	var names []string
	isMetadata := func(name string, _ *beneath.Sum) bool { return strings.HasSuffix(name, ".metadata") }
	var failed error
	listDir := func(dir string, each func(string, os.FileMode) bool) error {
		return r.files.List(r.dir, dir, each)
	}
	walk := beneath.Walk{List: listDir, Stopped: r.files.Stopped, Most: beneath.MaxNames, Keep: isMetadata}
	walk.Run(huggingFace, func(item beneath.Item) bool {
		if item.Err != nil {
			failed = &beneath.OSError{Path: beneath.Join(r.root, item.Name), Err: item.Err}
			return false
		}
		names = append(names, item.Name)
		return true
	})
	if failed != nil {
		return failed
	}
	slices.Sort(names)
	var list strings.Builder
	var badLines []string
	for _, name := range names {
		content, err := r.tagFile(name)
		if err != nil {
			badLines = append(badLines, fmt.Sprintf("%q: %s", name, reasonOf(err)))
			continue
		}
		file := strings.TrimSuffix(strings.TrimPrefix(name, huggingFace+"/"), ".metadata")
		etag, algorithm := etagOf(content)
		if algorithm == "" {
			badLines = append(badLines, fmt.Sprintf("%q has no etag that is a digest", name))
			continue
		}
		fmt.Fprintf(&list, "%s -1 %s %s\x00", algorithm, etag, file)
	}
	path := beneath.Join(r.root, huggingFace)
	before := len(r.found)
	err := r.add(path, huggingFace, list.String(), manifest.Options{Format: manifest.FormatByName("list"), MayBeEmpty: len(badLines) > 0})
	if err != nil {
		return err
	}
	for _, reason := range badLines {
		r.found[before].AddBadLine(0, reason)
	}
	r.found[before].State = stateOf(list.String(), nil)
	r.found[before].Notes = append(r.found[before].Notes, "metadata of hf download --local-dir")
	return nil
}

// inHuggingFace reports whether a name is that of a file which belongs to that metadata.
func inHuggingFace(name string) bool {
	return strings.HasPrefix(name, strings.TrimSuffix(huggingFace, "download"))
}

// etagOf returns the digest in the content of a metadata file and its algorithm, or "" if
// there is none.
func etagOf(content string) (etag, algorithm string) {
	lines := strings.Split(content, "\n")
	if len(lines) < 2 {
		return "", ""
	}
	etag = strings.TrimSuffix(lines[1], "\r")
	if strings.Trim(etag, "0123456789abcdef") != "" {
		return "", ""
	}
	return etag, map[int]string{64: "sha256", 40: "git-sha1"}[len(etag)]
}
