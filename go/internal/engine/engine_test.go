package engine

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/manifest"
)

// listing returns a manifest of count files, each of which contains its own name.
func listing(count int) string {
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, "%x  %d\n", sha1.Sum([]byte(strconv.Itoa(i))), i)
	}
	return text.String()
}

// parsed returns a manifest as the only source of a job.
func parsed(t *testing.T, text string) discover.Sources {
	t.Helper()
	list, err := manifest.Parse(text, manifest.Options{}, new(atomic.Bool))
	if err != nil || list.BadLineCount != 0 {
		t.Fatal(err, list)
	}
	return discover.Sources{{Manifest: list}}
}

// newReadyJob returns a job that is ready to verify the files of a manifest.
func newReadyJob(t *testing.T, text string, options Options) (*Job, *plan) {
	t.Helper()
	p := makePlan(parsed(t, text), new(atomic.Bool))
	j := newJob("root", options)
	j.results = newStream(&Report{Files: len(p.first)}, options.Results)
	close(j.ready)
	return j, p
}

// A fakeRoot opens fake files.
type fakeRoot func(name string) (beneath.File, error)

func (open fakeRoot) Open(name string) (beneath.File, error) { return open(name) }
func (open fakeRoot) NewRound() *beneath.Round               { return beneath.NewRound(open) }

func verifyFakes(j *Job, p *plan, open fakeRoot) error { return j.verifyAll(p, open) }

// check verifies the files of a manifest, which open opens, and returns the bad results.
func check(t *testing.T, text string, workers int, open func(string) (beneath.File, error)) ([]*Result, error) {
	t.Helper()
	j, p := newReadyJob(t, text, Options{Workers: workers, Results: BadResults})
	err := j.verifyAll(p, fakeRoot(open))
	var results []*Result
	j.results.give(func(r *Result) bool { results = append(results, r); return true })
	if len(results) != j.results.report.Bad {
		t.Errorf("got %d results, but %d files are bad", len(results), j.results.report.Bad)
	}
	return results, err
}

// A fakeFile has content, of which it returns at most step bytes at once. Its size at opening
// is size, and later after.
type fakeFile struct {
	content     string
	step        int
	size, after int64
	err         error
	closed      func()
}

func newFake(content string) *fakeFile {
	size := int64(len(content))
	return &fakeFile{content: content, step: 1 << 20, size: size, after: size, closed: func() {}}
}

func (f *fakeFile) Opened() beneath.Stamp         { return beneath.Stamp{Size: f.size} }
func (f *fakeFile) Stamp() (beneath.Stamp, error) { return beneath.Stamp{Size: f.after}, nil }
func (f *fakeFile) Close() error                  { f.closed(); return nil }
func (f *fakeFile) Read(p []byte) (int, error) {
	if f.err != nil && f.content == "" {
		return 0, f.err
	}
	n := copy(p[:min(len(p), f.step)], f.content)
	f.content = f.content[n:]
	return n, nil
}

func TestResultsComeInManifestOrderAndNoFailureStopsTheOthers(t *testing.T) {
	const count = 500
	for _, workers := range []int{0, 1, 2, 7, 1000} {
		var opened atomic.Int64
		results, err := check(t, listing(count), workers, func(name string) (beneath.File, error) {
			opened.Add(1)
			if strings.HasSuffix(name, "3") {
				return newFake("other"), nil
			}
			return newFake(name), nil
		})
		if err != nil || opened.Load() != count || len(results) != count/10 {
			t.Fatalf("%d workers: %v, %d opened, %d results", workers, err, opened.Load(), len(results))
		}
		for i, r := range results {
			if want := strconv.Itoa(10*i + 3); r.Name != want || r.Status != Failed || r.Reason() != "mismatch" {
				t.Errorf("%d workers: got %v, want a mismatch of %s", workers, r, want)
			}
		}
	}
}

func TestAJobHasNoMoreWorkersThanAskedFor(t *testing.T) {
	var now, most atomic.Int64
	_, err := check(t, listing(5000), 4, func(name string) (beneath.File, error) {
		file := newFake(name)
		file.closed = func() { now.Add(-1) }
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		if name == "2500" {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			if got := bytes.Count(stacks, []byte("(*Job).work(")); got < 1 || got > 4 {
				t.Errorf("got %d workers, want at most 4", got)
			}
		}
		return file, nil
	})
	if err != nil || most.Load() > 4 || now.Load() != 0 {
		t.Errorf("%v: got %d open at once, want at most 4; %d left open", err, most.Load(), now.Load())
	}
}

func TestAFileThatDiffersFromItsMetadataIsNeverOK(t *testing.T) {
	change := func(f func(*fakeFile)) *fakeFile {
		file := newFake("0")
		f(file)
		return file
	}
	for name, c := range map[string]struct {
		file *fakeFile
		want Status
	}{
		"plain":                 {newFake("0"), OK},
		"other content":         {newFake("1"), Failed},
		"grew":                  {change(func(f *fakeFile) { f.after = 2 }), Changed},
		"shrank":                {change(func(f *fakeFile) { f.size = 2 }), Changed},
		"longest size":          {change(func(f *fakeFile) { f.size = math.MaxInt64 }), Changed},
		"longer than its size":  {change(func(f *fakeFile) { f.content = "0123" }), Changed},
		"size 0 as in /proc":    {change(func(f *fakeFile) { f.size, f.after = 0, 0 }), Changed},
		"shorter than its size": {change(func(f *fakeFile) { f.size, f.after = 2, 2 }), Changed},
		"I/O error":             {change(func(f *fakeFile) { f.err = beneath.Reason(syscall.EIO); f.size = 9 }), Error},
	} {
		results, err := check(t, listing(1), 1, func(string) (beneath.File, error) { return c.file, nil })
		got := OK
		if len(results) == 1 {
			got = results[0].Status
		}
		if err != nil || got != c.want {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, c.want)
		}
	}
}

func TestAnEndlessFileIsReadOnlyToItsSize(t *testing.T) {
	endless := newFake(strings.Repeat("x", 10_000_000))
	endless.size, endless.after = 300_000, 300_000
	results, err := check(t, listing(1), 1, func(string) (beneath.File, error) { return endless, nil })
	if err != nil || len(results) != 1 || results[0].Status != Changed {
		t.Errorf("got %v, %v", results, err)
	}
	if got := 10_000_000 - len(endless.content); got != 300_001 {
		t.Errorf("read %d bytes, want 300001", got)
	}
}

func TestShortReadsGiveTheSameDigest(t *testing.T) {
	content := strings.Repeat("0123456789", 50_000)
	text := fmt.Sprintf("%x  a\n", sha1.Sum([]byte(content)))
	for _, step := range []int{1 << 30, beneath.PieceSize, beneath.PieceSize - 1, 4099, 7} {
		file := newFake(content)
		file.step = step
		results, err := check(t, text, 1, func(string) (beneath.File, error) { return file, nil })
		if err != nil || len(results) != 0 {
			t.Errorf("step %d: got %v, %v", step, results, err)
		}
	}
}

func TestAPanicInAWorkerIsAnErrorAndEndsTheJob(t *testing.T) {
	_, err := check(t, listing(1000), 4, func(name string) (beneath.File, error) {
		if name == "100" {
			panic("boom")
		}
		return newFake(name), nil
	})
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "boom" || !strings.Contains(err.Error(), "engine_test.go") {
		t.Errorf("got %v", err)
	}
}

func TestAWorkerWaitsForAFreeDescriptor(t *testing.T) {
	tries := 0
	results, err := check(t, listing(3), 1, func(name string) (beneath.File, error) {
		if tries++; tries%4 != 0 {
			return nil, beneath.Reason(syscall.EMFILE)
		}
		return newFake(name), nil
	})
	if err != nil || len(results) != 0 || tries != 12 {
		t.Errorf("got %v, %v after %d tries", results, err, tries)
	}
}

// write creates a directory with the given files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestRunReportsWhatTheSystemRefused(t *testing.T) {
	root := write(t, map[string]string{"file": ""})
	for path, want := range map[string]error{
		root + "/gone": syscall.ENOENT,
		root + "/file": syscall.ENOTDIR,
	} {
		_, err := Run(path, Options{})
		var refused *beneath.OSError
		if !errors.As(err, &refused) || refused.Path != path || !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestRunCountsEachFileOnce(t *testing.T) {
	sum := fmt.Sprintf("%x", sha1.Sum([]byte("hello")))
	root := write(t, map[string]string{"a": "hello", "sha1sum.txt": sum + "  a\n" + sum + "  ./a\n" + sum + "  b\n"})
	report, err := Run(root, Options{})
	if err != nil || report.Files != 2 || report.Counts[OK] != 1 || report.Counts[Missing] != 1 {
		t.Errorf("got %+v, %v", report, err)
	}
}

func BenchmarkRun(b *testing.B) {
	root := b.TempDir()
	var list strings.Builder
	content := strings.Repeat("x", 4096)
	for i := range 1000 {
		name := fmt.Sprint("f", i)
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&list, "%x  %s\n", sha1.Sum([]byte(content)), name)
	}
	if err := os.WriteFile(filepath.Join(root, "sha1sum.txt"), []byte(list.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1000 * 4096)
	for b.Loop() {
		report, err := Run(root, Options{})
		if err != nil || report.Err() != nil {
			b.Fatal(report, err)
		}
	}
}

func TestTheListedSizesOfAFileMustAgreeAndMatch(t *testing.T) {
	root := write(t, map[string]string{"a": "hello"})
	entry := func(size int) string { return fmt.Sprintf("sha1 %d %x a\x00", size, sha1.Sum([]byte("hello"))) }
	for _, c := range []struct {
		list string
		want string
	}{
		{entry(-1) + entry(5), ""},
		{entry(5) + entry(-1), ""},
		{entry(5) + entry(6), "two different sizes listed"},
		{entry(-1) + entry(6), "size is 5 bytes, listed as 6"},
	} {
		report, err := Run(root, Options{Options: discover.Options{List: c.list}})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(report.first) > 0 {
			got = report.first[0].Reason()
		}
		if got != c.want {
			t.Errorf("%q: got %q, want %q", c.list, got, c.want)
		}
	}
}
