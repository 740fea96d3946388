//go:build !checksig_modules

package signature

import (
	"errors"
	"hash"
)

// newBLAKE2b returns an error: this build lacks BLAKE2b.
func newBLAKE2b() (hash.Hash, error) {
	return nil, errors.New("needs BLAKE2b, and this build cannot compute it: it was built without its Go modules")
}
