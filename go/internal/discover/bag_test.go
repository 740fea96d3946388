package discover

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

func TestEveryLineEndBecomesLF(t *testing.T) {
	for content, want := range map[string]string{"": "", "\r": "\n", "\r\n\r\r\n": "\n\n\n", "a\n\rb\r\nc": "a\n\nb\nc", "\n\n": "\n\n"} {
		if got := withLF(content); got != want {
			t.Errorf("withLF(%q) = %q, want %q", content, got, want)
		}
	}
}

// A declaration of version 1.0 without faults has exactly the two lines.
func FuzzDeclaration(f *testing.F) {
	for _, seed := range []string{
		"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", "BagIt-Version : 0.97\r\n\r\nTag-File-Character-Encoding:utf-16",
		"\xef\xbb\xbfBagIt-Version: 1.0\rTag-File-Character-Encoding: latin1\r", "Tag-File-Character-Encoding: UTF-8\nBagIt-Version: 1.0\n x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		d, err := parseDeclaration(content)
		if err != nil {
			return
		}
		lines := strings.Split(strings.TrimSuffix(withLF(content), "\n"), "\n")
		if !d.strict || len(d.faults) > 0 {
			return
		}
		if len(lines) != 2 || lines[0] != "BagIt-Version: 1.0" {
			t.Fatalf("no fault in %q", content)
		}
		encoding, found := strings.CutPrefix(lines[1], "Tag-File-Character-Encoding: ")
		if !found || manifest.CharsetByName(encoding) != d.charset {
			t.Errorf("no fault in %q", content)
		}
	})
}

// A line of fetch.txt that is accepted ends with a name in the payload.
func FuzzFetch(f *testing.F) {
	for _, seed := range []string{"https://e/x 6 data/a", "a:b\t-\tdata/a%0Ab%25 ", "x - ~/a", "x:y 1 data/../../a", " h:/ 01  ./data//a"} {
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, line string, percent bool) {
		name, err := parseFetch(line, percent)
		if err != nil {
			return
		}
		elements := strings.Split(name, "/")
		if elements[0] != PayloadDir || len(elements) < 2 || slices.Contains(elements, "..") {
			t.Errorf("%q is accepted as %q", line, name)
		}
		if clean, err := beneath.Clean(name); err != nil || clean != name {
			t.Errorf("%q is not clean: %q, %v", name, clean, err)
		}
	})
}

// A line of bag-info.txt without a fault can be taken apart, and put together again.
func FuzzInfo(f *testing.F) {
	for _, seed := range []string{"Payload-Oxum: 6.1", "a b:\tc", "a :b", " x", "a:", ":"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, content string, strict bool) {
		for number, line := range linesOf(withLF(content)) {
			if faultOfElement(line, number > 1, strict) != "" || strings.ContainsAny(line[:1], " \t") {
				continue
			}
			label, _, _ := strings.Cut(line, ":")
			values := valuesOf(line, strings.TrimSpace(label))
			if len(values) != 1 || strict && strings.TrimSpace(label)+":" != line[:len(label)+1] {
				t.Errorf("no fault in %q, which has the values %v", line, values)
			}
		}
	})
}

// Whatever is decoded from another encoding is UTF-8, and text survives the way there and back.
func FuzzCharset(f *testing.F) {
	for _, name := range []string{"UTF-8", "US-ASCII", "ISO-8859-1", "UTF-16", "UTF-16LE", "utf-16-be"} {
		f.Add(name, "\xff\xfea\x00\x3d\xd8\x00\xde")
		f.Add(name, "\x00a\x00b")
	}
	f.Fuzz(func(t *testing.T, name, content string) {
		charset := manifest.CharsetByName(name)
		if charset == nil {
			return
		}
		decoded, err := charset.Decode(content)
		if err != nil {
			return
		}
		if charset.Name == "UTF-8" && decoded != content || charset.Name != "UTF-8" && !utf8.ValidString(decoded) {
			t.Errorf("%s: %q is decoded to %q", name, content, decoded)
		}
	})
}
