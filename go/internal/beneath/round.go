package beneath

import (
	"errors"
	"sync/atomic"
	"syscall"
	"time"
)

// A Piece is a part of a file that a [Round] reads, and the file itself.
type Piece struct {
	Reader            // its File is nil if it is not open
	Name       string // of the file to open if none is open; it must come from [Clean]
	From, Size int    // where the piece goes in the memory of the round; one byte more may be written

	// What the round did:
	Begun bool  // whether it opened the file, or tried to, or read from it
	Got   int   // how many bytes of the piece it read
	Last  bool  // whether the file has no more, did not change, and was closed
	Err   error // why the file could not be opened or read; it was closed
	Stamp Stamp // of the file, as of its opening

	ahead int64 // as in struct checksig_piece
}

// A Round opens files and reads a piece of each. Where it can, it begins to read all pieces
// before it waits for one. It is for one goroutine at a time, apart from At and LeaveAlone, and must
// be closed.
type Round struct {
	Memory    []byte        // for the pieces
	Stopped   *atomic.Bool  // if set, Run ends early
	Time      time.Duration // after which Run begins no other file
	Ahead     int64         // how many bytes of a file it may read ahead
	Waits     bool          // whether the storage is known to let its readers wait
	Waited    int           // how many pieces were not in memory, as far as that is known
	Exhausted error         // why it opened no more files: EMFILE or ENFILE, or nil

	open   func(name string) (File, error)
	kernel *kernelRound // if the kernel resolves names, and this build can call it; else nil
	at     atomic.Int32
	alone  atomic.Bool
}

// NewRound returns a Round for files that open opens.
func NewRound(open func(name string) (File, error)) *Round { return &Round{open: open} }

// NewRound returns a Round for files below r.
func (r *Root) NewRound() *Round { return &Round{open: r.Open, kernel: r.newKernelRound()} }

// Close frees what the round has made for its reads. The files stay open.
func (r *Round) Close() {
	if r.kernel != nil {
		r.kernel.close()
	}
}

// Open opens files. Run reads a piece of each, and opens those that are not open. Both do nothing
// with a piece that they do not get to, because time is up, descriptors have run out, or Stopped is
// set. They get to the first one, at least.
func (r *Round) Open(pieces []*Piece) { r.run(pieces, false) }

// Run is described at Open.
func (r *Round) Run(pieces []*Piece) { r.run(pieces, true) }

func (r *Round) run(pieces []*Piece, read bool) {
	r.Exhausted, r.Waited = nil, 0
	for _, p := range pieces {
		p.Begun, p.Got, p.Last, p.Err = false, 0, false, nil
	}
	if r.kernel != nil {
		r.kernel.run(r, pieces, read)
		return
	}
	start := time.Now()
	for i, p := range pieces {
		if r.Stopped.Load() || r.alone.Load() || i > 0 && time.Since(start) > r.Time {
			return
		}
		r.at.Store(int32(i))
		r.runPiece(p, read)
	}
}

func (r *Round) runPiece(p *Piece, read bool) {
	if p.File == nil {
		if r.Exhausted != nil {
			return
		}
		file, err := r.open(p.Name)
		if IsExhausted(err) {
			r.Exhausted = err
			return
		}
		p.Begun = true
		if err != nil {
			r.Waited++
			p.Err = err
			return
		}
		p.Reader, p.Stamp = NewReader(file), file.Opened()
	}
	p.Begun = true
	r.Waited++
	if !read {
		return
	}
	p.Got, p.Last, p.Err = p.Fill(r.Memory[p.From:p.From+p.Size+1], r.Stopped)
	if p.Last && p.Err == nil {
		p.Err = p.Verify()
		p.Last = p.Err == nil
	}
	if p.Last || p.Err != nil {
		p.File.Close()
		p.File = nil
	}
}

// Reset makes LeaveAlone take effect only for a later call of Open or Run. It must not be called
// at the same time as LeaveAlone.
func (r *Round) Reset() {
	r.at.Store(0)
	r.alone.Store(false)
	if r.kernel != nil {
		r.kernel.reset()
	}
}

// At returns the index of the piece that a call of Open or Run, on another goroutine, works on.
func (r *Round) At() int {
	if r.kernel != nil {
		return r.kernel.at()
	}
	return int(r.at.Load())
}

// LeaveAlone makes a call of Open or Run, on another goroutine, end after the piece that it works
// on.
func (r *Round) LeaveAlone() {
	r.alone.Store(true)
	if r.kernel != nil {
		r.kernel.leaveAlone()
	}
}

// IsExhausted reports whether err says that descriptors have run out.
func IsExhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
