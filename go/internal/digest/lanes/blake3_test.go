//go:build checksig_modules

package lanes

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/zeebo/blake3"
)

// eachForest runs a test with each kernel alone, and with all kernels together.
func eachForest(t *testing.T, test func(t *testing.T, f *Forest)) {
	if len(sets) == 0 {
		t.Skip("this build has no kernels")
	}
	t.Run("all", func(t *testing.T) { test(t, &Forest{kernels: newKernels(blake3Kind, sets)}) })
	for _, k := range everyKernel(&Hash{kind: blake3Kind}) {
		t.Run(fmt.Sprint(k.list[0]), func(t *testing.T) { test(t, &Forest{kernels: k}) })
	}
}

// hashTrees hashes messages together. split returns how many of the given number of whole
// chunks the next part of a message has.
func hashTrees(f *Forest, messages [][]byte, split func(chunks int) int) [][]byte {
	trees, parts, done := make([]Tree, len(messages)), make([]Part, len(messages)), make([]int, len(messages))
	for i := range trees {
		trees[i].Begin()
	}
	memory, end := bytes.Join(messages, nil), 0
	for {
		var running []*Tree
		var next []*Part
		end = 0
		for i, m := range messages {
			from := end
			end += len(m)
			if done[i] < 0 {
				continue
			}
			at, size := done[i], len(m)-done[i]
			chunks := split(size / Chunk)
			last := chunks == size/Chunk
			if last {
				done[i] = -1
			} else {
				size = chunks * Chunk
				done[i] += size
			}
			parts[i].Set(int64(at), from+at, from+at+size, last)
			running, next = append(running, &trees[i]), append(next, &parts[i])
		}
		if len(running) == 0 {
			break
		}
		f.Hash(memory, next)
		f.Join(running, next)
	}
	var sums [][]byte
	for i := range trees {
		sums = append(sums, trees[i].Sum(nil))
	}
	return sums
}

func checkTrees(t *testing.T, f *Forest, messages [][]byte, split func(chunks int) int) {
	t.Helper()
	for i, got := range hashTrees(f, messages, split) {
		if want := blake3.Sum256(messages[i]); !bytes.Equal(got, want[:]) {
			t.Fatalf("message %d of %d, %d bytes: got %x, want %x", i, len(messages), len(messages[i]), got, want)
		}
	}
}

func TestEveryLengthGivesTheDigestOfTheReferenceBLAKE3(t *testing.T) {
	lengths, step := []int{}, 1
	if testing.Short() || underRace {
		step = 13
	}
	for length := 0; length <= 5000; length += step {
		lengths = append(lengths, length)
	}
	for chunks := 1; chunks <= 4096; chunks *= 2 {
		for _, more := range []int{-1, 0, 1, 3} {
			for _, bytes := range []int{-1, 0, 1, 64} {
				lengths = append(lengths, max(0, (chunks+more)*Chunk+bytes))
			}
		}
	}
	large := make([]byte, 4100*Chunk)
	rand.NewChaCha8([32]byte{4}).Read(large)
	eachForest(t, func(t *testing.T, f *Forest) {
		for _, length := range lengths {
			checkTrees(t, f, [][]byte{large[len(large)-length:]}, whole)
		}
	})
}

func TestRandomPartsOfManyMessagesGiveTheDigestsOfTheReferenceBLAKE3(t *testing.T) {
	rounds := 60
	if testing.Short() || underRace {
		rounds = 6
	}
	eachForest(t, func(t *testing.T, f *Forest) {
		source := rand.NewChaCha8([32]byte{5})
		random := rand.New(source)
		for range rounds {
			messages := make([][]byte, 1+random.IntN(40))
			for i := range messages {
				messages[i] = make([]byte, random.IntN(1+random.IntN(200*Chunk)))
				if random.IntN(3) == 0 {
					messages[i] = messages[i][:len(messages[i])/Chunk*Chunk]
				}
				source.Read(messages[i])
			}
			checkTrees(t, f, messages, func(chunks int) int { return random.IntN(chunks + 1) })
		}
	})
}

func TestAnEmptyLastPartMayFollowAnyPart(t *testing.T) {
	eachForest(t, func(t *testing.T, f *Forest) {
		for chunks := range 70 {
			message := bytes.Repeat([]byte{byte(chunks)}, chunks*Chunk)
			for _, size := range []int{1, 2, 3, 16, 64} {
				var tree Tree
				var part Part
				for at := 0; at <= chunks; at += size {
					end := min(chunks, at+size)
					last := at == chunks
					part.Set(int64(at*Chunk), at*Chunk, end*Chunk, last)
					f.Hash(message, []*Part{&part})
					f.Join([]*Tree{&tree}, []*Part{&part})
					if !last && end == chunks {
						at = chunks - size
					}
				}
				if want := blake3.Sum256(message); !bytes.Equal(tree.Sum(nil), want[:]) {
					t.Fatalf("%d chunks by %d: got %x, want %x", chunks, size, tree.Sum(nil), want)
				}
			}
		}
	})
}

func TestPartsMayBeHashedInAnyOrder(t *testing.T) {
	message := make([]byte, 300*Chunk+7)
	rand.NewChaCha8([32]byte{6}).Read(message)
	eachForest(t, func(t *testing.T, f *Forest) {
		const size = 48 * Chunk
		parts := make([]Part, (len(message)+size-1)/size)
		for i := len(parts) - 1; i >= 0; i-- {
			from, to := i*size, min(len(message), (i+1)*size)
			parts[i].Set(int64(from), 0, to-from, to == len(message))
			f.Hash(message[from:to], []*Part{&parts[i]})
		}
		var tree Tree
		for i := range parts {
			f.Join([]*Tree{&tree}, []*Part{&parts[i]})
		}
		if want := blake3.Sum256(message); !bytes.Equal(tree.Sum(nil), want[:]) {
			t.Errorf("got %x, want %x", tree.Sum(nil), want)
		}
	})
}

// No message that a test has time for reaches these counters, so the test only compares the
// values with each other.
func TestCountersAbove32BitsChangeTheValue(t *testing.T) {
	eachForest(t, func(t *testing.T, f *Forest) {
		values := map[value]bool{}
		for _, at := range []int64{1, 1 + 1<<32, 1 + 1<<33, 1<<32 - 1, 1 << 32} {
			var part Part
			part.Set(at*Chunk, 0, 2*Chunk, false)
			f.Hash(make([]byte, 2*Chunk), []*Part{&part})
			for _, v := range part.values {
				values[v] = true
			}
		}
		// The chunks are 1, 2, 2^32+1, 2^32+2, 2^33+1, 2^33+2, 2^32-1 and 2^32, and 2^32 with 2^32+1.
		if len(values) != 9 {
			t.Errorf("got %d different values", len(values))
		}
	})
}

// BenchmarkTrees measures one core: with one message in parts of various sizes, and with many
// small messages.
func BenchmarkTrees(b *testing.B) {
	const size = 512 * Chunk
	memory := make([]byte, size+32*192)
	b.Run("go/256", func(b *testing.B) {
		h := blake3.New()
		b.SetBytes(256 * Chunk)
		for b.Loop() {
			h.Write(memory[:256*Chunk])
		}
	})
	one := func(b *testing.B, f *Forest, part int) {
		var tree Tree
		var p Part
		at := 0
		b.SetBytes(int64(part))
		for b.Loop() {
			p.Set(int64(at), at%size, at%size+part, false)
			f.Hash(memory, []*Part{&p})
			f.Join([]*Tree{&tree}, []*Part{&p})
			at += part
		}
	}
	many := func(b *testing.B, f *Forest, messages, length int) {
		trees, parts := make([]*Tree, messages), make([]*Part, messages)
		for i := range trees {
			trees[i], parts[i] = new(Tree), new(Part)
		}
		b.SetBytes(int64(messages * length))
		for b.Loop() {
			for i := range trees {
				trees[i].Begin()
				from := i * (length + 192)
				parts[i].Set(0, from, from+length, true)
			}
			f.Hash(memory, parts)
			f.Join(trees, parts)
		}
	}
	run := func(b *testing.B, name string, k *Kernels) {
		f := &Forest{kernels: k}
		for _, chunks := range []int{1, 16, 128, 256} {
			b.Run(fmt.Sprintf("%s/%d", name, chunks), func(b *testing.B) { one(b, f, chunks*Chunk) })
		}
		for _, length := range []int{100, 1000, 4096, 7400, 16384} {
			b.Run(fmt.Sprintf("%s/32x%d", name, length), func(b *testing.B) { many(b, f, 32, length) })
		}
	}
	for _, k := range everyKernel(&Hash{kind: blake3Kind}) {
		run(b, fmt.Sprint(k.list[0]), k)
	}
	if all := newKernels(blake3Kind, sets); all != nil {
		run(b, "all", all)
	}
}
