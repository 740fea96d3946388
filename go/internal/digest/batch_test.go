package digest

import (
	"bytes"
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
