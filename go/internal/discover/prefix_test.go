package discover

import (
	"path"
	"strings"
	"testing"

	"checksig/internal/beneath"
)

func TestCommonPrefixIsTheLongestDirectoryOfAllNames(t *testing.T) {
	for want, names := range map[string][]string{
		"":            {"a/b", "c/d"},
		"a/":          {"a/b", "./a//c/d", "a/ab"},
		"/":           {"/a/b", "/c"},
		"/a/":         {"/a/b/c", "/a/bc"},
		"../out/":     {"../out/a", "../out/b/c"},
		"/mnt/old/d/": {"/mnt/old/d/a"},
	} {
		if got := CommonPrefix(len(names), func(i int) string { return names[i] }); got != want {
			t.Errorf("%q: got %q, want %q", names, got, want)
		}
	}
	if got := CommonPrefix(2, func(i int) string { return []string{"a", "/a/b"}[i] }); got != "" {
		t.Errorf("got %q, want none", got)
	}
}

// FuzzElsewhere states the law of names that do not count from the root: what is left is a part
// of the listed name, and no such name that is accepted leads elsewhere than the listed one.
func FuzzElsewhere(f *testing.F) {
	for _, name := range []string{"a", "target/release/a", "./target//release/./a", "/mnt/a", "../../../bin/x", "../../../../x", "a/../b", "..", ".", ""} {
		f.Add(name, "target/release")
		f.Add(name, "/")
		f.Add(name, "lib/python3/site-packages")
	}
	f.Fuzz(func(t *testing.T, name, dir string) {
		if prefix := CleanPrefix(dir); prefix != "" {
			rest := stripPrefix(name, prefix)
			if rest != name && (!strings.HasSuffix(name, rest) || CleanPrefix(name) != prefix+CleanPrefix(rest)) {
				t.Errorf("%q without %q is %q", name, prefix, rest)
			}
		}
		base := path.Clean(dir)
		if base == "." || strings.HasPrefix(base, "/") || strings.HasPrefix(base, "..") {
			return
		}
		clean, err := beneath.Clean(fromBase(base, name))
		if err == nil && strings.TrimSuffix(clean, "/") != path.Join(base, name) {
			t.Errorf("%q from %q is %q, not %q", name, base, clean, path.Join(base, name))
		}
	})
}
