package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"checksig/internal/beneath"
	"checksig/internal/digest"
	"checksig/internal/discover"
	"checksig/internal/limits"
	"checksig/internal/manifest"
)

const (
	// stressTime is how long the stress test lasts. A job that takes stressHang counts as hung.
	stressTime = 5 * time.Second
	stressHang = time.Minute

	// stressBytes is how many bytes the files of one job have, at most.
	stressBytes = 60 << 20
)

// A stressFile is a fake file that fails, changes, or panics as required, and panics if it is
// used after it was closed.
type stressFile struct {
	content         []byte
	at              int
	size, after     int64
	failAt, panicAt int // -1: never
	step            int
	slow            time.Duration
	open            *atomic.Int64 // files
	closed          bool
}

func (f *stressFile) Opened() beneath.Stamp         { return beneath.Stamp{Size: f.size} }
func (f *stressFile) Stamp() (beneath.Stamp, error) { return beneath.Stamp{Size: f.after}, nil }

func (f *stressFile) Close() error {
	if f.closed {
		panic("closed twice")
	}
	f.closed = true
	f.open.Add(-1)
	return nil
}

func (f *stressFile) Read(p []byte) (int, error) {
	if f.closed {
		panic("read after it was closed")
	}
	time.Sleep(f.slow)
	room := min(len(p), f.step)
	for _, end := range []int{f.panicAt, f.failAt} {
		if end >= 0 {
			room = min(room, max(0, end-f.at))
		}
	}
	if f.panicAt >= 0 && f.at >= f.panicAt {
		panic("injected")
	}
	if f.failAt >= 0 && f.at >= f.failAt {
		copy(p, "what a read that fails may leave")
		return 0, syscall.EIO
	}
	n := copy(p[:room], f.content[f.at:])
	f.at += n
	return n, nil
}

// A stressJob is a random plan of random files, and the verdicts that they must get.
type stressJob struct {
	*rand.Rand
	algorithms []*digest.Algorithm
	lists      []strings.Builder // one manifest for each algorithm
	files      []stressFile
	want       []Status
	panics     bool
	maxOpen    int64 // with more open files, descriptors have run out
	open       atomic.Int64
	opened     atomic.Int64
	cancelAt   int64 // the number of opened files at which the job is cancelled; 0: never
}

func newStressJob(random *rand.Rand, data []byte) *stressJob {
	r := &stressJob{Rand: random, maxOpen: 1 << 30}
	for range 1 + r.IntN(3) {
		algorithm := digest.Algorithms[r.IntN(len(digest.Algorithms))]
		if r.IntN(2) == 0 || algorithm.Decimal {
			algorithm = digest.ByName([]string{"md5", "sha1", "sha256", "sha512"}[r.IntN(4)])
		}
		if !slices.Contains(r.algorithms, algorithm) {
			r.algorithms = append(r.algorithms, algorithm)
		}
	}
	r.lists = make([]strings.Builder, len(r.algorithms))
	count := 1 + r.IntN(1+r.IntN(120))
	if r.IntN(6) == 0 {
		r.maxOpen = int64(1 + r.IntN(6))
	}
	if r.IntN(5) == 0 {
		r.cancelAt = int64(1 + r.IntN(count))
	}
	mayPanic, mayBeSlow, mayBeLarge := r.IntN(12) == 0, r.IntN(3) == 0, r.IntN(2) == 0
	budget := stressBytes
	for number := range count {
		size := r.size(mayBeLarge)
		if size > budget {
			size = r.IntN(100)
		}
		budget -= size
		from := r.IntN(len(data) - size)
		r.create(number, data[from:from+size], mayPanic, mayBeSlow)
	}
	return r
}

// size returns a random size, mostly near one at which the engine takes another path.
func (r *stressJob) size(mayBeLarge bool) int {
	near := []int{0, 128 * r.IntN(40), beneath.PieceSize * (1 + r.IntN(3)), slabSize / (1 + r.IntN(32)) / 128 * 128 * (1 + r.IntN(3))}
	if mayBeLarge {
		near = append(near, stealSize, readAheadSize, readAheadSize+slabSize/2, 3*stealSize, readAheadSize+slabSize+beneath.PieceSize)
	}
	if r.IntN(3) == 0 {
		return r.IntN(20_000)
	}
	return max(0, near[r.IntN(len(near))]+r.IntN(5)-2)
}

// create adds a file, and a line for it to each manifest.
func (r *stressJob) create(number int, content []byte, mayPanic, mayBeSlow bool) {
	f := stressFile{content: content, failAt: -1, panicAt: -1, step: 1 << 30, open: &r.open}
	f.size, f.after = int64(len(content)), int64(len(content))
	want, wrong := OK, -1
	switch r.IntN(14) {
	case 0:
		want, wrong = Failed, r.IntN(len(r.algorithms))
	case 1:
		want, f.after = Changed, f.after+1
	case 2:
		if f.size > 0 {
			want, f.failAt = Error, r.IntN(len(content))
		}
	case 3:
		want, f.size, f.after = Changed, f.size+1+int64(r.IntN(3)), f.after+1
	case 4:
		if f.size > 0 {
			want, f.size, f.after = Changed, f.size-1, f.after-1
		}
	case 5:
		want = Missing
	case 6:
		if mayPanic {
			f.panicAt, r.panics = r.IntN(len(content)+1), true
		}
	}
	if r.IntN(6) == 0 {
		f.step = 1000 + r.IntN(70_000)
	}
	if mayBeSlow && r.IntN(3) == 0 {
		f.slow = time.Duration(r.IntN(1500)) * time.Microsecond
	}
	r.files, r.want = append(r.files, f), append(r.want, want)
	for i, algorithm := range r.algorithms {
		state := algorithm.New()
		algorithm.Begin(state, int64(len(content)))
		state.Write(content)
		sum := state.Sum(nil)
		if i == wrong {
			sum[r.IntN(len(sum))] ^= 1 << r.IntN(8)
		}
		fmt.Fprintf(&r.lists[i], "%x  %d\n", sum, number)
	}
}

func (r *stressJob) plan(t *testing.T) *plan {
	t.Helper()
	var list discover.Sources
	for i := range r.lists {
		m, err := manifest.Parse(r.lists[i].String(), manifest.Options{Algorithm: r.algorithms[i]}, new(atomic.Bool))
		if err != nil || m.BadLineCount != 0 {
			t.Fatal(err)
		}
		list = append(list, &discover.Source{Manifest: m, First: list.Len()})
	}
	return makePlan(list, new(atomic.Bool))
}

func (r *stressJob) openFile(name string, cancel func()) (beneath.File, error) {
	if r.opened.Add(1) == r.cancelAt {
		cancel()
	}
	number, err := strconv.Atoi(name)
	if err != nil || r.want[number] == Missing {
		return nil, beneath.ErrMissing
	}
	if r.open.Add(1) > r.maxOpen {
		r.open.Add(-1)
		return nil, syscall.EMFILE
	}
	file := r.files[number]
	return &file, nil
}

// check runs the job and compares its results.
func (r *stressJob) check(t *testing.T) {
	t.Helper()
	isFree := limits.DescriptorIsFree
	defer func() { limits.DescriptorIsFree = isFree }()
	limits.DescriptorIsFree = func() bool { return r.open.Load() < r.maxOpen }
	options := Options{Workers: r.IntN(9), Results: []Wanted{AllResults, BadResults}[r.IntN(2)]}
	if r.IntN(10) == 0 {
		options.Workers = maxWorkers
	}
	j := newJob("root", options)
	j.size = func(name string) (int64, error) { return int64(len(name)), nil }
	p := r.plan(t)
	j.results = newStream(&Report{Files: len(p.first)}, options.Results)
	close(j.ready)
	ended := make(chan error, 1)
	go func() {
		ended <- verifyFakes(j, p, func(name string) (beneath.File, error) { return r.openFile(name, j.Cancel) })
	}()
	select {
	case err := <-ended:
		r.compare(t, j, err)
	case <-time.After(stressHang):
		stacks := make([]byte, 1<<20)
		t.Fatalf("a job with %d files hangs, %+v\n%s", len(r.files), options, stacks[:runtime.Stack(stacks, true)])
	}
}

func (r *stressJob) compare(t *testing.T, j *Job, err error) {
	t.Helper()
	var panicked *PanicError
	if err != nil && !(r.panics && errors.As(err, &panicked) && panicked.Value == "injected") {
		t.Fatal(err)
	}
	if r.open.Load() != 0 || limits.OpenFiles() != 0 || limits.Threads.Taken() != 0 {
		t.Fatalf("left: %d open, %d counted as open, %d threads", r.open.Load(), limits.OpenFiles(), limits.Threads.Taken())
	}
	var got, want []string
	j.results.give(func(result *Result) bool {
		got = append(got, fmt.Sprintf("%s:%d", result.Name, result.Status))
		return true
	})
	for number, status := range r.want {
		if j.options.Results == AllResults || status != OK {
			want = append(want, fmt.Sprintf("%d:%d", number, status))
		}
	}
	if err != nil || r.cancelAt > 0 {
		want = want[:min(len(want), len(got))] // the results that there are must be right
	} else if !j.results.finished() {
		t.Fatal("a file has no verdict")
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestRandomFilesGetTheirExpectedVerdicts(t *testing.T) {
	defer limits.SetCores(limits.Cores())
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	data := make([]byte, 40<<20)
	rand.NewChaCha8([32]byte{7}).Read(data)
	for start := time.Now(); time.Since(start) < stressTime; {
		limits.SetCores(1 << random.IntN(4))
		newStressJob(random, data).check(t)
		if t.Failed() {
			t.Fatal("seed", seed)
		}
	}
}
