package engine

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/limits"
)

// A hookedFile calls hook before each read.
type hookedFile struct {
	*fakeFile
	hook func()
}

func (f *hookedFile) Read(p []byte) (int, error) {
	f.hook()
	return f.fakeFile.Read(p)
}

func listed(name, content string) string {
	return fmt.Sprintf("%x  %s\n", sha1.Sum([]byte(content)), name)
}

// goroutine returns the number of the calling goroutine.
func goroutine() string {
	var stack [64]byte
	return strings.Fields(string(stack[:runtime.Stack(stack[:], false)]))[1]
}

func onTwoCores(t *testing.T) {
	t.Helper()
	before := limits.SetCores(2)
	t.Cleanup(func() { limits.SetCores(before) })
}

func TestASingleLargeFileIsReadAheadByAnotherGoroutine(t *testing.T) {
	onTwoCores(t)
	content := strings.Repeat("0123456789abcdef", (2*readAheadSize+5*slabSize/2)/16) + "tail"
	for name, c := range map[string]struct {
		change func(*fakeFile)
		want   string
	}{
		"good":     {func(*fakeFile) {}, ""},
		"mismatch": {func(f *fakeFile) { f.content = "X" + f.content[1:] }, "mismatch"},
		"changed":  {func(f *fakeFile) { f.after++ }, "changed while it was read"},
		"shorter":  {func(f *fakeFile) { f.content = f.content[1:] }, "changed while it was read"},
		"longer":   {func(f *fakeFile) { f.content += "x" }, "changed while it was read"},
		"broken":   {func(f *fakeFile) { f.content, f.err = f.content[:readAheadSize], syscall.EIO }, "input/output error"},
		"steps":    {func(f *fakeFile) { f.step = 4099 }, ""},
	} {
		reads := map[string]int{}
		results, err := check(t, listed("a", content), 0, func(string) (beneath.File, error) {
			file := newFake(content)
			c.change(file)
			return &hookedFile{file, func() { reads[goroutine()]++ }}, nil
		})
		got := ""
		for _, r := range results {
			got += r.Reason()
		}
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, c.want)
		}
		own := reads[goroutine()] // the reads of the first piece
		delete(reads, goroutine())
		if len(reads) != 1 || own > 1+beneath.PieceSize/4099 {
			t.Errorf("%s: %d reads by this goroutine, by others %v", name, own, reads)
		}
	}
}

func TestAPanicOfTheGoroutineThatReadsAheadIsContained(t *testing.T) {
	onTwoCores(t)
	content := strings.Repeat("x", 2*readAheadSize)
	reads := 0
	_, err := check(t, listed("a", content), 0, func(string) (beneath.File, error) {
		return &hookedFile{newFake(content), func() {
			if reads++; reads == 3 {
				panic("broken")
			}
		}}, nil
	})
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "broken" {
		t.Errorf("got %v", err)
	}
}

func TestAnIdleWorkerStealsLargeFiles(t *testing.T) {
	onTwoCores(t)
	large := strings.Repeat("x", 5*stealSize)
	var list strings.Builder
	for i := range 8 {
		if i < 4 {
			list.WriteString(listed(strconv.Itoa(i), large))
		} else {
			list.WriteString(listed(strconv.Itoa(i), "y"))
		}
	}
	var mu sync.Mutex
	readers := map[string]map[string]bool{}
	results, err := check(t, list.String(), 2, func(name string) (beneath.File, error) {
		content := large
		if name >= "4" {
			content = "y"
		}
		return &hookedFile{newFake(content), func() {
			if content == large {
				time.Sleep(time.Millisecond)
			}
			mu.Lock()
			defer mu.Unlock()
			if readers[name] == nil {
				readers[name] = map[string]bool{}
			}
			readers[name][goroutine()] = true
		}}, nil
	})
	if err != nil || len(results) != 0 {
		t.Errorf("got %v, %v", results, err)
	}
	moved := 0
	for _, by := range readers {
		moved += len(by) - 1
	}
	if moved < 2 {
		t.Errorf("%d files were stolen: %v", moved, readers)
	}
}

func TestALargeFileNearTheEndIsStartedEarly(t *testing.T) {
	const count = 3000
	var list strings.Builder
	for i := range count {
		list.WriteString(listed(strconv.Itoa(i), "x"))
	}
	j, p := newReadyJob(t, list.String(), Options{Workers: 2, Results: BadResults})
	j.size = func(name string) (int64, error) {
		if name == strconv.Itoa(count-2) {
			return 1 << 40, nil
		}
		return 1, nil
	}
	var mu sync.Mutex
	var order []string
	err := verifyFakes(j, p, func(name string) (beneath.File, error) {
		time.Sleep(200 * time.Microsecond)
		mu.Lock()
		defer mu.Unlock()
		order = append(order, name)
		return newFake("x"), nil
	})
	if err != nil || !j.results.finished() || len(order) != count {
		t.Fatalf("got %v, %d opened", err, len(order))
	}
	if at := slices.Index(order, strconv.Itoa(count-2)); at > count/2 {
		t.Errorf("the large file was opened as number %d", at)
	}
}

func TestPreferredFilesAreHandedOutFirstAndOnlyOnce(t *testing.T) {
	s := newStream(&Report{Files: 20}, NoResults)
	var free [20]int
	s.take(free[:3], 0, 1)
	s.prefer([]int{15, 1, 4, 19, 20})
	var got []int
	for n := -1; n != 0; {
		n = s.take(free[:4], 0, 1)
		got = append(got, free[:n]...)
	}
	want := []int{15, 4, 19, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 18}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEachWorkerGetsItsShareOfTheFiles(t *testing.T) {
	s := newStream(&Report{Files: 5}, NoResults)
	var free [32]int
	if n := s.take(free[:], 0, 2); n != 3 {
		t.Errorf("the first gets %d of 5", n)
	}
	if n := s.take(free[:], 0, 2); n != 2 {
		t.Errorf("the second gets %d of 2", n)
	}
}

func TestAReadTimerDistinguishesWaitingFromWork(t *testing.T) {
	for _, c := range []struct {
		spent        time.Duration
		files, bytes int
		due, waits   bool
	}{
		{measureFor / 2, 1, 1, false, false},
		{measureFor, 1, 1, true, true},
		{measureFor, 1600, 1600 * 4096, true, false}, // small files in memory
		{measureFor, 1, 40 << 20, true, false},       // a large one
		{measureFor, 10, 10 * 4096, true, true},      // 1 ms each
		{measureFor, 1, 1 << 20, true, true},         // 100 MB/s
	} {
		joined := make(chan bool, maxAdded) // one may end before another is added
		workers := &pool{limit: 1, work: func(*pool, []stolenFile) error { joined <- true; return nil }}
		p := readTimer{pool: workers}
		if due, waits := p.add(c.spent, c.files, c.bytes, 1); due != c.due || waits != c.waits {
			t.Errorf("%+v: got %v, %v", c, due, waits)
		}
		workers.group.Wait()
		if (len(joined) > 0) != c.waits {
			t.Errorf("%+v: joined: %d", c, len(joined))
		}
	}
}

func TestAWorkerContinuesWithItsOpenFilesWhenDescriptorsRunOut(t *testing.T) {
	content := strings.Repeat("x", 3*beneath.PieceSize)
	var list strings.Builder
	for i := range 50 {
		list.WriteString(listed(strconv.Itoa(i), content))
	}
	var open, most atomic.Int64
	results, err := check(t, list.String(), 2, func(string) (beneath.File, error) {
		if open.Add(1) > 3 {
			open.Add(-1)
			return nil, syscall.EMFILE
		}
		most.Store(max(most.Load(), open.Load()))
		file := newFake(content)
		file.closed = func() { open.Add(-1) }
		return file, nil
	})
	if err != nil || len(results) != 0 || most.Load() != 3 || open.Load() != 0 {
		t.Errorf("got %v, %v; %d open at once, %d left open", results, err, most.Load(), open.Load())
	}
}

func TestCancellingWhileASingleFileIsReadLeavesNothingOpen(t *testing.T) {
	onTwoCores(t)
	content := bytes.Repeat([]byte("x"), 2*readAheadSize)
	j, p := newReadyJob(t, listed("a", string(content)), Options{})
	var open atomic.Int64
	err := verifyFakes(j, p, func(string) (beneath.File, error) {
		open.Add(1)
		file := newFake(string(content))
		file.closed = func() { open.Add(-1) }
		return &hookedFile{file, func() {
			if len(file.content) < readAheadSize {
				j.Cancel()
			}
		}}, nil
	})
	if err != nil || j.results.finished() || open.Load() != 0 {
		t.Errorf("got %v, finished %v, %d left open", err, j.results.finished(), open.Load())
	}
}
