package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/discover"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

func begin(t *testing.T, root string, options Options) *Job {
	t.Helper()
	j, err := Start(root, options)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// collect takes all results of a job, at most atOnce at a time.
func collect(t *testing.T, j *Job, atOnce int) []*Result {
	t.Helper()
	var results []*Result
	for finished := false; !finished; {
		room := atOnce
		finished = j.Next(time.Second, func(r *Result) bool {
			if room == 0 {
				return false
			}
			room--
			results = append(results, r)
			return true
		})
	}
	return results
}

// createFiles creates a directory of count files, each of which contains its own name.
func createFiles(t *testing.T, count int) string {
	t.Helper()
	files := map[string]string{"sha1sum.txt": listing(count)}
	for i := range count {
		files[strconv.Itoa(i)] = strconv.Itoa(i)
	}
	return write(t, files)
}

func TestAJobPassesOnEachResultOnceAndInOrder(t *testing.T) {
	root := createFiles(t, 300)
	if err := os.Remove(filepath.Join(root, "123")); err != nil {
		t.Fatal(err)
	}
	const size = 10*1 + 90*2 + 200*3 - 3
	for _, atOnce := range []int{1, 7, 1000} {
		j := begin(t, root, Options{Results: AllResults, Totals: true})
		results := collect(t, j, atOnce)
		report, err := j.Outcome()
		if err != nil || len(results) != 300 || report.Counts[OK] != 299 || report.Counts[Missing] != 1 {
			t.Fatalf("got %d results, %+v, %v", len(results), report, err)
		}
		for i, r := range results {
			want := OK
			if i == 123 {
				want = Missing
			}
			if r.Name != strconv.Itoa(i) || r.Status != want || r.Algorithm.Name != "sha1" {
				t.Errorf("result %d: got %+v", i, r)
			}
			if want == OK && (string(r.Actual) != string(r.Expected) || r.Size != int64(len(r.Name))) {
				t.Errorf("result %d: got %+v", i, r)
			}
		}
		p := j.Progress()
		if p.Files != 300 || p.TotalFiles != 300 || p.Bad != 1 || p.Bytes != size {
			t.Errorf("got %+v", p)
		}
		if p.TotalBytes != -1 && p.TotalBytes != size {
			t.Errorf("got %+v", p)
		}
		if !j.Close(time.Second) {
			t.Error("the job does not end")
		}
	}
}

func TestAJobCanPassOnOnlyBadResults(t *testing.T) {
	root := createFiles(t, 100)
	if err := os.WriteFile(filepath.Join(root, "7"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	j := begin(t, root, Options{Results: BadResults})
	defer j.Close(time.Second)
	results := collect(t, j, 10)
	if len(results) != 1 || results[0].Name != "7" || results[0].Status != Failed {
		t.Errorf("got %v", results)
	}
}

func TestIgnoreMissingIsNotOKIfNoFileExists(t *testing.T) {
	root := createFiles(t, 2)
	for _, remaining := range []int{1, 0} {
		if err := os.Remove(filepath.Join(root, strconv.Itoa(remaining))); err != nil {
			t.Fatal(err)
		}
		report, err := Run(root, Options{IgnoreMissing: true})
		if err != nil {
			t.Fatal(err)
		}
		want := "<nil>"
		if remaining == 0 {
			want = fmt.Sprintf("%q - none of the listed files exist", root+"/sha1sum.txt")
		}
		if got := fmt.Sprint(report.Err()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestACancelledJobHasNoVerdictAndLeavesNothingOpen(t *testing.T) {
	root := createFiles(t, 2000)
	before := openDescriptors(t)
	cancelled := 0
	for delay := range 40 {
		j := begin(t, root, Options{Results: AllResults, Totals: delay%2 == 0})
		time.Sleep(time.Duration(delay) * 100 * time.Microsecond)
		j.Cancel()
		if !j.Close(10 * time.Second) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("the job does not end\n%s", stacks[:runtime.Stack(stacks, true)])
		}
		report, err := j.Outcome()
		if (report == nil) != errors.Is(err, ErrCancelled) {
			t.Errorf("got %v, %v", report, err)
		}
		if report == nil {
			cancelled++
		} else if report.Counts[OK] != 2000 {
			t.Errorf("got a report on %d of 2000 files", report.Counts[OK])
		}
	}
	if cancelled == 0 {
		t.Error("no job was cancelled in time")
	}
	if after := openDescriptors(t); after != before {
		t.Errorf("got %d descriptors, want %d", after, before)
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("no /proc")
	}
	if err := limits.PrimePoller(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestAJobWaitsInBoundedMemoryUntilItsResultsAreTaken(t *testing.T) {
	root := write(t, map[string]string{"sha1sum.txt": listing(3 * keptWindow)})
	j := begin(t, root, Options{Results: AllResults}) // all files are missing
	deadline := time.Now().Add(20 * time.Second)
	for last := int64(-1); ; {
		time.Sleep(100 * time.Millisecond)
		now := j.Progress().Files
		if now == last && now > 0 {
			break
		}
		last = now
		if time.Now().After(deadline) {
			t.Fatal("the job does not wait")
		}
	}
	if got := j.Progress().Files; got > keptWindow {
		t.Errorf("%d results wait, want at most %d", got, keptWindow)
	}
	if got := len(collect(t, j, 1<<30)); got != 3*keptWindow {
		t.Errorf("got %d results, want %d", got, 3*keptWindow)
	}
	j.Close(time.Second)
}

func TestAJobWithoutAVerdictReportsWhy(t *testing.T) {
	j := begin(t, filepath.Join(t.TempDir(), "gone"), Options{})
	for !j.Next(time.Second, nil) {
	}
	var refused *beneath.OSError
	if _, err := j.Outcome(); !errors.As(err, &refused) {
		t.Errorf("got %v", err)
	}
	j.Close(time.Second)
}

func TestAPlanHasEachFileOnce(t *testing.T) {
	sum := strings.Repeat("5a", 20)
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "%s  f%d\n%s  ./f%d\n", sum, i%1000, sum, i)
	}
	p := makePlan(parsed(t, text.String()), new(atomic.Bool))
	if len(p.first) != 5000 || len(p.more) != 1000 {
		t.Errorf("got %d files, %d of them listed again", len(p.first), len(p.more))
	}
	seen := map[string]bool{}
	for _, entry := range p.first {
		name := p.name(entry)
		if seen[name] {
			t.Errorf("%s is in the plan twice", name)
		}
		seen[name] = true
	}
}

func TestEachFileIsInExactlyOneShard(t *testing.T) {
	root := createFiles(t, 10)
	seen := map[string]int{}
	for number := 1; number <= 4; number++ {
		j := begin(t, root, Options{Results: AllResults, Shard: Shard{number, 4}})
		for i, r := range collect(t, j, 100) {
			if want := strconv.Itoa(number - 1 + 4*i); r.Name != want || r.Status != OK {
				t.Errorf("shard %d: got %s %v, want %s OK", number, r.Name, r.Status, want)
			}
			seen[r.Name]++
		}
		j.Close(time.Second)
	}
	if len(seen) != 10 {
		t.Errorf("got %d files, want 10", len(seen))
	}
	_, err := Run(root, Options{Shard: Shard{11, 11}})
	const want = "shard 11 of 11 is empty because only 10 files are listed"
	var empty *manifest.Error
	if !errors.As(err, &empty) || empty.Reason != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAManifestMayBeGivenByItsContent(t *testing.T) {
	root := createFiles(t, 3)
	if err := os.Remove(filepath.Join(root, "sha1sum.txt")); err != nil {
		t.Fatal(err)
	}
	text := listing(3)
	report, err := Run(root, Options{Options: discover.Options{Content: &text, Name: "<stdin>"}})
	if err != nil || report.Counts[OK] != 3 || report.Sources[0].Path != "<stdin>" {
		t.Errorf("got %+v, %v", report, err)
	}
	_, err = Run(root, Options{Options: discover.Options{Content: new(string)}})
	if want := `"the given manifest" - lists no files`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
