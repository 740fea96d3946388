//go:build checksig_modules

package digest

import (
	"fmt"
	"hash"

	"github.com/zeebo/blake3"
	"golang.org/x/crypto/blake2b"
)

// blakes lists the algorithms that need Go modules. Of BLAKE2b, it has the sizes that are most
// in use with coreutils' b2sum -l; [BLAKE2b] returns any.
var blakes = append(blake2bs(), &Algorithm{
	Name: "blake3", Size: 32, New: func() hash.Hash { return blake3.New() }, batch: newTreeBatch,
})

// blake2bOfSize has BLAKE2b with digests of each size in bytes, from 1.
var blake2bOfSize = func() (all [blake2b.Size + 1]*Algorithm) {
	for size := 1; size < len(all); size++ {
		name := "blake2b"
		if size != blake2b.Size {
			name = fmt.Sprintf("blake2b-%d", 8*size)
		}
		all[size] = &Algorithm{Name: name, Size: size, New: func() hash.Hash {
			state, err := blake2b.New(size, nil)
			if err != nil {
				panic(err) // the size is one that BLAKE2b has
			}
			return state
		}}
	}
	return all
}()

// blake2bs returns BLAKE2b with the sizes that are listed among the algorithms.
func blake2bs() (list []*Algorithm) {
	for _, size := range []int{64, 48, 32, 28, 20, 16} {
		list = append(list, blake2bOfSize[size])
	}
	return list
}

// BLAKE2b returns BLAKE2b with digests of size bytes, or nil.
func BLAKE2b(size int) *Algorithm {
	if size < 1 || size >= len(blake2bOfSize) {
		return nil
	}
	return blake2bOfSize[size]
}
