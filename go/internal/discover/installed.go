package discover

import (
	"path"
	"strings"
)

// baseOfRecord returns the directory from which the names in a RECORD count: that in which its
// ".dist-info" is. It returns "" if that is the root, or if name is not that of a RECORD.
func baseOfRecord(name string) string {
	info := path.Dir(name)
	if path.Base(name) != "RECORD" || !strings.HasSuffix(info, ".dist-info") || path.Dir(info) == "." {
		return ""
	}
	return path.Dir(info)
}

// fromBase returns the name, from the root, of a file whose name counts from the directory base.
// Each ".." at its beginning leads to the directory above, as for a script of an installed
// package. A name that is absolute or leads out of the root stays as it is, and so it is
// refused.
func fromBase(base, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	for rest := name; ; {
		first, after, found := strings.Cut(rest, "/")
		switch {
		case found && (first == "" || first == "."):
			rest = after
		case !found || first != "..":
			return strings.TrimPrefix(base+"/", "./") + rest
		case base == ".":
			return name
		default:
			base, rest = path.Dir(base), after
		}
	}
}
