//go:build checksig_modules && unix

package lanes

import (
	"bytes"
	"testing"

	"github.com/zeebo/blake3"
)

func TestNothingAfterTheLastChunkIsRead(t *testing.T) {
	eachForest(t, func(t *testing.T, f *Forest) {
		for _, size := range []int{1, 64, 1000, Chunk, 2*Chunk + 1, 5 * Chunk, 16 * Chunk, 47*Chunk + 65} {
			memory := guarded(t, size)
			var trees []*Tree
			var parts []*Part
			for i := range 7 { // all end at the end of memory
				trees, parts = append(trees, new(Tree)), append(parts, new(Part))
				parts[i].Set(0, size*i/7, size, true)
			}
			f.Hash(memory, parts)
			f.Join(trees, parts)
			for i := range trees {
				if want := blake3.Sum256(memory[size*i/7:]); !bytes.Equal(trees[i].Sum(nil), want[:]) {
					t.Errorf("%d bytes: got %x, want %x", size-size*i/7, trees[i].Sum(nil), want)
				}
			}
		}
	})
}

func TestNothingAfterTheNodesIsRead(t *testing.T) {
	eachForest(t, func(t *testing.T, f *Forest) {
		for _, blocks := range []int{1, 2, 3, 9, 16} {
			memory := guarded(t, blocks*parentSize)
			f.nodes = f.nodes[:0]
			for i := range blocks { // one of each number of blocks, all ending at the end of memory
				f.nodes = append(f.nodes, nodes{offset: uint64((blocks - 1 - i) * parentSize), count: 1, size: uint32((i + 1) * parentSize),
					first: chunkStart, last: chunkEnd | root, to: uint32(i)})
			}
			f.room(blocks)
			f.run(memory)
			for i := range blocks {
				tree := Tree{values: [maxValues]value{f.values[i]}}
				if want := blake3.Sum256(memory[(blocks-1-i)*parentSize:]); !bytes.Equal(tree.Sum(nil), want[:]) {
					t.Errorf("%d blocks: got %x, want %x", i+1, tree.Sum(nil), want)
				}
			}
		}
	})
}
