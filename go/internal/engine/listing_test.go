package engine

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"checksig/internal/beneath"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

const (
	sha1OfA = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"
	zeros   = "0000000000000000000000000000000000000000"
)

func writeEntries(t *testing.T, root string, entries ...string) (*Report, error) {
	t.Helper()
	options := Options{Task: WriteEntries, Results: BadResults, Listing: manifest.FormatByName("gnu")}
	options.List = strings.Join(entries, "\x00") + "\x00"
	j := begin(t, root, options)
	defer j.Close(0)
	collect(t, j, 10)
	return j.Outcome()
}

func TestAListingHasTheDigestsOfFilesAndThoseThatAreListed(t *testing.T) {
	root := write(t, map[string]string{"a": "a", "c\n": "a"})
	report, err := writeEntries(t, root, "sha1 -1 - a", "sha1 -1 "+zeros+" b", "sha1 -1 - c\n")
	if err != nil {
		t.Fatal(err)
	}
	want := sha1OfA + "  a\n" + zeros + "  b\n\\" + sha1OfA + "  c\\n\n"
	if got := linesOf(report.Listing); got != want {
		t.Errorf("got %q, not %q", got, want)
	}
	if report.Files != 2 || report.Bytes != 2 {
		t.Errorf("%d files and %d bytes were hashed, not 2 and 2", report.Files, report.Bytes)
	}
}

func TestAListingOfListedDigestsReadsNoFile(t *testing.T) {
	report, err := writeEntries(t, t.TempDir(), "sha1 -1 "+zeros+" a")
	if err != nil {
		t.Fatal(err)
	}
	if got := linesOf(report.Listing); got != zeros+"  a\n" {
		t.Errorf("got %q", got)
	}
}

// linesOf returns all lines of a listing.
func linesOf(l *Listing) (all string) {
	for lines := l.Next(); len(lines) > 0; lines = l.Next() {
		all += string(lines)
	}
	return all
}

// inChunks makes each of three cores render so many entries at once.
func inChunks(t *testing.T, size int) {
	cores, before := limits.SetCores(3), chunkSize
	chunkSize = size
	t.Cleanup(func() {
		limits.SetCores(cores)
		chunkSize = before
	})
}

func TestAListingIsTheSameInChunksOfAnySize(t *testing.T) {
	for count := 1; count < 20; count++ {
		var entries []string
		want := ""
		for i := range count {
			entries = append(entries, fmt.Sprintf("sha1 -1 %040d %02d", i, i))
			want += fmt.Sprintf("%040d  %02d\n", i, i)
		}
		digest := ""
		for _, size := range []int{1, 2, 3, 5, 100} {
			inChunks(t, size)
			report, err := writeEntries(t, t.TempDir(), entries...)
			if err != nil {
				t.Fatal(err)
			}
			if got := linesOf(report.Listing); got != want {
				t.Errorf("%d entries in chunks of %d: got\n%s", count, size, got)
			}
			got := string(report.Sources[0].Entries)
			if digest = cmp.Or(digest, got); got == "" || got != digest {
				t.Errorf("%d entries in chunks of %d have another digest", count, size)
			}
		}
	}
}

func TestTheFirstEntryThatCannotBeListedIsNamed(t *testing.T) {
	lookInParts(t)
	for first := range 6 {
		entries := make([]string, 6)
		for i := range entries {
			if entries[i] = fmt.Sprintf("sha1 -1 %s %d", zeros, i); i >= first {
				entries[i] = fmt.Sprintf("crc32 -1 %.8s %d", zeros, i)
			}
		}
		entries[5] = "sysv -1 0000 5"
		want := `the format "gnu" cannot list digests of crc32`
		if first == 5 {
			want = `the format "gnu" cannot list digests of sysv`
		}
		if _, err := writeEntries(t, t.TempDir(), entries...); err == nil || err.Error() != want {
			t.Errorf("from entry %d on: got %v", first, err)
		}
	}
}

func TestABadFileLeavesNoListing(t *testing.T) {
	report, err := writeEntries(t, write(t, map[string]string{"a": "a"}), "sha1 -1 - a", "sha1 -1 - b")
	if err != nil || report.Listing != nil || report.Bad != 1 {
		t.Errorf("got %+v, %v", report, err)
	}
}

func TestAFileThatIsListedTwiceCannotBeWritten(t *testing.T) {
	for _, second := range []string{"sha1 -1 - a", "sha1 -1 - ./a", "md5 -1 - a"} {
		_, err := writeEntries(t, t.TempDir(), "sha1 -1 - a", second)
		if _, ok := err.(*UnwritableError); !ok || err.Error() != "a file is listed twice" {
			t.Errorf("%q: got %v", second, err)
		}
	}
}

func TestTheDigestOfEntriesDependsOnThemAlone(t *testing.T) {
	root := write(t, map[string]string{
		"gnu":   zeros + "  a\n" + zeros + "  b\n",
		"tag":   "# comment\nSHA1 (a) = " + zeros + "\nSHA1 (b) = " + zeros + "\n",
		"order": zeros + "  b\n" + zeros + "  a\n",
		"name":  zeros + "  a\n" + zeros + "  B\n",
		"sum":   zeros + "  a\n" + strings.Replace(zeros, "0", "1", 1) + "  b\n",
	})
	digests := map[string]string{}
	for _, name := range []string{"gnu", "tag", "order", "name", "sum"} {
		options := Options{Task: ReadEntries, DigestEntries: true}
		options.Manifest = filepath.Join(root, name)
		j := begin(t, root, options)
		if results := collect(t, j, 10); len(results) > 0 {
			t.Errorf("%s: got %d entries", name, len(results))
		}
		report, err := j.Outcome()
		if err != nil {
			t.Fatal(err)
		}
		digests[name] = string(report.Sources[0].Entries)
	}
	report, err := writeEntries(t, root, "sha1 -1 "+zeros+" a", "sha1 -1 "+zeros+" b")
	if err != nil {
		t.Fatal(err)
	}
	linesOf(report.Listing) // sets the digest
	if digests["gnu"] != digests["tag"] || digests["gnu"] != string(report.Sources[0].Entries) {
		t.Error("the same entries have several digests")
	}
	for _, name := range []string{"order", "name", "sum"} {
		if digests[name] == digests["gnu"] {
			t.Errorf("%s: other entries have the same digest", name)
		}
	}
}

func TestPackedNamesAreThoseOfAllRegularFiles(t *testing.T) {
	root := t.TempDir()
	var want []string
	for i := range 900 {
		name := fmt.Sprintf("d%d/%d%s", i%3, i, strings.Repeat("x", 200))
		want = append(want, name)
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(root, "link")); err != nil {
		t.Skip(err)
	}
	j := begin(t, root, Options{Task: FindFiles, PackNames: true})
	var got []string
	for _, r := range collect(t, j, 1) {
		switch {
		case len(r.Name) > PackedNames:
			t.Errorf("a result has %d bytes", len(r.Name))
		case r.Packed:
			names := strings.Split(r.Name, "\x00")
			got = append(got, names[:len(names)-1]...)
		case r.Name != "link" || r.Err != beneath.ErrSymlink:
			t.Errorf("got %+v", r)
		}
	}
	if slices.Sort(want); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("got %d names, not these %d", len(got), len(want))
	}
	if _, err := j.Outcome(); err != nil {
		t.Error(err)
	}
}
