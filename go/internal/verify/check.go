package verify

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"checksig/internal/beneath"
	"checksig/internal/digest"
)

const (
	// bufferSize is what one read asks for, in bytes: larger does not pay, and
	// this stays in a core's own cache.
	bufferSize = 128 * 1024

	// minWorkers read at once however few the cores are: a read that waits for
	// a cold disk leaves its core to another.
	minWorkers = 8
)

// A File is a regular file, open for reading.
type File interface {
	Read([]byte) (int, error) // 0 and nil at the end
	Opened() beneath.Stamp    // as of the opening
	Stamp() (beneath.Stamp, error)
	Close() error
}

// A PanicError is a bug of ours that was contained.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("internal error: %v; please report it with this stack:\n%s", e.Value, e.Stack)
}

// Contain makes a panic of the function that defers it a [*PanicError] in *err.
func Contain(err *error) {
	if value := recover(); value != nil {
		*err = &PanicError{value, debug.Stack()}
	}
}

// checkAll verifies the targets on a bounded number of goroutines and returns
// what is not OK, in the order of targets. Its error is a [*PanicError].
func checkAll(targets []target, workers int, open func(string) (File, error)) ([]Result, error) {
	if workers <= 0 {
		workers = max(runtime.GOMAXPROCS(0), minWorkers)
	}
	q := &queue{targets: targets, open: open}
	var wait sync.WaitGroup
	for range min(workers, len(targets)) - 1 {
		wait.Go(q.work)
	}
	q.work() // one worker is this goroutine: to wake another costs more than to verify a small file
	wait.Wait()
	if q.err != nil {
		return nil, q.err
	}
	slices.SortFunc(q.failures, func(a, b failure) int { return a.index - b.index })
	results := make([]Result, len(q.failures))
	for i, f := range q.failures {
		results[i] = f.result
	}
	return results, nil
}

// A queue hands the targets out to the workers and gathers what they find.
type queue struct {
	targets []target
	open    func(string) (File, error)
	next    atomic.Int64

	mu       sync.Mutex
	failures []failure // in the order of their finding
	err      error     // the first panic
}

type failure struct {
	index  int
	result Result
}

// work takes targets until there are none, or until a worker panicked.
func (q *queue) work() {
	var err error
	defer func() {
		if err != nil {
			q.next.Store(int64(len(q.targets)))
			q.mu.Lock()
			q.err = cmp.Or(q.err, err)
			q.mu.Unlock()
		}
	}()
	defer Contain(&err)
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	w := &worker{opener: opener{open: q.open}, buffer: buffer[:], states: map[*digest.Algorithm]hash.Hash{}}
	for {
		i := int(q.next.Add(1)) - 1
		if i >= len(q.targets) {
			return
		}
		result := w.check(&q.targets[i])
		if result.Status != OK {
			q.mu.Lock()
			q.failures = append(q.failures, failure{i, result})
			q.mu.Unlock()
		}
	}
}

// buffers outlive a run, since a new one costs more than to read a small file.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// A worker holds what one goroutine uses again for each file.
type worker struct {
	opener
	buffer []byte
	states map[*digest.Algorithm]hash.Hash
	active []hash.Hash
	sum    [digest.MaxSize]byte
}

// check gives the verdict on one file, which it reads once.
func (w *worker) check(t *target) Result {
	if t.refusal != nil {
		return *t.refusal
	}
	file, err := w.Open(t.name)
	if err != nil {
		return failed(t.name, err)
	}
	defer closeCounted(file)
	w.reset(t)
	if err := drain(file, w.buffer, w.feed); err != nil {
		return failed(t.name, err)
	}
	for i, entry := range t.entries {
		if !bytes.Equal(w.active[i].Sum(w.sum[:0]), entry.Digest) {
			return Result{t.name, Failed, "mismatch"}
		}
	}
	return Result{Name: t.name, Status: OK}
}

// reset makes active hold a fresh state for each entry of t.
func (w *worker) reset(t *target) {
	w.active = w.active[:0]
	for _, entry := range t.entries {
		state := w.states[entry.Algorithm]
		if state == nil {
			state = entry.Algorithm.New()
			w.states[entry.Algorithm] = state
		}
		state.Reset()
		w.active = append(w.active, state)
	}
}

func (w *worker) feed(p []byte) {
	for _, state := range w.active {
		state.Write(p)
	}
}

func failed(name string, err error) Result {
	switch {
	case errors.Is(err, beneath.ErrMissing):
		return Result{name, Missing, err.Error()}
	case errors.Is(err, errChanged):
		return Result{name, Changed, err.Error()}
	}
	return Result{name, Error, err.Error()}
}

var errChanged = errors.New("changed while it was read")

// drain passes the content of file to sink, piece by piece. It reads at most
// one byte more than the file had when it was opened, so that a file without
// end ends; errChanged says that the file was touched meanwhile.
func drain(file File, buffer []byte, sink func([]byte)) error {
	opened := file.Opened()
	left := opened.Size
	for left >= 0 {
		asked := int64(len(buffer))
		if left < asked {
			asked = left + 1
		}
		n, err := file.Read(buffer[:asked])
		if err != nil {
			return err
		}
		sink(buffer[:n])
		left -= int64(n)
		if n == 0 || left == 0 && int64(n) < asked {
			break
		}
	}
	now, err := file.Stamp()
	if err != nil {
		return err
	}
	if left != 0 || now != opened {
		return errChanged
	}
	return nil
}
