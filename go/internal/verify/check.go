package verify

import (
	"bytes"
	"fmt"
	"hash"
	"runtime"
	"runtime/debug"
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

	// maxWorkers is how many files one run reads at once.
	maxWorkers = 256
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

// checkAll verifies the files of a plan on a bounded number of goroutines. Its
// error is a [*PanicError].
func (j *Job) checkAll(p *plan, open func(string) (File, error)) error {
	if len(p.first) == 0 {
		return nil
	}
	workers := j.options.Workers
	if workers <= 0 {
		workers = max(runtime.GOMAXPROCS(0), minWorkers)
	}
	failures := make(chan error, min(workers, maxWorkers, len(p.first)))
	work := func() { failures <- j.work(p, open) }
	var wait sync.WaitGroup
	for range cap(failures) - 1 {
		wait.Go(work)
	}
	work() // one worker is this goroutine: to wake another costs more than to verify a small file
	wait.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

// work checks files until there are no more, the job is cancelled, or a worker
// panicked.
func (j *Job) work(p *plan, open func(string) (File, error)) (err error) {
	defer func() {
		if err != nil {
			j.Cancel()
		}
	}()
	defer Contain(&err)
	w := &worker{
		opener:   opener{patience{stopped: &j.stopped}, open},
		all:      j.options.Results == AllResults,
		hashOnly: j.options.Task == HashFiles,
		states:   map[*digest.Algorithm]hash.Hash{},
		bytes:    &j.bytes,
	}
	for {
		number, ok := j.results.take()
		if !ok {
			return nil
		}
		result := p.target(number, &w.target)
		if result == nil {
			result = w.check()
		}
		if j.stopped.Load() {
			return nil
		}
		j.results.put(number, result)
	}
}

// buffers outlive a run, since a new one costs more than to read a small file.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// A worker holds what one goroutine uses again for each file.
type worker struct {
	opener
	all      bool // results for good files too
	hashOnly bool // whatever is listed, a file's digest is the result
	target   target
	states   map[*digest.Algorithm]hash.Hash
	active   []hash.Hash
	sum      [digest.MaxSize]byte
	bytes    *atomic.Int64 // hashed by all workers
}

// check gives the verdict on the target, which it reads once; nil is OK, when
// such results are not wanted.
func (w *worker) check() *Result {
	t := &w.target
	if err := threads.take(); err != nil {
		return t.refused(err)
	}
	defer threads.give()
	file, err := w.Open(t.name)
	if err != nil {
		return t.refused(err)
	}
	defer closeCounted(file)
	size := file.Opened().Size
	w.reset(size)
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	if err := drain(file, buffer[:], w.stopped, w.feed); err != nil {
		return t.refused(err)
	}
	for i := range t.entries {
		actual := w.active[i].Sum(w.sum[:0])
		if w.hashOnly {
			return t.hashed(OK, i, actual, size)
		}
		if !bytes.Equal(actual, t.entries[i].Digest()) {
			return t.hashed(Failed, i, actual, size)
		}
		if listed := t.entries[i].Size; listed >= 0 && listed != size {
			result := t.hashed(Failed, i, actual, size)
			result.Err = fmt.Errorf("%d bytes, not the %d that are listed", size, listed)
			return result
		}
	}
	if !w.all {
		return nil
	}
	return t.hashed(OK, 0, t.entries[0].Digest(), size)
}

// reset makes active hold a fresh state for each entry of the target, for a file of
// that size.
func (w *worker) reset(size int64) {
	w.active = w.active[:0]
	for i := range w.target.entries {
		algorithm := w.target.entries[i].Algorithm
		state := w.states[algorithm]
		if state == nil {
			state = algorithm.New()
			w.states[algorithm] = state
		}
		algorithm.Begin(state, size)
		w.active = append(w.active, state)
	}
}

func (w *worker) feed(p []byte) {
	for _, state := range w.active {
		state.Write(p)
	}
	w.bytes.Add(int64(len(p)))
}

// drain passes the content of file to sink, piece by piece. It reads at most
// one byte more than the file had when it was opened, so that a file without
// end ends; errChanged says that the file was touched meanwhile.
func drain(file File, buffer []byte, stopped *atomic.Bool, sink func([]byte)) error {
	opened := file.Opened()
	left := opened.Size
	for left >= 0 {
		if stopped.Load() {
			return errStopped
		}
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
