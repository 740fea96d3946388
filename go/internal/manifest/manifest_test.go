package manifest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"checksig/internal/digest"
)

var gnuEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

// canonical writes an entry's line as the format's own tool writes it. It returns "" if the
// format cannot represent the name.
var canonical = map[string]func(e Entry) string{
	"gnu": func(e Entry) string {
		escaped := gnuEscapes.Replace(e.Name)
		mark := ""
		if escaped != e.Name {
			mark = `\`
		}
		return fmt.Sprintf("%s%s (%s) = %x\n", mark, strings.ToUpper(e.Algorithm.Name), escaped, e.Digest())
	},
	"sfv": func(e Entry) string {
		if strings.ContainsAny(e.Name, "\r\n") || strings.HasPrefix(e.Name, ";") || strings.HasPrefix(e.Name, "#") ||
			strings.TrimRight(e.Name, " \t") != e.Name || strings.IndexByte("\xef\xfe\xff", e.Name[0]) >= 0 {
			return "" // those bytes could begin a byte order mark
		}
		return fmt.Sprintf("%s %x\n", e.Name, e.Digest())
	},
	"pooch": func(e Entry) string {
		if strings.ContainsAny(e.Name, "\r\n") {
			return ""
		}
		quoted := "'" + e.Name + "'"
		if strings.Contains(e.Name, "'") {
			quoted = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(e.Name) + `"`
		}
		return fmt.Sprintf("%s %s:%x\n", quoted, e.Algorithm.Name, e.Digest())
	},
	"bagit": func(e Entry) string {
		if strings.TrimLeft(e.Name, " \t*") != e.Name {
			return ""
		}
		name := strings.NewReplacer("%", "%25", "\n", "%0A", "\r", "%0D").Replace(e.Name)
		return fmt.Sprintf("%x  %s\n", e.Digest(), name)
	},
	"colon": func(e Entry) string {
		return fmt.Sprintf("# %s hash\n%s: %x\n", e.Algorithm.Name, e.Name, e.Digest())
	},
	"debian": func(e Entry) string {
		return fmt.Sprintf("Checksums-%s:\n %x %d %s\n", e.Algorithm.Name, e.Digest(), e.Size, e.Name)
	},
	"record": func(e Entry) string {
		if strings.ContainsAny(e.Name, "\r\n") {
			return ""
		}
		size := ""
		if e.Size >= 0 {
			size = fmt.Sprint(e.Size)
		}
		name := `"` + strings.ReplaceAll(e.Name, `"`, `""`) + `"`
		return fmt.Sprintf("%s,%s=%s,%s\n", name, e.Algorithm.Name, base64.RawURLEncoding.EncodeToString(e.Digest()), size)
	},
	"gpg": func(e Entry) string {
		if strings.ContainsAny(e.Name, "\r\n") || strings.HasPrefix(e.Name, "#") || strings.HasPrefix(e.Name, " ") ||
			strings.HasPrefix(e.Name, "//") || strings.HasPrefix(e.Name, ";") || strings.IndexByte("\xef\xfe\xff", e.Name[0]) >= 0 {
			return ""
		}
		digits := fmt.Sprintf("%x", e.Digest())
		half := len(digits) / 2
		return fmt.Sprintf("%s: %s = %s\n    %s\n", e.Name, e.Algorithm.Name, groups(digits[:half], 2), groups(digits[half:], 2))
	},
	"certutil": func(e Entry) string {
		if strings.ContainsAny(e.Name, "\r\n") || strings.HasPrefix(e.Name, "file ") || strings.HasSuffix(e.Name, " ") {
			return ""
		}
		return fmt.Sprintf("%s hash of file %s:\n%s\nCertUtil: -hashfile\n", e.Algorithm.Name, e.Name, groups(fmt.Sprintf("%x", e.Digest()), 2))
	},
	"get-filehash": func(e Entry) string {
		if strings.ContainsAny(e.Name, "\r\n") || strings.Trim(e.Name, " ") != e.Name {
			return ""
		}
		return fmt.Sprintf("Algorithm : %s\nHash      : %x\nPath      : %s\n\n", e.Algorithm.Name, e.Digest(), e.Name)
	},
	"sum": func(e Entry) string {
		if strings.ContainsAny(e.Name, "\r\n") || e.Algorithm.Name == "sysv" {
			return ""
		}
		number, _ := strconv.ParseUint(fmt.Sprintf("%x", e.Digest()), 16, 64)
		return fmt.Sprintf("%d %d %s\n", number, e.Size/max(1, e.Algorithm.Unit), e.Name)
	},
	"list": func(e Entry) string {
		return fmt.Sprintf("%s %d %x %s\x00", e.Algorithm.Name, e.Size, e.Digest(), e.Name)
	},
}

// fuzzParse states the law of each format: no bytes cause a panic; each line is an entry, a
// bad line, or a comment; and entries that are written in canonical form parse to the same
// entries.
func fuzzParse(f *testing.F, format string, seeds ...string) {
	for _, seed := range append(seeds, specimens(f)...) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		options := Options{Format: FormatByName(format), Name: "x.sha256", Percent: true}
		if format == "sfv" {
			options.Name = "x.sfv"
		}
		if format == "sum" {
			options.Name = "CHECKSUMS"
		}
		m, err := Parse(string(data), options, new(atomic.Bool))
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkLines(t, m)
		var text strings.Builder
		var want []Entry
		for i := range m.Len() {
			e := m.Entry(i)
			if line := canonical[format](e); line != "" {
				text.WriteString(line)
				want = append(want, e)
			}
		}
		if len(want) == 0 {
			return
		}
		again, err := Parse(text.String(), options, new(atomic.Bool))
		if err != nil || again.BadLineCount != 0 || again.Len() != len(want) {
			t.Fatalf("%v: the canonical form of %d entries is\n%s", err, len(want), text.String())
		}
		for i := range want {
			if got := again.Entry(i); got.Name != want[i].Name || string(got.Digest()) != string(want[i].Digest()) ||
				got.Algorithm != want[i].Algorithm {
				t.Errorf("got %+v, want %+v", got, want[i])
			}
		}
	})
}

const sum64 = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"

func FuzzGNU(f *testing.F) {
	fuzzParse(f, "gnu", sum64+"  a\n"+sum64+" *b\r\n", `\`+sum64+`  a\nb\\c\r`+"\n", "SHA256 (a) = "+sum64+"\n",
		sum64+"  a\x00"+sum64+"  b\n\x00", "\xff\xfe5\x00", sum64+" a\n"+sum64+"\tb\n", "# x\n "+strings.ToUpper(sum64)+"  ../a\n",
		pgpMessage+"\nHash: SHA256\n\n"+sum64+"  a\n"+pgpSignature+"\n\nx\n"+pgpEnd+"\n")
}
func FuzzSFV(f *testing.F) { fuzzParse(f, "sfv", "; x\na b   5A5A5a5a\n", "a\t00000000") }
func FuzzPooch(f *testing.F) {
	fuzzParse(f, "pooch", "a "+sum64+"\n", "'a b' md5:"+sum64[:32]+" https://x/y\n", "a\t"+sum64)
}
func FuzzGPG(f *testing.F) {
	fuzzParse(f, "gpg", "a: "+groups(sum64, 8)+"\n   "+groups(sum64, 8)+"\n", "a:\n"+groups(sum64, 8)+"\n "+groups(sum64, 8)+"\n",
		"a: SHA1 = "+groups(sum40, 4)+"\n", groups(sum40, 4)+"\n")
}
func FuzzCertutil(f *testing.F) {
	fuzzParse(f, "certutil", "SHA1 hash of file a:\r\n"+groups(sum40, 2)+"\r\nCertUtil: -hashfile\r\n",
		"SHA1-Hash von C:\\b\\x:\n"+sum40+"\nCertUtil: -hashfile-Befehl", "SHA1 hash of x:\n"+sum40+"\nCertUtil: -hashfile\n\n")
}
func FuzzGetFileHash(f *testing.F) {
	fuzzParse(f, "get-filehash", "Algorithm  Hash  Path\nSHA1   "+sum40+"  a b\n", "SHA1,"+sum40+",a\n\"SHA1\";\""+sum40+"\";\"a;b\"\n",
		"Algorithm : SHA1\nHash      : "+sum40[:20]+"\n            "+sum40[20:]+"\nPath      : a\n\nAlgorithm : SHA1\n")
}

// groups returns digits in groups of n.
func groups(digits string, n int) string {
	var b strings.Builder
	for i := range len(digits) / n {
		fmt.Fprintf(&b, "%s ", digits[i*n:(i+1)*n])
	}
	return strings.TrimRight(b.String(), " ")
}

func FuzzSum(f *testing.F) {
	fuzzParse(f, "sum", "36979     1 a\n00000 0 b c\n", "3015617425 6 a\n 0\t0 b\n", "36979 9223372036854775807 a\n")
}
func FuzzColon(f *testing.F) {
	fuzzParse(f, "colon", "a.tgz: "+sum64+"\n", "# MD5 checksums:\nd/b.zip : "+sum64[:32]+"\nSHA256: "+sum64+"\n")
}
func FuzzDebian(f *testing.F) {
	fuzzParse(f, "debian", "Source: x\nFiles:\n "+sum64[:32]+" 6 utils optional a\nSHA256:\n "+sum64+"   7 b/c\n", " "+sum64+" 1 a\nTiger:\n x\n")
}
func FuzzBagIt(f *testing.F) { fuzzParse(f, "bagit", sum64+"  data/a%0Ab%25\n", sum64+"\t*data/b") }
func FuzzRecord(f *testing.F) {
	fuzzParse(f, "record", "a,sha256=AAAA,3\n\"b,c\",md5=,\n", "x.dist-info/RECORD,,\n")
}
func FuzzList(f *testing.F) { fuzzParse(f, "list", "md5 -1 "+sum64[:32]+" a\nb\x00") }

// FuzzSniffed states: whatever the content and the name, each line is an entry, a bad line,
// or a comment, and each entry has a valid name.
func FuzzSniffed(f *testing.F) {
	for _, seed := range specimens(f) {
		f.Add([]byte(seed), "CHECKSUMS")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		m, err := Parse(string(data), Options{Name: name}, new(atomic.Bool))
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkLines(t, m)
		for i := range m.Len() {
			if e := m.Entry(i); checkName(e.Name) != nil {
				t.Errorf("the name %q", e.Name)
			}
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Reason == "" {
		t.Errorf("got %v", err)
	}
}

// specimens returns the contents of the small files of testdata/cases, which include the
// manifests.
func specimens(f *testing.F) (contents []string) {
	paths, err := filepath.Glob("../../../testdata/cases/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatalf("found no case (error %v)", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var c struct{ Tree [][]any }
		if err := json.Unmarshal(text, &c); err != nil {
			f.Fatal(err)
		}
		for _, item := range c.Tree {
			if item[0] == "file" && len(item) == 3 {
				var content []byte
				for _, r := range item[2].(string) {
					content = append(content, byte(r))
				}
				contents = append(contents, string(content))
			}
		}
	}
	return contents
}

// checkLines fails the test unless each line is an entry, a bad line, or a comment.
func checkLines(t *testing.T, m *Manifest) {
	comments, lines := 0, 0
	for _, offset := range m.content.lines() {
		lines++
		line := m.content.line(offset)
		if strings.Contains(line, "\n") {
			continue
		}
		err := m.Format.parseLine(&m.dialect, line, 0, new(Entry))
		if m.Format.isComment(line) && !(line != "" && m.Format.nameFirst && m.listsInComment(line)) || err != nil && m.Format.skips(line) {
			comments++
		}
	}
	if got := len(m.offsets) + m.BadLineCount + m.PassedOver + comments; got != lines {
		t.Errorf("got %d entries, %d bad lines, %d lines passed over and %d comments, of %d",
			m.Len(), m.BadLineCount, m.PassedOver, comments, lines)
	}
	if len(m.BadLines) != min(m.BadLineCount, MaxBadLines) {
		t.Errorf("kept %d of %d bad lines", len(m.BadLines), m.BadLineCount)
	}
	checkReuse(t, m)
}

// checkReuse checks that an entry does not depend on what was in its memory before.
func checkReuse(t *testing.T, m *Manifest) {
	used := Entry{Name: "other", Size: 7, Algorithm: digest.ByName("md5"), Unknown: true}
	for i := range m.Len() {
		m.ReadEntry(i, &used)
		if e := m.Entry(i); used.Name != e.Name || used.Size != e.Size || used.Algorithm != e.Algorithm ||
			used.Unknown != e.Unknown || string(used.Digest()) != string(e.Digest()) {
			t.Errorf("entry %d is %+v in new memory, and %+v in used one", i, e, used)
		}
		used.Unknown, used.Size = !used.Unknown, used.Size+8
	}
}

func parse(text string, options Options) (*Manifest, error) {
	return Parse(text, options, new(atomic.Bool))
}

func TestParseKeepsTheFirstBadLinesAndCountsTheOthers(t *testing.T) {
	m, err := parse(sum64+"  a\n"+strings.Repeat("?\n", 1000), Options{})
	if err != nil || len(m.BadLines) != MaxBadLines || m.BadLineCount != 1000 || m.BadLines[MaxBadLines-1].Line != MaxBadLines+1 {
		t.Errorf("kept %v of %d, %v", m.BadLines, m.BadLineCount, err)
	}
}

func TestEmptyLinesTakeNoMemory(t *testing.T) {
	text := strings.Repeat("\n", 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := parse(text, Options{})
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 || err == nil {
		t.Errorf("got %d bytes, %v", got, err)
	}
}

func TestALineMayBeExactlyAsLongAsTheLimit(t *testing.T) {
	line := sum64 + "  "
	line += strings.Repeat("n", MaxLine-len(line))
	if m, err := parse(line+"\r\n", Options{}); err != nil || m.Len() != 1 {
		t.Errorf("%d bytes: %v", len(line), err)
	}
	if _, err := parse(line+"n\r\n", Options{}); err == nil {
		t.Errorf("%d bytes: read", len(line)+1)
	}
}

func TestUsualNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Usual {
		if seen[name] || strings.Contains(name, "/") {
			t.Errorf("%q is listed twice, or is not a plain name", name)
		}
		seen[name] = true
	}
}

func TestTheNameOfAManifestImpliesTheAlgorithm(t *testing.T) {
	for name, want := range map[string]string{
		"sha1sum.txt": "sha1", "SHA256SUMS": "sha256", "SHASUMS256.txt": "sha256", "SHASUMS": "", "x.tar.gz.md5": "md5",
		"md5checksums.txt": "md5", "manifest-sha512.txt": "sha512", "tagmanifest-sha3-256.txt": "sha3-256",
		"checksums.sha256": "sha256", "a.sha512-256": "sha512-256", "my_md5_list.txt": "md5", "md5-tool.zip.sha1": "sha1",
		"my_sha3-256_list.txt": "sha3-256", "x-sha512-224.txt": "sha512-224", "SHA512-SUMS.txt": "sha512", "sha-256.txt": "sha256",
		"x_sha2-512_256_sums": "sha512-256", "checksums_sha256.txt": "sha256", "a-1.2-sha1.txt": "sha1", "x.sha256.txt": "sha256",
		"sha256sums.asc": "sha256", "x.sha256.txt.asc": "sha256", "x.sha": "", "SHA256": "sha256", "sha1-1.0": "sha1",
		"efficientnet-b3_checksums.txt": "", "vitamin-b2.txt": "", "tiger_checksums.txt": "", "b3_checksums.txt": "", "b3.txt": "", "shake.txt": "",
		"checklist.chk": "", "CHECKSUM": "", "checksums.txt": "", "dir.md5/list": "", "SHA3-256SUMS": "sha3-256", "photos.sfv": "",
	} {
		found, err := algorithmOfName(name)
		got := ""
		if found != nil {
			got = found.Name
		}
		if got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{
		"files.md4", "WHIRLPOOLSUMS", "x.tiger", "manifest-blake2s.txt", "manifest-ripemd160.txt", "tagmanifest-sm3.txt",
		"manifest-xxh128.txt", "manifest-whirlpool.txt", "x-whirlpool_sums.txt", "RIPEMD-160SUMS", "my_blake2s-256_list.txt",
		"sha3sums.txt", "manifest-tiger.txt", "TIGERSUMS", "xxh3sums", "a.crc64", "manifest-streebog256.txt", "manifest-shake-128.txt",
		"crc-64.txt", "x.sm3.txt", "blake2sums.txt",
	} {
		if _, err := algorithmOfName(name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTheSearchKnowsTheNamesThatTheReaderKnows(t *testing.T) {
	for name, algorithm := range map[string]string{
		"x-md5sums.txt": "md5", "x-1.2-sha256sum.txt": "sha256", "checksums_sha256.txt": "sha256", "x.zip.sha256.txt": "sha256",
		"Fedora_CHECKSUM.txt": "", "SHA256": "sha256", "MD5": "md5", "SHA512": "sha512", "sha256sums.asc": "sha256",
		"SHA512-SUMS.txt": "sha512", "stage3.tar.xz.DIGESTS": "", "x-sha256sums": "sha256", "x.sha": "", "x_SHA256SUMS": "sha256",
		"x-CHECKSUM": "", "x_checksums.txt": "", "x.sfv": "", "X.MD5": "md5", "x.md5sums": "md5", "DIGESTS": "", "x.checksum": "",
		"SHASUMS256.txt.asc": "sha256", "checksums-sha3-256.txt": "sha3-256", "sha1.checksums": "sha1", "hashes-sha1.txt": "sha1",
		"x.sha512-256": "sha512-256", "SHA3-256": "sha3-256", "x-sha-256-sums.txt": "sha256", "CHECKSUMS.asc": "", "x.tar.sha1.asc": "sha1",
	} {
		found, err := algorithmOfName(name)
		got := ""
		if found != nil {
			got = found.Name
		}
		if !IsManifest(name) || got != algorithm || err != nil {
			t.Errorf("%s: found %v, algorithm %q, %v; want %q", name, IsManifest(name), got, err, algorithm)
		}
	}
	for _, name := range []string{
		"go.sum", "x.txt", "md5", "sha256", "md5.py", "x_checksums.zip", "notes.asc", "a.sh", "sum", "sums.txt", "x.sum",
		"md5-tool.zip", "my_md5_list.txt", "b3", "B3.txt.gz", "efficientnet-b3", "hashes.txt", "hash", "readme", "",
	} {
		if IsManifest(name) {
			t.Errorf("%s: found", name)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for format, line := range map[string]string{
		"gnu":    "%040x  directory-%d/file-%d.bin\n",
		"tag":    "SHA1 (directory-%[2]d/file-%[3]d.bin) = %040[1]x\n",
		"sfv":    "directory-%[2]d/file-%[3]d.bin %08[1]x\n",
		"pooch":  "directory-%[2]d/file-%[3]d.bin sha1:%040[1]x\n",
		"record": "directory-%[2]d/file-%[3]d.bin,sha256=%06[1]d" + b64[6:] + ",\n",
	} {
		b.Run(format, func(b *testing.B) {
			var text strings.Builder
			for i := range 100_000 {
				fmt.Fprintf(&text, line, i, i%100, i)
			}
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				if m, err := parse(text.String(), Options{}); err != nil || m.Format.Name != format {
					b.Fatal("not read as the format")
				}
			}
		})
	}
}

func TestEveryAlgorithmIsFoundByItsOwnName(t *testing.T) {
	for _, a := range digest.Algorithms {
		if !a.Decimal && digest.BySpelling(strings.ToUpper(a.Name)) != a {
			t.Errorf("%s is not found by its own name", a.Name)
		}
	}
}
