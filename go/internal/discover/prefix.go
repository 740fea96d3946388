package discover

import (
	"fmt"
	"path/filepath"
	"strings"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// CleanPrefix returns the path of a directory as names can begin with it: without empty and "."
// elements, and with a slash at its end. It returns "" if nothing is left.
func CleanPrefix(path string) string {
	var kept strings.Builder
	if strings.HasPrefix(path, "/") {
		kept.WriteByte('/')
	}
	for element := range strings.SplitSeq(path, "/") {
		if element != "" && element != "." {
			kept.WriteString(element)
			kept.WriteByte('/')
		}
	}
	return kept.String()
}

// stripPrefix returns name without prefix, which comes from [CleanPrefix], or name itself if it
// is not below prefix.
func stripPrefix(name, prefix string) string {
	rest, found := strings.CutPrefix(name, prefix)
	if !found {
		dir, file := splitName(name)
		if rest, found = strings.CutPrefix(CleanPrefix(dir)+file, prefix); !found {
			return name
		}
	}
	if rest = strings.TrimLeft(rest, "/"); rest == "" {
		return name
	}
	return rest
}

// splitName splits a name before its last element.
func splitName(name string) (dir, file string) {
	at := strings.LastIndexByte(name, '/') + 1
	return name[:at], name[at:]
}

// strip takes the prefix of the caller off the names of a manifest, and "/" if the root is
// the root of the file system, below which are all absolute names.
func (r *reader) strip(source *Source) {
	if prefix := r.options.StripPrefix; prefix != "" {
		if source.Backslashes {
			prefix = CleanPrefix(strings.ReplaceAll(prefix, `\`, "/"))
		}
		stripped := r.count(source, prefix)
		source.prefixes = append(source.prefixes, prefix)
		if stripped > 0 {
			r.stripped = true
			source.Notes = append(source.Notes, fmt.Sprintf("%q is taken off %d of %d entries", prefix, stripped, source.Manifest.Len()))
		}
	}
	if root, err := filepath.Abs(r.root); err == nil && root == "/" {
		source.prefixes = append(source.prefixes, "/")
	}
}

// count returns how many names of a manifest are below prefix.
func (r *reader) count(source *Source, prefix string) int {
	count := 0
	for i := range source.Manifest.Len() {
		if i%manifest.StopEvery == 0 && r.files.Stopped.Load() {
			break
		}
		name := source.entryName(i)
		if stripPrefix(name, prefix) != name {
			count++
		}
	}
	return count
}

// checkStripped returns an error if no name begins with the prefix of the caller.
func (r *reader) checkStripped() error {
	if r.options.StripPrefix == "" || r.stripped || r.files.Stopped.Load() {
		return nil
	}
	return &manifest.Error{Path: r.found[0].Path, Reason: fmt.Sprintf("no name begins with %q", r.options.StripPrefix)}
}

// CommonPrefix returns the longest directory with which all names begin, as from [CleanPrefix],
// or "" if there is none. name returns the name with that index; there are count.
func CommonPrefix(count int, name func(index int) string) string {
	if count == 0 {
		return ""
	}
	dir, _ := splitName(name(0))
	common := CleanPrefix(dir)
	for i := 1; i < count && common != ""; i++ {
		dir, _ := splitName(name(i))
		for dir = CleanPrefix(dir); !strings.HasPrefix(dir, common); common = parentOf(common) {
		}
	}
	return common
}

// parentOf returns the directory above one, both as from [CleanPrefix]; "" if there is none.
func parentOf(dir string) string {
	if dir == "/" {
		return ""
	}
	parent, _ := splitName(strings.TrimSuffix(dir, "/"))
	return parent
}

// WithoutPrefix returns the longest directory with which name begins, and which is part of
// prefix, without which name exists below dir; "" if there is none.
func WithoutPrefix(dir *beneath.Root, name, prefix string) string {
	for ; prefix != ""; prefix = parentOf(prefix) {
		rest, err := beneath.Clean(stripPrefix(name, prefix))
		if err != nil {
			continue
		}
		if _, err = dir.Size(rest); err == nil {
			return prefix
		}
	}
	return ""
}
