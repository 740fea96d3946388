// Package digest is the table of the digest algorithms that checksig knows.
//
// A new algorithm is a row in the table. MD5 and SHA-1 find accidents, not
// attackers: files with one MD5 or SHA-1 can be made at will.
package digest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"
)

// An Algorithm is one digest algorithm.
type Algorithm struct {
	Name string           // as coreutils spells it: "sha256"
	Size int              // of a digest, in bytes
	New  func() hash.Hash // a fresh state
}

// MaxSize is the size in bytes of the longest digest in the table.
const MaxSize = sha512.Size

// Algorithms lists the strongest first. The sizes are all different, so that
// a digest's length tells its algorithm.
var Algorithms = []*Algorithm{
	{"sha512", sha512.Size, sha512.New},
	{"sha384", sha512.Size384, sha512.New384},
	{"sha256", sha256.Size, sha256.New},
	{"sha224", sha256.Size224, sha256.New224},
	{"sha1", sha1.Size, sha1.New},
	{"md5", md5.Size, md5.New},
}

// Names returns the algorithms' names, as a message lists them.
func Names() string {
	var names []string
	for _, a := range Algorithms {
		names = append(names, a.Name)
	}
	return strings.Join(names, ", ")
}

// ByName returns the algorithm with that name, or nil.
func ByName(name string) *Algorithm {
	for _, a := range Algorithms {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// BySize returns the algorithm whose digests have size bytes, or nil.
func BySize(size int) *Algorithm {
	for _, a := range Algorithms {
		if a.Size == size {
			return a
		}
	}
	return nil
}
