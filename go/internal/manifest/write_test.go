package manifest

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"

	"checksig/internal/digest"
)

func entryOf(name, algorithm string) Entry {
	e := Entry{Name: name, Size: -1, Algorithm: digest.ByName(algorithm)}
	e.SetDigest(bytes.Repeat([]byte{0xab}, e.Algorithm.Size))
	return e
}

func TestEachFormatWritesItsLine(t *testing.T) {
	md5, crc32 := strings.Repeat("ab", 16), strings.Repeat("AB", 4)
	for _, test := range []struct{ format, algorithm, name, line string }{
		{"gnu", "md5", "a b", md5 + "  a b"},
		{"gnu", "md5", "a\rb\n\\", `\` + md5 + `  a\rb\n\\`},
		{"tag", "md5", "a", "MD5 (a) = " + md5},
		{"tag", "md5", "a\\", `\MD5 (a\\) = ` + md5},
		{"tag", "sha512-256", "a", "SHA512-256 (a) = " + strings.Repeat("ab", 32)},
		{"sfv", "crc32", "a b", "a b " + crc32},
		{"bagit", "md5", "100%0A\r\n", md5 + "  100%250A%0D%0A"},
		{"tag", "blake2b-256", "a", "BLAKE2b-256 (a) = " + strings.Repeat("ab", 32)},
	} {
		if digest.ByName(test.algorithm) == nil {
			continue // this build has no BLAKE2b
		}
		e := entryOf(test.name, test.algorithm)
		format := FormatByName(test.format)
		if err := format.CheckWritable(&e); err != nil {
			t.Errorf("%s, %q: %v", test.format, test.name, err)
		} else if line := format.AppendLine(nil, &e); string(line) != test.line+"\n" {
			t.Errorf("%s, %q: %q, not %q", test.format, test.name, line, test.line)
		}
	}
}

func TestWhatAFormatCannotListIsRefused(t *testing.T) {
	for _, test := range []struct{ format, algorithm, name, reason string }{
		{"hashdeep", "md5", "a", "is only read"},
		{"gnu", "crc32", "a", "cannot list digests of crc32"},
		{"sfv", "md5", "a", "cannot list digests of md5"},
		{"gnu", "git-sha1", "a", "cannot list digests of git-sha1"},
		{"tag", "bsd", "a", "cannot list digests of bsd"},
		{"sfv", "crc32", "a ", "cannot represent the name"},
		{"sfv", "crc32", "a\r", "cannot represent the name"},
		{"sfv", "crc32", ";a", "cannot represent the name"},
		{"sfv", "crc32", "\xef\xbb\xbfa", "cannot represent the name"},
	} {
		e := entryOf(test.name, test.algorithm)
		err := FormatByName(test.format).CheckWritable(&e)
		if err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s, %s, %q: %v, not %q", test.format, test.algorithm, test.name, err, test.reason)
		}
	}
}

func FuzzWrittenLinesAreReadBack(f *testing.F) {
	for _, name := range []string{"a", `\a`, "a\n", "%0A", "a)", "# a", " a", "*a", "d/a", "\xff"} {
		f.Add(name)
	}
	isThere := func(string) bool { return true }
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name) != nil || len(name) > MaxLine/4 {
			return
		}
		for _, format := range []string{"gnu", "tag", "bagit"} {
			listed := name
			if format == "bagit" {
				listed = "data/" + name // as in every bag; blanks at the beginning would be lost
			}
			e := entryOf(listed, "sha256")
			line := FormatByName(format).AppendLine(nil, &e)
			options := Options{Format: FormatByName(format), Algorithm: e.Algorithm, Percent: true, Exists: isThere}
			m, err := Parse(string(line), options, &atomic.Bool{})
			if err != nil {
				t.Fatalf("%s: %q: %v", format, line, err)
			}
			if m.Len() != 1 {
				t.Fatalf("%s: %q has %d entries", format, line, m.Len())
			}
			if got := m.Entry(0); got.Name != listed || !bytes.Equal(got.Digest(), e.Digest()) {
				t.Fatalf("%s: %q is read as %q", format, line, got.Name)
			}
		}
	})
}
