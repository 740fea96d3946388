// Package lanes hashes many streams at once with MD5, SHA-1, or SHA-2, and the chunks of
// many messages at once with BLAKE3.
//
// Each step of these hashes needs the result of the previous one, so a core that hashes a
// single stream mostly waits. In the time that one or two streams take, it can hash 8 to 32
// of them in the lanes of vector registers, or by interleaving instructions. The kernels
// that do so are written in C (kernels.h) and tested against the standard library. A build
// without cgo or for another processor has no kernels, and its callers use the standard
// library instead.
//
// A [Stream] takes whole blocks, and its end through [Hash.Finish]. BLAKE3's chunks do not
// depend on each other, so one message can fill all lanes: see [Forest].
package lanes

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Hash is a hash function for which there may be kernels.
type Hash struct {
	Size  int // of a digest, in bytes
	Block int // size in bytes

	kind  kind
	begin [16]uint32 // the state before the first block
}

// MaxBlock is a multiple of the size of every hash's blocks, in bytes.
const MaxBlock = 128

// A kind is a family of hashes that share their kernels, numbered as in kernels.h.
type kind int

const (
	md5Kind kind = iota
	sha1Kind
	sha256Kind
	sha512Kind
	blake3Kind
	kinds // how many there are
)

// The hashes, with their initial values: RFC 1321, section 3.3; FIPS 180-4, section 5.3.
var (
	MD5  = hash32(md5Kind, 16, 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476)
	SHA1 = hash32(sha1Kind, 20, 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0)

	SHA224 = hash32(sha256Kind, 28, 0xc1059ed8, 0x367cd507, 0x3070dd17, 0xf70e5939,
		0xffc00b31, 0x68581511, 0x64f98fa7, 0xbefa4fa4)
	SHA256 = hash32(sha256Kind, 32, 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19)

	SHA384 = hash64(48, 0xcbbb9d5dc1059ed8, 0x629a292a367cd507, 0x9159015a3070dd17, 0x152fecd8f70e5939,
		0x67332667ffc00b31, 0x8eb44a8768581511, 0xdb0c2e0d64f98fa7, 0x47b5481dbefa4fa4)
	SHA512 = hash64(64, 0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
		0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179)
	SHA512t224 = hash64(28, 0x8c3d37c819544da2, 0x73e1996689dcd4d6, 0x1dfab7ae32ff9c82, 0x679dd514582f9fcf,
		0x0f6d2b697bd44da8, 0x77e36f7304c48942, 0x3f9d85a86a1d36c8, 0x1112e6ad91d692a1)
	SHA512t256 = hash64(32, 0x22312194fc2bf72c, 0x9f555fa3c84c64c2, 0x2393b86b6f53b151, 0x963877195940eabd,
		0x96283ee2a88effe3, 0xbe5e1e2553863992, 0x2b0199fc2c85b8aa, 0x0eb72ddc81c52ca2)
)

func hash32(kind kind, size int, begin ...uint32) *Hash {
	h := &Hash{Size: size, Block: 64, kind: kind}
	copy(h.begin[:], begin)
	return h
}

// hash64 stores each word as two halves, the low one first, because the processors that
// have kernels are little-endian.
func hash64(size int, begin ...uint64) *Hash {
	h := &Hash{Size: size, Block: 128, kind: sha512Kind}
	for i, word := range begin {
		h.begin[2*i], h.begin[2*i+1] = uint32(word), uint32(word>>32)
	}
	return h
}

// A Stream is the state of one hash. Its layout is that of struct checksig_stream.
type Stream struct {
	state      [16]uint32
	offset     uint64
	blocks     uint32
	tailBlocks uint32
	tail       [2 * MaxBlock]byte
}

// Begin resets s to the hash of an empty message.
func (h *Hash) Begin(s *Stream) { s.state = h.begin }

// Add adds that many blocks to s. offset is their offset in the memory that is passed to
// [Kernels.Run].
func (s *Stream) Add(offset, blocks int) { s.offset, s.blocks = uint64(offset), uint32(blocks) }

// Finish adds the end of a message of size bytes to s: the bytes that are left after the
// last whole block, and the padding (RFC 1321, sections 3.1 and 3.2; FIPS 180-4, section
// 5.1).
func (h *Hash) Finish(s *Stream, last []byte, size int64) {
	length := h.Block / 8 // of the message's length in the padding
	end := h.Block
	if len(last)+1+length > end {
		end *= 2
	}
	n := copy(s.tail[:], last)
	s.tail[n] = 0x80
	clear(s.tail[n+1 : end])
	bits := s.tail[end-8 : end]
	if h.kind == md5Kind {
		binary.LittleEndian.PutUint64(bits, uint64(size)<<3)
	} else {
		binary.BigEndian.PutUint64(bits, uint64(size)<<3)
	}
	if h.kind == sha512Kind {
		s.tail[end-9] = byte(size >> 61)
	}
	s.tailBlocks = uint32(end / h.Block)
}

// Sum appends the digest of s to b. s must have been finished and run.
func (h *Hash) Sum(s *Stream, b []byte) []byte {
	var sum [64]byte
	for i := range s.state {
		switch word := s.state[i]; h.kind {
		case md5Kind:
			binary.LittleEndian.PutUint32(sum[4*i:], word)
		case sha512Kind:
			binary.BigEndian.PutUint32(sum[4*(i^1):], word)
		default:
			binary.BigEndian.PutUint32(sum[4*i:], word)
		}
	}
	return append(b, sum[:h.Size]...)
}

// A kernel hashes as many streams at once as it has lanes. Its layout is that of struct
// checksig_kernel.
type kernel struct {
	set      int32 // of instructions
	lanes    uint32
	least    uint32  // with fewer streams the next kernel is used
	compress uintptr // C's
}

// String returns the kernel's name in benchmarks and tests, such as avx512x16.
func (k kernel) String() string { return fmt.Sprintf("%sx%d", setNames[k.set], k.lanes) }

// setNames are the names of the instruction sets, numbered as in kernels.h.
var setNames = []string{"scalar", "avx2", "avx512", "shani", "neon", "armv8", "armv8.2"}

// sets lists the instruction sets that kernels use and this processor supports.
var sets = func() (list []string) {
	for set, name := range setNames {
		if has(set) {
			list = append(list, name)
		}
	}
	return list
}()

// kernelsOf returns the kernels of those sets, and the scalar one for the last stream.
func kernelsOf(kind kind, sets []string) []kernel {
	bits := uint32(1)
	for set, name := range setNames {
		if slices.Contains(sets, name) {
			bits |= 1 << set
		}
	}
	return kernelsIn(kind, bits)
}

// Kernels are the kernels for one kind of hash, from wide to narrow.
type Kernels struct {
	kind kind
	list []kernel
}

// Kernels returns the kernels for h of the allowed instruction sets, or nil if there are
// none.
func (h *Hash) Kernels() *Kernels { return tuned[h.kind]() }

// tuned returns the kernels for each kind of hash. The first call measures them.
var tuned = func() (all [kinds]func() *Kernels) {
	for kind := range kinds {
		all[kind] = sync.OnceValue(func() *Kernels {
			sets, _ := allowed()
			return newKernels(kind, sets)
		})
	}
	return all
}()

func newKernels(kind kind, sets []string) *Kernels {
	if len(sets) == 0 {
		return nil
	}
	k := &Kernels{kind, kernelsOf(kind, sets)}
	k.tune()
	return k
}

// tune measures each kernel on this processor, and keeps those that are the fastest for
// some number of streams.
func (k *Kernels) tune() {
	rates := make([]float64, len(k.list))
	for i := range k.list {
		rates[i] = (&Kernels{k.kind, k.list[i : i+1]}).rate()
	}
	kept := k.list[:0]
	for i, kernel := range k.list {
		least := uint32(1)
		for other := i + 1; other < len(k.list); other++ {
			narrower := k.list[other].lanes
			for least <= kernel.lanes &&
				rates[i]*float64(least) <= rates[other]*float64(min(least, narrower)) {
				least++
			}
		}
		if least <= kernel.lanes {
			kernel.least = least
			kept = append(kept, kernel)
		}
	}
	k.list = kept
}

// rate measures the only kernel of k while all its lanes are busy. It returns the inverse of
// the nanoseconds for a fixed number of blocks in each lane.
func (k *Kernels) rate() (best float64) {
	const rounds, blocks = 5, 16
	memory := make([]byte, blocks*MaxBlock)
	streams := make([]Stream, k.Lanes())
	for range rounds {
		for i := range streams {
			streams[i].Add(0, blocks)
		}
		start := time.Now()
		k.Run(streams, memory)
		best = max(best, 1/float64(max(1, time.Since(start))))
	}
	return best
}

// Lanes returns the number of streams that the widest kernel hashes at once.
func (k *Kernels) Lanes() int { return int(k.list[0].lanes) }

// Variable is the name of the environment variable that lists the allowed instruction sets,
// separated by commas. "go" allows none. If the variable is unset or empty, all are allowed.
const Variable = "CHECKSIG_KERNELS"

const none = "go"

// Err returns an error if the environment variable is invalid, or nil.
func Err() error {
	_, err := allowed()
	return err
}

var allowed = sync.OnceValues(func() ([]string, error) { return parseSets(os.Getenv(Variable)) })

func parseSets(value string) ([]string, error) {
	switch value {
	case "":
		return sets, nil
	case none:
		return nil, nil
	}
	named := strings.Split(value, ",")
	for _, name := range named {
		if !slices.Contains(sets, name) {
			known := strings.Join(append(slices.Clone(sets), none), ", ")
			return nil, fmt.Errorf("invalid %s %q (choose from %s)", Variable, name, known)
		}
	}
	return named, nil
}
