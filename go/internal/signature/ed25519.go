package signature

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
)

// weakPoints are the encodings of the points of small order, without the sign bit. Anybody can
// sign for such a public key. One is all zeros, as in a placeholder.
var weakPoints = func() (points [][]byte) {
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		point, err := hex.DecodeString(text)
		if err != nil {
			panic(err)
		}
		points = append(points, point)
	}
	return points
}()

// newEd25519 returns the public key with this encoding.
func newEd25519(encoded string) (ed25519.PublicKey, error) {
	if len(encoded) != ed25519.PublicKeySize {
		return nil, errors.New("the Ed25519 key does not have 32 bytes")
	}
	key := ed25519.PublicKey(encoded)
	unsigned := bytes.Clone(key)
	unsigned[len(unsigned)-1] &= 0x7f
	for _, weak := range weakPoints {
		if bytes.Equal(unsigned, weak) {
			return nil, errors.New("the Ed25519 key is weak: anybody can sign for it")
		}
	}
	return key, nil
}
