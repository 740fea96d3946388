//go:build checksig_blake

package digest

import (
	"fmt"
	"hash"

	"github.com/zeebo/blake3"
	"golang.org/x/crypto/blake2b"
)

// blakes lists the algorithms that need Go modules. BLAKE2b has the lengths that are in use
// with coreutils' b2sum -l.
var blakes = append(blake2bs(), &Algorithm{
	Name: "blake3", Size: 32, New: func() hash.Hash { return blake3.New() }, batch: newTreeBatch,
})

func blake2bs() (list []*Algorithm) {
	for _, size := range []int{64, 48, 32, 28, 20, 16} {
		name := "blake2b"
		if size != blake2b.Size {
			name = fmt.Sprintf("blake2b-%d", 8*size)
		}
		list = append(list, &Algorithm{Name: name, Size: size, New: func() hash.Hash {
			state, err := blake2b.New(size, nil)
			if err != nil {
				panic(err) // the size is one of the above
			}
			return state
		}})
	}
	return list
}
