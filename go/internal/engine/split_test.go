//go:build checksig_modules

package engine

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/limits"
)

var blake3 = digest.ByName("blake3")

// needsSplitter skips a test if there are no kernels for BLAKE3. The test uses that many cores.
func needsSplitter(t *testing.T, cores int) {
	t.Helper()
	if _, ok := blake3.NewBatch(nil, 1).(digest.Splitter); !ok {
		t.Skip("this build has no kernels")
	}
	before := limits.SetCores(cores)
	t.Cleanup(func() { limits.SetCores(before) })
}

func listedBLAKE3(name, content string) string {
	state := blake3.New()
	io.WriteString(state, content)
	return fmt.Sprintf("BLAKE3 (%s) = %x\n", name, state.Sum(nil))
}

// splitContent has several pieces for each goroutine, and a short one at the end.
var splitContent = func() string {
	var text strings.Builder
	for line := 0; text.Len() < 2*readAheadSize+5*splitPiece; line++ {
		fmt.Fprintf(&text, "%015d\n", line)
	}
	return text.String() + "tail"
}()

// turns records which goroutines read, and whether two did so at once.
type turns struct {
	mu      sync.Mutex
	reading atomic.Int32
	reads   map[string]int
	clash   bool
}

// hook records the goroutine that reads.
func (r *turns) hook() {
	clash := r.reading.Add(1) > 1
	defer r.reading.Add(-1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads[goroutine()]++
	r.clash = r.clash || clash
	runtime.Gosched()
}

func TestASingleLargeFileIsHashedByManyGoroutines(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fakeFile)
		want   string
	}{
		"good":     {func(*fakeFile) {}, ""},
		"mismatch": {func(f *fakeFile) { f.content = f.content[:readAheadSize] + "X" + f.content[readAheadSize+1:] }, "mismatch"},
		"moved": {func(f *fakeFile) {
			f.content = f.content[:readAheadSize] + f.content[readAheadSize+splitPiece:] + f.content[readAheadSize:readAheadSize+splitPiece]
		}, "mismatch"},
		"changed": {func(f *fakeFile) { f.after++ }, "changed while it was read"},
		"shorter": {func(f *fakeFile) { f.content = f.content[1:] }, "changed while it was read"},
		"longer":  {func(f *fakeFile) { f.content += "x" }, "changed while it was read"},
		"broken":  {func(f *fakeFile) { f.content, f.err = f.content[:readAheadSize], syscall.EIO }, "input/output error"},
		"steps":   {func(f *fakeFile) { f.step = 4099 }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			needsSplitter(t, 4)
			r := turns{reads: map[string]int{}}
			var open atomic.Int32
			results, err := check(t, listedBLAKE3("a", splitContent), 0, func(string) (beneath.File, error) {
				file := newFake(splitContent)
				c.change(file)
				open.Add(1)
				file.closed = func() { open.Add(-1) }
				return &hookedFile{file, r.hook}, nil
			})
			got := ""
			for _, r := range results {
				got += r.Reason()
			}
			if err != nil || got != c.want || open.Load() != 0 {
				t.Errorf("got %q, %v; want %q; %d left open", got, err, c.want, open.Load())
			}
			if len(r.reads) < 2 || len(r.reads) > 4 || r.clash {
				t.Errorf("these goroutines read: %v, two at once: %v", r.reads, r.clash)
			}
			if limits.Threads.Taken() != 0 {
				t.Errorf("%d threads are still taken", limits.Threads.Taken())
			}
		})
	}
}

func TestManyGoroutinesHashFilesOfAllLengths(t *testing.T) {
	needsSplitter(t, 3)
	for _, length := range []int{beneath.PieceSize + readAheadSize, beneath.PieceSize + readAheadSize + 1, readAheadSize + 3*splitPiece - 1,
		readAheadSize + 3*splitPiece, readAheadSize + 3*splitPiece + beneath.PieceSize, readAheadSize + 3*splitPiece + 1024} {
		content := splitContent[:length]
		results, err := check(t, listedBLAKE3("a", content), 0, func(string) (beneath.File, error) { return newFake(content), nil })
		if err != nil || len(results) != 0 {
			t.Errorf("%d bytes: got %v, %v", length, results, err)
		}
	}
}

func TestPiecesGrowIfTheStorageIsFast(t *testing.T) {
	for _, c := range []struct {
		size  int64
		spent time.Duration
		want  int
	}{
		{0, 0, splitPiece},
		{growAfter - 1, time.Millisecond, splitPiece},
		{growAfter, time.Millisecond, maxSplitPiece},
		{growAfter, 1001 * time.Millisecond, splitPiece},
		{100 * growAfter, 99 * time.Second, maxSplitPiece},
		{100 * growAfter, 101 * time.Second, splitPiece},
	} {
		if got := pieceSize(c.size, c.spent); got != c.want {
			t.Errorf("%d bytes in %v: got %d, want %d", c.size, c.spent, got, c.want)
		}
	}
}

func TestAFileInPiecesOfBothSizesHasItsDigest(t *testing.T) {
	needsSplitter(t, 3)
	content := strings.Repeat(splitContent, 3)
	content = content[:growAfter+readAheadSize+3*maxSplitPiece+5]
	for _, c := range []struct{ listed, want string }{{content, ""}, {content[:len(content)-1] + "X", "mismatch"}} {
		got := ""
		results, err := check(t, listedBLAKE3("a", c.listed), 0, func(string) (beneath.File, error) { return newFake(content), nil })
		for _, r := range results {
			got += r.Reason()
		}
		if err != nil || got != c.want {
			t.Errorf("got %q, %v; want %q", got, err, c.want)
		}
	}
}

func TestAFileWithAlsoASerialDigestIsNotSplit(t *testing.T) {
	needsSplitter(t, 2)
	r := turns{reads: map[string]int{}}
	list := listedBLAKE3("a", splitContent) + "SHA1 (a) = " + strings.Fields(listed("a", splitContent))[0] + "\n"
	results, err := check(t, list, 0, func(string) (beneath.File, error) {
		return &hookedFile{newFake(splitContent), r.hook}, nil
	})
	if err != nil || len(results) != 0 || len(r.reads) != 2 {
		t.Errorf("got %v, %v; these goroutines read: %v", results, err, r.reads)
	}
}

func TestAPanicWhileAnyGoroutineReadsAPartIsContained(t *testing.T) {
	needsSplitter(t, 3)
	for at := range 30 {
		reads := 0
		_, err := check(t, listedBLAKE3("a", splitContent), 0, func(string) (beneath.File, error) {
			return &hookedFile{newFake(splitContent), func() {
				if reads++; reads == 2+at {
					panic("broken")
				}
			}}, nil
		})
		var panicked *PanicError
		if !errors.As(err, &panicked) || panicked.Value != "broken" || limits.Threads.Taken() != 0 {
			t.Errorf("got %v; %d threads are taken", err, limits.Threads.Taken())
		}
	}
}

// A brokenSplitter panics in a chosen call of its parts' Hash, or of Join.
type brokenSplitter struct {
	digest.Splitter
	hash, join int
	calls      atomic.Int32
}

type brokenPart struct {
	digest.Part
	of *brokenSplitter
}

func (b *brokenSplitter) NewPart() digest.Part { return brokenPart{b.Splitter.NewPart(), b} }

func (b *brokenSplitter) Join(slot int, part digest.Part) {
	if b.join--; b.join == 0 {
		panic("broken")
	}
	b.Splitter.Join(slot, part.(brokenPart).Part)
}

func (p brokenPart) Hash(at int64, piece []byte, last bool) {
	if int(p.of.calls.Add(1)) == p.of.hash {
		panic("broken")
	}
	p.Part.Hash(at, piece, last)
}

func TestAPanicWhileAPartIsHashedOrJoinedIsContained(t *testing.T) {
	needsSplitter(t, 3)
	for call := range 20 {
		for _, broken := range []*brokenSplitter{{hash: 1 + call}, {join: 1 + call}} {
			j, p := newReadyJob(t, listedBLAKE3("a", splitContent), Options{})
			var open atomic.Int32
			var ran *pool
			err := runPool(0, 1, func(c *pool, _ []stolenFile) error {
				ran = c
				w := newWorker(j, c, p, fakeRoot(func(string) (beneath.File, error) {
					open.Add(1)
					file := newFake(splitContent)
					file.closed = func() { open.Add(-1) }
					return file, nil
				}))
				broken.Splitter = blake3.NewBatch(w.slab[:], len(w.slots)).(digest.Splitter)
				w.batches = append(w.batches, batch{blake3, broken})
				return j.work(w, nil)
			})
			var panicked *PanicError
			if !errors.As(err, &panicked) || panicked.Value != "broken" || open.Load() != 0 || ran.size.Load() != 0 {
				t.Errorf("got %v; %d left open, %d workers", err, open.Load(), ran.size.Load())
			}
		}
	}
}

func TestCancellingWhileManyGoroutinesHashAFileLeavesNothingOpen(t *testing.T) {
	needsSplitter(t, 3)
	j, p := newReadyJob(t, listedBLAKE3("a", splitContent), Options{})
	var open, after atomic.Int64
	err := verifyFakes(j, p, func(string) (beneath.File, error) {
		open.Add(1)
		file := newFake(splitContent)
		file.closed = func() { open.Add(-1) }
		return &hookedFile{file, func() {
			if j.stopped.Load() {
				after.Add(1)
			}
			if len(file.content) < readAheadSize {
				j.Cancel()
			}
		}}, nil
	})
	if err != nil || j.results.finished() || open.Load() != 0 || after.Load() != 0 || limits.Threads.Taken() != 0 {
		t.Errorf("got %v, finished %v, %d left open, %d reads after the end, %d threads taken",
			err, j.results.finished(), open.Load(), after.Load(), limits.Threads.Taken())
	}
}

func TestOneGoroutineHashesAFileIfNoOtherThreadIsFree(t *testing.T) {
	needsSplitter(t, 4)
	limitThreadPool(t, 1)
	r := turns{reads: map[string]int{}}
	results, err := check(t, listedBLAKE3("a", splitContent), 0, func(string) (beneath.File, error) {
		return &hookedFile{newFake(splitContent), r.hook}, nil
	})
	if err != nil || len(results) != 0 || len(r.reads) != 1 {
		t.Errorf("got %v, %v; these goroutines read: %v", results, err, r.reads)
	}
}

func TestTheFirstErrorOfASplitFileIsKept(t *testing.T) {
	f := &splitFile{}
	f.moved = sync.NewCond(&f.mu)
	for _, err := range []error{syscall.EIO, beneath.ErrStopped, nil} {
		f.end(err)
	}
	if f.err != syscall.EIO || f.room() != nil {
		t.Errorf("got %v", f.err)
	}
}
