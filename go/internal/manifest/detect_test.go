package manifest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	sum40 = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
	b64   = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
)

// A goodManifest has no bad line. Its header must come before its entries.
type goodManifest struct {
	what, name    string
	format        string // that is detected
	header        string
	first, second string // its entries, which repeat in turn
}

var goodManifests = []goodManifest{
	{what: "gnu", name: "CHECKSUMS", format: "gnu", first: sum64 + "  a", second: sum64 + " *b c"},
	{what: "gnu with an algorithm", name: "SHA256SUMS", format: "gnu", first: sum64 + "  a", second: sum64 + "  b c"},
	{what: "gnu with one space", name: "CHECKSUMS", format: "gnu", first: sum64 + " a", second: sum64 + " b c"},
	{what: "gnu with dates in names", name: "CHECKSUMS", format: "gnu", first: sum64 + "  backup 20261126", second: sum64 + "  b 20261125"},
	{what: "gnu with digests as names", name: "CHECKSUMS", format: "gnu", first: sum64 + "  " + sum64, second: sum40 + "  " + sum40},
	{what: "tag", name: "CHECKSUMS", format: "tag", first: "SHA256 (a) = " + sum64, second: "SHA1 (b c) = " + sum40},
	{what: "openssl", name: "CHECKSUMS", format: "tag", first: "SHA2-256(a)= " + sum64, second: "SHA2-512/256(b c)= " + sum64},
	{what: "gnu and tag", name: "CHECKSUMS", format: "gnu", first: sum64 + "  a", second: "SHA1 (b c) = " + sum40},
	{what: "hashdeep", name: "known.txt", format: "hashdeep", header: hashdeepMark + "\n%%%% size,md5,sha256,filename\n## x\n",
		first: "3," + sum64[:32] + "," + sum64 + ",a", second: "4," + sum64[:32] + "," + sum64 + ",b 20261126"},
	{what: "record", name: "CHECKSUMS", format: "record", first: "a,sha256=" + b64 + ",3", second: `"b,c",sha256=` + b64 + ","},
	{what: "RECORD", name: "RECORD", format: "record", first: "a,sha256=" + b64 + ",3", second: `"b,c",sha256=` + b64 + ","},
	{what: "sidecar", name: "x.zip.sha256", format: "sidecar", first: sum64},
	{what: "pooch", name: "registry.txt", format: "pooch", first: "a " + sum64, second: `"b c" md5:` + sum64[:32] + " https://x/y"},
	{what: "get-filehash", name: "CHECKSUMS", format: "get-filehash", first: "SHA256          " + sum64 + "  a", second: "SHA1            " + sum40 + "  b c"},
	{what: "get-filehash in CSV", name: "CHECKSUMS", format: "get-filehash", first: `"SHA256","` + sum64 + `","a"`, second: "SHA1," + sum40 + ",b c"},
	{what: "gpg", name: "CHECKSUMS", format: "gpg", first: "a.txt: " + groups(sum40, 4), second: "b/c.gz: " + groups(sum64, 8)},
	{what: "sum", name: "CHECKSUMS", format: "sum", first: "36979     1 a", second: "00542  1234 b c"},
	{what: "cksum", name: "CHECKSUMS", format: "sum", first: "3015617425 6 a", second: "4294967295 0 b c"},
	{what: "colon", name: "CHECKSUMS", format: "colon", first: "a.tgz: " + sum64, second: "d/b.zip: " + sum40},
	{what: "debian", name: "CHECKSUMS", format: "debian", header: "Origin: x\nSHA256:\n", first: " " + sum64 + " 6 a", second: " " + sum64 + "   17 b/c"},
	{what: "sfv", name: "CHECKSUMS", format: "sfv", first: "a 5a5a5a5a", second: "b c   12345678"},
	{what: "x.sfv", name: "x.sfv", format: "sfv", first: "a 5a5a5a5a", second: "b c   12345678"},
	{what: "bagit", name: "manifest-sha256.txt", format: "bagit", first: sum64 + "  data/a", second: sum64 + " data/b%0Ac"},
}

// strangeLines lists lines that get into manifests and that no tool for manifests wrote.
var strangeLines = []string{
	"Checksums",
	"Release checksums",
	"Checksums of build",
	"Checksums of build 20261126",
	"Built on 20261126 at noon",
	"The checksums of all files here",
	"20261126",
	"Release 20261126",
	"=================",
	"SM3(f)= " + sum64,
	"SM3 (f) = " + sum64,
	"SM3(f)= 12345678",
	"SM3 (f) = 12345678",
	"RIPEMD-160(f)= " + sum40,
	"SHA2-256(f)= " + sum40,
	"SHA256 (f) = " + sum64[:20],
	"SHA256 (f) =",
	"SHA256 (f",
	"CRC32 (f) = 1234567",
	"SHA256: " + sum64,
	"0:",
	"Fingerprint: " + groups(sum40, 4),
	"Key fingerprint = " + groups(sum40, 4),
	"f: " + sum64,
	"sha256 " + sum64,
	"sha256  " + sum64,
	"MD5\t" + sum64[:32],
	"f = " + sum64,
	"sha256sum " + sum64,
	"SHA256 checksum\t" + sum64,
	"Revision: " + sum40,
	sum64 + " (SHA256): f",
	sum64 + " = f",
	"f: SHA224 = 5A5A5A5A 5A5A5A5A 5A5A5A5A 5A5A5A5A",
	"            5A5A5A5A 5A5A5A5A 5A5A5A5A",
	"Checksums-Sha256:",
	"CRC32: 12345678",
	sum64[:17],
	sum64[:17] + "  f",
	sum64,
	sum64 + "  ",
	sum64 + " is the sum of f",
	sum64 + "\tf",
	"f " + sum64[:50],
	"f " + sum64,
	"f 1234567",
	"# x",
	"// x",
	"; x",
	"   ",
	"\t",
	"-----BEGIN PGP SIGNATURE-----",
	"-----END PGP SIGNATURE-----",
	"Hash: SHA256",
	"iQIzBAEBCAAdFiEE0123456789abcdef0123456789abcdefFAmZ",
	"<html>",
	"<!DOCTYPE html>",
	"<p>Checksums of <b>x</b></p>",
	"{",
	`{"a": "` + sum64 + `"}`,
	"name,digest,size",
	"filename,sha256",
	"a,sha256=" + b64[:20] + ",3",
	"a,sm3=" + b64 + ",3",
	"%PDF-1.7",
	hashdeepMark,
	"%%%% size,sm3,filename",
	"%%%% size,md5",
	lfsPointer + "spec/v1",
	"\xff\x00\x01",
	"\x00\x00\x00",
	sum64[:20] + "\x00",
	pgpMessage[:20],
	strings.Repeat("x", MaxLine+1),
}

// insert puts a line before the entry with that index, of n entries of a good manifest, or
// before the header if the index is -1. It returns the number of the line.
func (g *goodManifest) insert(line string, at, n int) (text string, number int) {
	var lines []string
	for i := range n {
		lines = append(lines, []string{g.first, g.second}[i%2])
	}
	if at < 0 {
		return line + "\n" + g.header + strings.Join(lines, "\n") + "\n", 1
	}
	lines = slices.Insert(lines, at, line)
	return g.header + strings.Join(lines, "\n") + "\n", strings.Count(g.header, "\n") + at + 1
}

// sizes returns how many entries the manifest has in the tests. A sidecar has only one.
func (g *goodManifest) sizes() []int {
	if g.second == "" {
		return []int{1}
	}
	return []int{2, 3, firstLines + 50}
}

// isStrange reports whether a line is a bad one in such a manifest. In one with a single entry,
// it must not be a line of another format either.
func (g *goodManifest) isStrange(line string) bool {
	if more := FormatByName(g.format).more; more != nil && (more(g.first, 1, line) || more(line, 1, g.first)) {
		return false // it would be a part of an entry
	}
	m, err := parse(g.header+line+"\n"+g.first+"\n", Options{Name: g.name, Format: FormatByName(g.format)})
	if err != nil || m.BadLineCount != 1 || m.Len() == 0 {
		return false
	}
	_, err = parse(line+"\n", Options{Name: g.name})
	return g.second != "" || err != nil
}

func haveSameEntries(a, b *Manifest) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if a.Entry(i) != b.Entry(i) {
			return false
		}
	}
	return true
}

func TestAStrangeLineAnywhereIsOneBadLineAndHidesNoOther(t *testing.T) {
	tried := 0
	for _, g := range goodManifests {
		lines := slices.DeleteFunc(slices.Clone(strangeLines), func(line string) bool { return !g.isStrange(line) })
		sizes := g.sizes()
		if underRace {
			sizes = sizes[:1]
		}
		for _, n := range sizes {
			want := g.parse(t, n)
			places := []int{-1, 0, 1, n / 2, n}
			slices.Sort(places)
			for _, line := range lines {
				for _, at := range slices.Compact(places) {
					tried++
					g.checkInsertion(t, want, line, at, n)
				}
			}
		}
	}
	t.Logf("%d manifests", tried)
}

func TestSeveralHeadingsWithDatesDoNotOutweighOneEntry(t *testing.T) {
	headings := "Checksums of build 20261126\nReleased on 20261125\nSigned on 20261126\n"
	for name, entry := range map[string]string{"gnu": sum64 + "  a", "pooch": "a " + sum64, "sfv": "a 5a5a5a5a"} {
		m, err := parse(headings+entry+"\n", Options{Name: "CHECKSUMS"})
		if err != nil || m.Format.Name != name {
			t.Errorf("%s: got %v, %v", name, m, err)
		}
	}
	if m, err := parse("a 20261126\nb 20261127\n", Options{Name: "CHECKSUMS"}); err != nil || m.Format.Name != "sfv" || m.Len() != 2 {
		t.Errorf("nothing but digests that look like dates: got %v, %v", m, err)
	}
}

// parse parses a good manifest of n entries.
func (g *goodManifest) parse(t *testing.T, n int) *Manifest {
	t.Helper()
	good, _ := g.insert("", n, n)
	m, err := parse(good, Options{Name: g.name})
	if err != nil {
		t.Fatalf("%s of %d entries: %v", g.what, n, err)
	}
	return m
}

// checkInsertion fails the test unless a line that is inserted into a good manifest of n entries
// is one bad line, and leaves the entries as they are.
func (g *goodManifest) checkInsertion(t *testing.T, want *Manifest, line string, at, n int) {
	t.Helper()
	text, number := g.insert(line, at, n)
	got, err := parse(text, Options{Name: g.name})
	where := fmt.Sprintf("%s of %d entries with %.50q as line %d", g.what, n, line, number)
	switch {
	case err != nil:
		t.Errorf("%s: %v", where, err)
	case got.Format != want.Format || !haveSameEntries(got, want):
		t.Errorf("%s: got %d entries of %s, want %d of %s", where, got.Len(), got.Format.Name, want.Len(), want.Format.Name)
	case got.BadLineCount != 1 || got.BadLines[0].Line != number:
		t.Errorf("%s: the bad lines are %v", where, got.BadLines)
	}
}

// FuzzStrangeLine states the same for any line.
func FuzzStrangeLine(f *testing.F) {
	for i, line := range strangeLines {
		f.Add(line, uint8(i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, line string, which, at uint8) {
		g := goodManifests[int(which)%len(goodManifests)]
		n := g.sizes()[0]
		if strings.ContainsAny(line, "\r\n\x00") || !g.isStrange(line) || startsContent(line) {
			return
		}
		g.checkInsertion(t, g.parse(t, n), line, int(at)%(n+2)-1, n)
	})
}

// startsContent reports whether a line that begins a manifest says how its bytes are encoded or
// that they are signed.
func startsContent(line string) bool {
	for _, begin := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff", pgpMessage} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}
