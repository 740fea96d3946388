// Package digest has the table of the digest algorithms that checksig knows.
//
// A new algorithm is a new row in the table. MD5 and SHA-1 detect accidental changes but
// not attacks, because anyone can make different files with the same MD5 or SHA-1 digest.
// CRC-32, CRC-32C and the CRC of cksum detect only accidental changes, and miss 1 error in 2³²,
// CRC-64/NVME 1 in 2⁶⁴; the sums of 16 bits miss 1 in 65,536 or more.
package digest

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"slices"
	"strconv"
	"strings"

	"checksig/internal/digest/lanes"
)

// An Algorithm is one digest algorithm.
type Algorithm struct {
	Name string           // as coreutils spells it: "sha256"
	Size int              // of a digest, in bytes
	New  func() hash.Hash // returns a new state

	// Unit, unless it is 0, is the number of bytes in which manifests list the size of a file.
	Unit int64

	// Decimal means that manifests list its digests as decimal numbers, and never name it.
	Decimal bool

	// Prefix, unless it is nil, returns what is hashed before a file of size bytes.
	Prefix func(size int64) []byte

	lanes *lanes.Hash // nil if it has no kernels, or has batch

	// batch, unless it is nil, returns a batch of a special kind, or nil if there are no
	// kernels.
	batch func(memory []byte, slots int) Batch
}

// Begin prepares state, which New returned, for a file of size bytes.
func (a *Algorithm) Begin(state hash.Hash, size int64) {
	state.Reset()
	if a.Prefix != nil {
		state.Write(a.Prefix(size))
	}
}

// Weak reports whether the algorithm finds accidents, but not attackers: somebody can make two
// files with one digest.
func (a *Algorithm) Weak() bool {
	return slices.Contains(weak, a) || slices.Contains(sums, a) || a.Size < fewestBytes
}

const fewestBytes = 16 // of a digest of BLAKE2b that is not weak

// MaxSize is the size of the longest digest in the table, in bytes.
const MaxSize = sha512.Size

// Algorithms lists all algorithms, strongest first. A build without Go modules lacks
// BLAKE2b and BLAKE3.
var Algorithms = slices.Concat(strong, blakes, weak, sums)

var strong = []*Algorithm{
	{Name: "sha512", Size: sha512.Size, New: sha512.New, lanes: lanes.SHA512},
	{Name: "sha384", Size: sha512.Size384, New: sha512.New384, lanes: lanes.SHA384},
	{Name: "sha256", Size: sha256.Size, New: sha256.New, lanes: lanes.SHA256},
	{Name: "sha224", Size: sha256.Size224, New: sha256.New224, lanes: lanes.SHA224},
	{Name: "sha512-256", Size: sha512.Size256, New: sha512.New512_256, lanes: lanes.SHA512t256},
	{Name: "sha512-224", Size: sha512.Size224, New: sha512.New512_224, lanes: lanes.SHA512t224},
	{Name: "sha3-512", Size: 64, New: func() hash.Hash { return sha3.New512() }},
	{Name: "sha3-384", Size: 48, New: func() hash.Hash { return sha3.New384() }},
	{Name: "sha3-256", Size: 32, New: func() hash.Hash { return sha3.New256() }},
	{Name: "sha3-224", Size: 28, New: func() hash.Hash { return sha3.New224() }},
}

var weak = []*Algorithm{
	{Name: "sha1", Size: sha1.Size, New: sha1.New, lanes: lanes.SHA1},
	{Name: "git-sha1", Size: sha1.Size, New: sha1.New, Prefix: gitBlob},
	{Name: "md5", Size: md5.Size, New: md5.New, lanes: lanes.MD5},
	{Name: "crc64nvme", Size: crc64.Size, New: func() hash.Hash { return crc64.New(nvme) }},
	{Name: "crc32c", Size: crc32.Size, New: func() hash.Hash { return crc32.New(castagnoli) }},
	{Name: "crc32", Size: crc32.Size, New: func() hash.Hash { return crc32.NewIEEE() }},
}

// The tables of the CRCs that object stores keep. NVMe gives its polynomial in the other order of bits.
var (
	nvme       = crc64.MakeTable(0x9a6c9329ac4bc9b5)
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// gitBlob returns what git hashes before the content of a file.
func gitBlob(size int64) []byte { return fmt.Appendf(nil, "blob %d\x00", size) }

// spellings lists what manifests call algorithms besides their names, in lower case and
// without "-", "_", and "/".
var spellings = map[string]string{
	"sha": "sha1", "crc": "crc32", "sha2224": "sha224", "sha2256": "sha256", "sha2384": "sha384", "sha2512": "sha512",
	"sha2512224": "sha512-224", "sha2512256": "sha512-256",
	"b2": "blake2b", "b3": "blake3",
}

// Unknown returns a reason why there is no algorithm with that name or spelling.
func Unknown(name string) string {
	plain := plainSpelling(name)
	isBLAKE := strings.HasPrefix(plain, "blake2b") || plain == "blake3" || plain == "b2" || plain == "b3"
	if isBLAKE && blakes == nil {
		return fmt.Sprintf("%q is not supported by this build of checksig, which was made without Go modules", name)
	}
	return fmt.Sprintf("unknown algorithm %q", name)
}

// Names returns the names of all algorithms, separated by commas, for messages.
func Names() string {
	var names []string
	for _, a := range Algorithms {
		names = append(names, a.Name)
	}
	return strings.Join(names, ", ")
}

// ByName returns the algorithm with that name, or nil.
func ByName(name string) *Algorithm {
	if bits, found := strings.CutPrefix(name, "blake2b-"); found {
		return blake2bOfBits(bits)
	}
	for _, a := range Algorithms {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// BySpelling returns the algorithm that a manifest spells so, such as "SHA2-256", or nil.
func BySpelling(name string) *Algorithm {
	if len(name) > longestSpelling {
		return nil
	}
	plain := plainSpelling(name)
	if found, known := bySpelling[plain]; known {
		return found
	}
	if bits, found := strings.CutPrefix(plain, "blake2b"); found {
		return blake2bOfBits(bits)
	}
	return nil
}

// blake2bOfBits returns BLAKE2b with digests of that many bits, which b2sum -l takes, or nil.
func blake2bOfBits(bits string) *Algorithm {
	n, err := strconv.ParseUint(bits, 10, 16)
	if err != nil || n%8 != 0 || bits[0] == '0' {
		return nil
	}
	return BLAKE2b(int(n / 8))
}

const longestSpelling = 16

// bySpelling maps what manifests call algorithms to the algorithms.
var bySpelling = func() map[string]*Algorithm {
	all := map[string]*Algorithm{}
	for _, a := range Algorithms {
		if !a.Decimal {
			all[plainSpelling(a.Name)] = a
		}
	}
	for spelling, name := range spellings {
		all[spelling] = ByName(name)
	}
	return all
}()

var separators = strings.NewReplacer("-", "", "_", "", "/", "")

func plainSpelling(name string) string { return separators.Replace(strings.ToLower(name)) }

// BySize returns the algorithm that digests of size bytes imply: MD5, SHA-1, or one of
// SHA-2. Otherwise it returns nil. 4 bytes do not imply CRC-32, because they might be a
// truncated digest.
func BySize(size int) *Algorithm {
	if size > MaxSize {
		return nil
	}
	return bySize[size]
}

var bySize = func() (all [MaxSize + 1]*Algorithm) {
	for _, name := range []string{"md5", "sha1", "sha224", "sha256", "sha384", "sha512"} {
		all[ByName(name).Size] = ByName(name)
	}
	return all
}()
