package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"checksig/internal/digest"
)

// canonical writes an entry as coreutils does.
func canonical(e Entry) string {
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(e.Name)
	mark := ""
	if escaped != e.Name {
		mark = `\`
	}
	return fmt.Sprintf("%s%s  %s\n", mark, hex.EncodeToString(e.Digest()), escaped)
}

// The law: every line is an entry, a bad line, or ignored; and what parses,
// written in canonical form, parses to the same entries.
func FuzzParse(f *testing.F) {
	sum := strings.Repeat("5a", 20)
	for _, seed := range []string{
		"", "\n", sum + "  a\n", sum + " *a\r\n" + sum + "  b", `\` + sum + `  a\nb\\c\r` + "\n",
		"# x\n \t" + strings.ToUpper(sum) + "  ../a\n", sum + sum[:24] + "  a\n<html>\n" + sum, sum + "  a\x00b\n",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	for _, seed := range caseFiles(f) {
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, byName bool) {
		var algorithm *digest.Algorithm
		if byName {
			algorithm = digest.ByName("sha1")
		}
		m := Parse(string(data), algorithm, new(atomic.Bool))
		checkLines(t, data, m)
		var text strings.Builder
		for i := range m.Len() {
			e := m.Entry(i)
			if byName && e.Algorithm != algorithm {
				t.Fatalf("entry %d has algorithm %s", i, e.Algorithm.Name)
			}
			text.WriteString(canonical(e))
		}
		again := Parse(text.String(), algorithm, new(atomic.Bool))
		if again.BadLineCount != 0 || again.Len() != m.Len() {
			t.Fatalf("canonical form has %d entries and %v, want %d", again.Len(), again.BadLines, m.Len())
		}
		for i := range m.Len() {
			if got, want := again.Entry(i), m.Entry(i); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
	})
}

// caseFiles returns the contents of the small files of testdata/cases, the
// manifests among them.
func caseFiles(f *testing.F) [][]byte {
	paths, err := filepath.Glob("../../../testdata/cases/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatalf("found no case (error %v)", err)
	}
	var contents [][]byte
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
				contents = append(contents, []byte(item[2].(string)))
			}
		}
	}
	return contents
}

// checkLines fails if a line is neither an entry, nor bad, nor empty or a comment.
func checkLines(t *testing.T, data []byte, m *Manifest) {
	ignored := 0
	lines := bytes.Split(data, []byte("\n"))
	for _, line := range lines {
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 || line[0] == '#' {
			ignored++
		}
	}
	if got := m.Len() + m.BadLineCount + ignored; got != len(lines) {
		t.Errorf("got %d entries, %d bad and %d ignored lines, of %d", m.Len(), m.BadLineCount, ignored, len(lines))
	}
	if len(m.BadLines) != min(m.BadLineCount, MaxBadLines) {
		t.Errorf("kept %d of %d bad lines", len(m.BadLines), m.BadLineCount)
	}
}

func TestParseKeepsTheFirstBadLinesAndCountsTheRest(t *testing.T) {
	m := Parse(strings.Repeat("?\n", 1000), nil, new(atomic.Bool))
	if len(m.BadLines) != MaxBadLines || m.BadLineCount != 1000 || m.BadLines[MaxBadLines-1].Line != MaxBadLines {
		t.Errorf("kept %d of %d, the last is line %d", len(m.BadLines), m.BadLineCount, m.BadLines[len(m.BadLines)-1].Line)
	}
}

func TestEmptyLinesTakeNoMemory(t *testing.T) {
	text := strings.Repeat("\n", 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	Parse(text, nil, new(atomic.Bool))
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<18 {
		t.Errorf("got %d bytes", got)
	}
}

func TestALineOfExactlyTheLimitIsRead(t *testing.T) {
	line := strings.Repeat("5a", 20) + "  "
	line += strings.Repeat("n", MaxLine-len(line))
	for extra, want := range map[string]int{"": 1, "n": 0} {
		if got := Parse(line+extra+"\r\n", nil, new(atomic.Bool)).Len(); got != want {
			t.Errorf("%d bytes: got %d entries, want %d", len(line+extra), got, want)
		}
	}
}

func TestCandidatesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Candidates {
		if seen[c.Name] || strings.Contains(c.Name, "/") {
			t.Errorf("%q is there twice, or no plain name", c.Name)
		}
		seen[c.Name] = true
	}
}

func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "%040x  directory-%d/file-%d.bin\n", i, i%100, i)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if Parse(text.String(), nil, new(atomic.Bool)).Len() != 100_000 {
			b.Fatal("lost entries")
		}
	}
}
