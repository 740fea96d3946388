package digest

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// hashInBatch hashes files in the slots of two batches, piece by piece. Files move from one
// batch to the other at random.
func hashInBatch(a *Algorithm, random *rand.Rand, files [][]byte) [][]byte {
	const room = 3 * Block
	var batches [2]Batch
	memory := make([]byte, len(files)*(room+1))
	for i := range batches {
		batches[i] = a.NewBatch(memory, len(files))
	}
	in, at, done := make([]int, len(files)), make([]int, len(files)), make([]bool, len(files))
	for i, file := range files {
		batches[0].Begin(i, int64(len(file)))
	}
	for left := len(files); left > 0; {
		for i, file := range files {
			if done[i] || random.IntN(4) == 0 {
				continue
			}
			if random.IntN(5) == 0 {
				state := batches[in[i]].Take(i)
				in[i] = 1 - in[i]
				batches[in[i]].Put(i, state)
			}
			n := (1 + random.IntN(room/Block)) * Block
			last := n > len(file)-at[i]
			if last {
				n = len(file) - at[i]
				done[i] = true
				left--
			}
			from := i * (room + 1)
			copy(memory[from:], file[at[i]:at[i]+n])
			batches[in[i]].Add(i, from, from+n, last)
			at[i] += n
		}
		batches[0].Run()
		batches[1].Run()
	}
	var sums [][]byte
	for i := range files {
		sums = append(sums, batches[in[i]].Sum(i, nil))
	}
	return sums
}

func TestABatchGivesTheDigestsOfItsAlgorithm(t *testing.T) {
	source := rand.NewChaCha8([32]byte{3})
	random := rand.New(source)
	for _, a := range Algorithms {
		for _, count := range []int{1, 2, 5, 32} {
			files := make([][]byte, count)
			for i := range files {
				files[i] = make([]byte, random.IntN(9*Block))
				source.Read(files[i])
			}
			for i, got := range hashInBatch(a, random, files) {
				state := a.New()
				a.Begin(state, int64(len(files[i])))
				state.Write(files[i])
				if want := state.Sum(nil); !bytes.Equal(got, want) {
					t.Errorf("%s, file %d of %d, %d bytes: got %x, want %x", a.Name, i, count, len(files[i]), got, want)
				}
			}
		}
	}
}

// BenchmarkBatch measures one core: rounds of 32 pieces, of whole files or of larger ones. The
// sizes of "mixed" are log-normal, with a median of 7 KiB, and at most those of a piece.
func BenchmarkBatch(b *testing.B) {
	const slots, piece, skew = 32, 16 << 10, 192
	random := rand.New(rand.NewPCG(7, 7))
	mixed := func() int { return min(piece, int(7<<10*math.Exp(2.6*random.NormFloat64()))) }
	rounds := map[string][]int{}
	for range 64 * slots {
		rounds["4096"] = append(rounds["4096"], 4096)
		rounds["pieces"] = append(rounds["pieces"], piece)
		rounds["mixed"] = append(rounds["mixed"], mixed())
	}
	memory := make([]byte, slots*(piece+skew))
	for _, name := range []string{"md5", "sha1", "sha256", "sha512", "blake3"} {
		a := ByName(name)
		if a == nil {
			continue
		}
		for _, of := range []string{"4096", "pieces", "mixed"} {
			b.Run(name+"/"+of, func(b *testing.B) {
				batch := a.NewBatch(memory, slots)
				total := 0
				for _, size := range rounds[of] {
					total += size
				}
				b.SetBytes(int64(total))
				for b.Loop() {
					for i, size := range rounds[of] {
						at := i % slots * (piece + skew)
						batch.Begin(i%slots, int64(size))
						batch.Add(i%slots, at, at+size, of != "pieces")
						if i%slots == slots-1 {
							batch.Run()
						}
					}
				}
			})
		}
	}
}
