package engine

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A fuzzTree is a directory, its manifest, and the verdict on each file, all derived from the
// bytes of a fuzzer, without the engine.
type fuzzTree struct {
	root     string
	data     []byte
	calm     bool              // the only faults are missing and extra files
	contents map[string][]byte // by name; nil: not a regular file
	order    []string          // the listed names
	sums     map[string]map[string][]byte
	conflict map[string]bool
	manifest strings.Builder
}

// next returns a number below n, which the fuzzer's next byte determines.
func (f *fuzzTree) next(n int) int {
	if len(f.data) == 0 {
		return 0
	}
	b := f.data[0]
	f.data = f.data[1:]
	return int(b) % n
}

var fuzzNames = []string{"a", "b", "d/c", "d/e/f", "-", " x", "\xff", `back\slash`, "new\nline", "B", "d/g", "*"}

var fuzzAlgorithms = []struct {
	name string
	sum  func([]byte) []byte
}{
	{"sha1", func(b []byte) []byte { s := sha1.Sum(b); return s[:] }},
	{"md5", func(b []byte) []byte { s := md5.Sum(b); return s[:] }},
	{"sha256", func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }},
	{"sha512", func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }},
}

// createFiles creates files and, in place of some of them, directories and symlinks.
func (f *fuzzTree) createFiles(t *testing.T) {
	for _, name := range fuzzNames {
		path := filepath.Join(f.root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err != nil {
			t.Fatal(err)
		}
		kind := f.next(8)
		if f.calm && kind > 0 {
			kind = 3 // a file
		}
		switch kind {
		case 0: // nothing
		case 1:
			err = os.Mkdir(path, 0o755)
			f.contents[name] = nil
		case 2:
			err = os.Symlink("/etc/hostname", path)
			f.contents[name] = nil
		default:
			content := bytes.Repeat([]byte{byte(f.next(256))}, f.next(256)*f.next(8)*200)
			err = os.WriteFile(path, content, 0o644)
			f.contents[name] = append([]byte{}, content...)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// list adds a line to the manifest, with the right digest or a wrong one.
func (f *fuzzTree) list() {
	name := fuzzNames[f.next(len(fuzzNames))]
	algorithm := fuzzAlgorithms[f.next(len(fuzzAlgorithms))]
	digest := algorithm.sum(f.contents[name])
	if f.next(4) == 0 && !f.calm {
		digest[f.next(len(digest))] ^= 1 << f.next(8)
	}
	if f.sums[name] == nil {
		f.order = append(f.order, name)
		f.sums[name] = map[string][]byte{}
	}
	if known := f.sums[name][algorithm.name]; known != nil && !bytes.Equal(known, digest) {
		f.conflict[name] = true
	}
	f.sums[name][algorithm.name] = digest
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(name)
	if escaped != name {
		f.manifest.WriteString(`\`)
	}
	fmt.Fprintf(&f.manifest, "%x  %s%s\n", digest, []string{"", "./", ".//"}[f.next(3)], escaped)
}

// A fuzzVerdict is the expected or the actual verdict on a file.
type fuzzVerdict struct {
	name   string
	status Status
}

func byName(a, b fuzzVerdict) int { return strings.Compare(a.name, b.name) }

// want returns the verdicts that the rules require. Those on extra files come last, by name.
func (f *fuzzTree) want(extra ExtraMode) (verdicts []fuzzVerdict) {
	for _, name := range f.order {
		verdicts = append(verdicts, fuzzVerdict{name, f.verdict(name)})
	}
	if extra == IgnoreExtra {
		return verdicts
	}
	for name := range f.contents {
		info, err := os.Lstat(filepath.Join(f.root, name))
		if err == nil && !info.IsDir() && f.sums[name] == nil {
			verdicts = append(verdicts, fuzzVerdict{name, Extra})
		}
	}
	slices.SortFunc(verdicts[len(f.order):], byName)
	return verdicts
}

// isGood reports whether the whole is OK with these verdicts.
func isGood(verdicts []fuzzVerdict, options Options) bool {
	good := false
	for _, v := range verdicts {
		switch {
		case v.status == OK:
			good = true
		case v.status == Missing && options.IgnoreMissing, v.status == Extra && options.Extra == ReportExtra:
		default:
			return false
		}
	}
	return good
}

func (f *fuzzTree) verdict(name string) Status {
	content, there := f.contents[name]
	switch {
	case f.conflict[name]:
		return Conflict
	case !there:
		return Missing
	case content == nil:
		return Error
	}
	for _, algorithm := range fuzzAlgorithms {
		if sum := f.sums[name][algorithm.name]; sum != nil && !bytes.Equal(sum, algorithm.sum(content)) {
			return Failed
		}
	}
	return OK
}

// FuzzRun states: in every tree, with either resolution and any options, each file gets the
// verdict that the rules require, and the whole is OK if and only if the rules say so.
func FuzzRun(f *testing.F) {
	random := rand.NewChaCha8([32]byte{})
	for range 300 {
		seed := make([]byte, 200)
		random.Read(seed)
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tree := &fuzzTree{
			root: t.TempDir(), data: data,
			contents: map[string][]byte{}, sums: map[string]map[string][]byte{}, conflict: map[string]bool{},
		}
		tree.calm = tree.next(2) == 1
		tree.createFiles(t)
		options := Options{
			Workers: tree.next(4), Extra: ExtraMode(tree.next(3)), IgnoreMissing: tree.next(2) == 1,
			Results: AllResults, Totals: tree.next(2) == 1,
		}
		for range 1 + tree.next(30) {
			tree.list()
		}
		if err := os.WriteFile(filepath.Join(tree.root, "CHECKSUMS"), []byte(tree.manifest.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		want := tree.want(options.Extra)
		for resolution, open := range resolutions {
			j := newJob(tree.root, options)
			go j.run(open)
			var got []fuzzVerdict
			take := func(r *Result) bool { got = append(got, fuzzVerdict{r.Name, r.Status}); return true }
			for !j.Next(time.Second, take) {
			}
			report, err := j.Outcome()
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(got[len(tree.order):], byName)
			if !slices.Equal(got, want) || (report.Err() == nil) != isGood(want, options) {
				t.Errorf("%s, %+v: got %q, %v; want %q", resolution, options, got, report.Err(), want)
			}
		}
	})
}
