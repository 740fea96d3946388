//go:build checksig_modules

package signature

import (
	"hash"

	"golang.org/x/crypto/blake2b"
)

// newBLAKE2b returns BLAKE2b-512.
func newBLAKE2b() (hash.Hash, error) { return blake2b.New512(nil) }
