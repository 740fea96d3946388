package digest

import (
	"hash"

	"checksig/internal/digest/lanes"
)

// Block divides the size in bytes of each piece of a file except its last. It is a multiple
// of every algorithm's block, and of BLAKE3's chunk.
const Block = lanes.Chunk

// KernelsErr returns an error if the environment variable that chooses the kernels is
// invalid, or nil.
func KernelsErr() error { return lanes.Err() }

// A Batch hashes several files with one algorithm, piece by piece. Each file has a slot,
// counted from 0.
type Batch interface {
	// Begin prepares a slot for a file of size bytes.
	Begin(slot int, size int64)

	// Add adds the next piece of a slot's file: memory[from:to], which must not change until
	// Run returns.
	Add(slot, from, to int, last bool)

	// Run hashes all pieces that were added since the last Run.
	Run()

	// Sum appends the digest of a slot's file to b. The file's last piece must have been
	// hashed.
	Sum(slot int, b []byte) []byte

	// Take removes the state of a slot's file, and Put puts it into the same slot of a batch
	// for the same algorithm and number of slots. All added pieces must have been hashed.
	Take(slot int) State
	Put(slot int, state State)
}

// A Splitter is a Batch that can also hash parts of one file independently, on several
// cores.
type Splitter interface {
	Batch

	// NewPart returns a Part, which may be used again once it was joined.
	NewPart() Part

	// Join appends a part that was hashed to a slot's file.
	Join(slot int, part Part)
}

// A Part is a piece of a file.
type Part interface {
	// Hash hashes a piece that begins at offset at of the file. Several goroutines may call
	// it at once, each with its own part.
	Hash(at int64, piece []byte, last bool)
}

// A State is the state of a file's hash between two pieces.
type State struct {
	serial hash.Hash
	stream lanes.Stream
	tree   *lanes.Tree
	size   int64
}

// NewBatch returns a batch with that many slots, for pieces in memory.
func (a *Algorithm) NewBatch(memory []byte, slots int) Batch {
	if a.batch != nil {
		if batch := a.batch(memory, slots); batch != nil {
			return batch
		}
	}
	if a.lanes != nil && a.Prefix == nil && slots > 1 {
		if kernels := a.lanes.Kernels(); kernels != nil {
			return &laneBatch{a.lanes, kernels, memory, make([]lanes.Stream, slots), make([]int64, slots)}
		}
	}
	return &serialBatch{algorithm: a, memory: memory, states: make([]hash.Hash, slots)}
}

// A serialBatch hashes one file after another.
type serialBatch struct {
	algorithm *Algorithm
	memory    []byte
	states    []hash.Hash
	added     []piece
}

// A piece is a piece of a slot's file.
type piece struct{ slot, from, to int }

func (b *serialBatch) Begin(slot int, size int64) {
	if b.states[slot] == nil {
		b.states[slot] = b.algorithm.New()
	}
	b.algorithm.Begin(b.states[slot], size)
}

func (b *serialBatch) Add(slot, from, to int, _ bool) {
	b.added = append(b.added, piece{slot, from, to})
}

func (b *serialBatch) Run() {
	for _, p := range b.added {
		b.states[p.slot].Write(b.memory[p.from:p.to])
	}
	b.added = b.added[:0]
}

func (b *serialBatch) Sum(slot int, p []byte) []byte { return b.states[slot].Sum(p) }

func (b *serialBatch) Take(slot int) State {
	state := State{serial: b.states[slot]}
	b.states[slot] = nil
	return state
}

func (b *serialBatch) Put(slot int, state State) { b.states[slot] = state.serial }

// A laneBatch hashes many files at once, each in a lane of a kernel.
type laneBatch struct {
	hash    *lanes.Hash
	kernels *lanes.Kernels
	memory  []byte
	streams []lanes.Stream
	sizes   []int64 // of what was added
}

func (b *laneBatch) Begin(slot int, _ int64) {
	b.hash.Begin(&b.streams[slot])
	b.sizes[slot] = 0
}

func (b *laneBatch) Add(slot, from, to int, last bool) {
	stream := &b.streams[slot]
	blocks := (to - from) / b.hash.Block
	stream.Add(from, blocks)
	b.sizes[slot] += int64(to - from)
	if last {
		b.hash.Finish(stream, b.memory[from+blocks*b.hash.Block:to], b.sizes[slot])
	}
}

func (b *laneBatch) Run()                          { b.kernels.Run(b.streams, b.memory) }
func (b *laneBatch) Sum(slot int, p []byte) []byte { return b.hash.Sum(&b.streams[slot], p) }

func (b *laneBatch) Take(slot int) State { return State{stream: b.streams[slot], size: b.sizes[slot]} }

func (b *laneBatch) Put(slot int, state State) {
	b.streams[slot], b.sizes[slot] = state.stream, state.size
}
