package lanes

import (
	"encoding/binary"
	"math/bits"
)

// Chunk is the size of the leaves of BLAKE3's trees, in bytes.
const Chunk = 1024

// The flags of nodes (c2sp.org/BLAKE3, section 2.4).
const (
	chunkStart = 1 << iota
	chunkEnd
	parent
	root
)

const (
	parentSize = 64 // of a parent's data, in bytes

	// maxValues is how many values a tree keeps at most: one for each bit of the number of
	// chunks, which is less than 2^53, and one that is not merged yet.
	maxValues = 54
)

// A value is a chaining value.
type value [8]uint32

// nodes describes nodes with consecutive data. Its layout is that of struct checksig_nodes.
type nodes struct {
	offset      uint64
	counter     uint64
	step        uint32
	count       uint32
	size        uint32
	first, last uint32 // flags
	to          uint32
}

// A Tree is the state of one BLAKE3 hash: the values of the largest complete subtrees of the
// chunks so far. The last two are merged only once it is known whether more follows, because
// the root has a flag of its own.
type Tree struct {
	values [maxValues]value
	count  int
	chunks uint64
	only   value // of the only chunk, if it is the root
}

// Begin resets t to the hash of an empty message.
func (t *Tree) Begin() { t.count, t.chunks = 0, 0 }

// Sum appends the digest of t to b. The last part must have been joined.
func (t *Tree) Sum(b []byte) []byte {
	for _, word := range t.values[0] {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return b
}

// A Part is a piece of a message. Parts may be hashed in any order, but must be joined to the
// message's [Tree] in the message's order.
type Part struct {
	from   int // in memory
	size   int
	at     uint64 // its first chunk's number
	last   bool
	values []value // of its subtrees
	sizes  []uint64
	only   value
	joined int // values
}

// Set makes p the part memory[from:to], which begins at offset at of the message. at must be
// a multiple of [Chunk], and so must the size of each part but the last. The last part may
// be empty.
func (p *Part) Set(at int64, from, to int, last bool) {
	p.at, p.from, p.size, p.last = uint64(at/Chunk), from, to-from, last
}

// rootChunk reports whether p may be a message of a single chunk.
func (p *Part) rootChunk() bool { return p.at == 0 && p.size <= Chunk }

// tail returns the size in bytes of the incomplete chunk at the end of p. It reports false
// if there is none.
func (p *Part) tail() (size int, is bool) {
	size = p.size % Chunk
	return size, p.last && size > 0
}

// cut sets the sizes of the largest complete subtrees of p, which are powers of two chunks.
// If p may be the whole message, no subtree is all of p, because the root is special.
func (p *Part) cut() {
	p.sizes = p.sizes[:0]
	for at, left := p.at, uint64(p.size/Chunk); left > 0; {
		size := uint64(1) << (bits.Len64(left) - 1)
		if at > 0 {
			size = min(size, at&-at)
		} else if size == left && left > 1 {
			size /= 2
		}
		p.sizes = append(p.sizes, size)
		at += size
		left -= size
	}
}

// A Forest hashes parts of many messages at once with BLAKE3. Only one goroutine may use it
// at a time.
type Forest struct {
	kernels *Kernels
	nodes   []nodes
	values  []value
	merging []*Tree
	at, of  []uint64 // for each subtree, where its values begin and how many there are
	tails   []byte
}

// NewForest returns a Forest, or nil if there are no kernels.
func NewForest() *Forest {
	if k := tuned[blake3Kind](); k != nil && len(k.list) > 0 {
		return &Forest{kernels: k}
	}
	return nil
}

// room makes room for n values in f.values.
func (f *Forest) room(n int) {
	if n > len(f.values) {
		f.values = make([]value, n)
	}
}

// Hash hashes parts, whose data are in memory.
func (f *Forest) Hash(memory []byte, parts []*Part) {
	f.hashChunks(memory, parts)
	f.hashParents()
	at := 0
	for _, p := range parts {
		p.values, p.joined = p.values[:0], 0
		for range p.sizes {
			p.values = append(p.values, f.values[f.at[at]])
			at++
		}
	}
	f.hashTails(memory, parts)
}

func (f *Forest) hashChunks(memory []byte, parts []*Part) {
	f.nodes, f.at, f.of = f.nodes[:0], f.at[:0], f.of[:0]
	chunks := uint64(0)
	for _, p := range parts {
		p.cut()
		if len(p.sizes) > 0 {
			f.nodes = append(f.nodes, nodes{offset: uint64(p.from), counter: p.at, step: 1, count: uint32(p.size / Chunk),
				size: Chunk, first: chunkStart, last: chunkEnd, to: uint32(chunks)})
		}
		for _, size := range p.sizes {
			f.at, f.of = append(f.at, chunks), append(f.of, size)
			chunks += size
		}
	}
	f.room(int(chunks))
	f.run(memory)
}

// hashParents merges the values of each subtree into one, level by level.
func (f *Forest) hashParents() {
	for {
		f.nodes = f.nodes[:0]
		for i := range f.of {
			if f.of[i] > 1 {
				f.of[i] /= 2
				f.nodes = append(f.nodes, nodes{offset: f.at[i] * parentSize / 2, count: uint32(f.of[i]), size: parentSize,
					first: parent, to: uint32(f.at[i])})
			}
		}
		if len(f.nodes) == 0 {
			return
		}
		f.runParents()
	}
}

// hashTails hashes each chunk that may be the last one of its message.
func (f *Forest) hashTails(memory []byte, parts []*Part) {
	f.nodes, f.tails = f.nodes[:0], f.tails[:0]
	add := func(p *Part, size int, last uint32) {
		f.nodes = append(f.nodes, nodes{offset: uint64(len(f.tails)), counter: p.at + uint64(p.size/Chunk),
			count: 1, size: uint32(size), first: chunkStart, last: last, to: uint32(len(f.nodes))})
		f.tails = append(f.tails, memory[p.from+p.size-size:p.from+p.size]...)
		padding := max(parentSize, (size+parentSize-1)/parentSize*parentSize) - size
		f.tails = append(f.tails, make([]byte, padding)...)
	}
	for _, p := range parts {
		if p.rootChunk() {
			add(p, p.size, chunkEnd|root)
			f.nodes[len(f.nodes)-1].counter = 0
		} else if size, is := p.tail(); is {
			add(p, size, chunkEnd)
		}
	}
	f.room(len(f.nodes))
	f.run(f.tails)
	at := 0
	for _, p := range parts {
		if p.rootChunk() {
			p.only = f.values[at]
			at++
		} else if _, is := p.tail(); is {
			p.values, p.sizes = append(p.values, f.values[at]), append(p.sizes, 1)
			at++
		}
	}
}

// Join joins parts that were hashed to trees: each is the next part of the tree with the
// same index.
func (f *Forest) Join(trees []*Tree, parts []*Part) {
	for {
		f.nodes, f.merging = f.nodes[:0], f.merging[:0]
		f.room(2 * len(trees))
		for i, t := range trees {
			if flags := t.join(parts[i]); flags != 0 {
				at := 2 * len(f.nodes)
				copy(f.values[at:at+2], t.values[t.count-2:])
				f.nodes = append(f.nodes, nodes{offset: uint64(at * parentSize / 2), count: 1, size: parentSize, first: flags,
					to: uint32(at)})
				f.merging = append(f.merging, t)
			}
		}
		if len(f.nodes) == 0 {
			return
		}
		f.runParents()
		for i, t := range f.merging {
			t.count--
			t.values[t.count-1] = f.values[2*i]
		}
	}
}

// join moves values of a part to t until the last two values of t must be merged. It returns
// the flags of their parent, or 0 if nothing is left to do.
func (t *Tree) join(p *Part) (flags uint32) {
	if t.chunks == 0 && p.rootChunk() {
		t.only = p.only
	}
	for p.joined < len(p.values) && t.count == bits.OnesCount64(t.chunks) {
		t.values[t.count] = p.values[p.joined]
		t.count++
		t.chunks += p.sizes[p.joined]
		p.joined++
	}
	switch {
	case p.joined < len(p.values):
		return parent
	case !p.last:
		return 0
	case t.count > 2:
		return parent
	case t.count == 2:
		return parent | root
	case t.chunks < 2:
		t.values[0] = t.only
	}
	return 0
}
