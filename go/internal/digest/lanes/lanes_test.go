package lanes

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"strings"
	"testing"
)

// hashes lists all hashes, and as their oracle those of the standard library.
var hashes = []struct {
	name   string
	hash   *Hash
	oracle func() hash.Hash
}{
	{"md5", MD5, md5.New},
	{"sha1", SHA1, sha1.New},
	{"sha224", SHA224, sha256.New224},
	{"sha256", SHA256, sha256.New},
	{"sha384", SHA384, sha512.New384},
	{"sha512", SHA512, sha512.New},
	{"sha512-224", SHA512t224, sha512.New512_224},
	{"sha512-256", SHA512t256, sha512.New512_256},
}

// A message is a message that is hashed piece by piece.
type message struct {
	data   []byte
	hashed int
}

// hashAll hashes messages together. split returns how many of the given number of whole
// blocks of a message are hashed next.
func hashAll(h *Hash, k *Kernels, messages [][]byte, split func(blocks int) int) [][]byte {
	streams := make([]Stream, len(messages))
	left := make([]message, len(messages))
	memory, at := bytes.Join(messages, nil), make([]int, len(messages))
	offset := 0
	for i, m := range messages {
		h.Begin(&streams[i])
		left[i].data, at[i] = m, offset
		offset += len(m)
	}
	for more := true; more; {
		more = false
		for i := range left {
			m := &left[i]
			if m.hashed < 0 {
				continue
			}
			whole := (len(m.data) - m.hashed) / h.Block
			n := split(whole)
			streams[i].Add(at[i]+m.hashed, n)
			m.hashed += n * h.Block
			if n == whole {
				h.Finish(&streams[i], m.data[m.hashed:], int64(len(m.data)))
				m.hashed = -1
			} else {
				more = true
			}
		}
		k.Run(streams, append(memory, 0))
	}
	sums := make([][]byte, len(messages))
	for i := range streams {
		sums[i] = h.Sum(&streams[i], nil)
	}
	return sums
}

func whole(blocks int) int { return blocks }

// eachKernel runs a test with each kernel alone, and with all kernels together.
func eachKernel(t *testing.T, test func(t *testing.T, h *Hash, k *Kernels, oracle func() hash.Hash)) {
	if len(sets) == 0 {
		t.Skip("this build has no kernels")
	}
	for _, of := range hashes {
		all := newKernels(of.hash.kind, sets)
		t.Run(of.name+"/all", func(t *testing.T) { test(t, of.hash, all, of.oracle) })
		for _, k := range everyKernel(of.hash) {
			t.Run(fmt.Sprintf("%s/%s", of.name, k.list[0]), func(t *testing.T) { test(t, of.hash, k, of.oracle) })
		}
	}
}

// everyKernel returns each kernel of this processor alone, used for any number of streams.
func everyKernel(h *Hash) (list []*Kernels) {
	seen := map[string]bool{}
	for _, set := range sets {
		for _, one := range kernelsOf(h.kind, []string{set}) {
			if name := fmt.Sprint(one); !seen[name] {
				seen[name] = true
				one.least = 1
				list = append(list, &Kernels{h.kind, []kernel{one}})
			}
		}
	}
	return list
}

func sum(oracle func() hash.Hash, message []byte) []byte {
	h := oracle()
	h.Write(message)
	return h.Sum(nil)
}

func TestEveryLengthGivesTheDigestOfTheStandardLibrary(t *testing.T) {
	eachKernel(t, func(t *testing.T, h *Hash, k *Kernels, oracle func() hash.Hash) {
		random := rand.NewChaCha8([32]byte{1})
		var messages [][]byte
		for length := range 1101 {
			message := make([]byte, length)
			random.Read(message)
			messages = append(messages, message)
		}
		for i, got := range hashAll(h, k, messages, whole) {
			if want := sum(oracle, messages[i]); !bytes.Equal(got, want) {
				t.Fatalf("%d bytes: got %x, want %x", i, got, want)
			}
		}
	})
}

func TestRandomStreamsGiveTheDigestsOfTheStandardLibrary(t *testing.T) {
	cases := 1_000_000 / len(hashes) / 8
	if testing.Short() {
		cases /= 100
	} else if underRace {
		cases /= 10
	}
	eachKernel(t, func(t *testing.T, h *Hash, k *Kernels, oracle func() hash.Hash) {
		source := rand.NewChaCha8([32]byte{2})
		random := rand.New(source)
		for done := 0; done < cases; {
			messages := make([][]byte, 1+random.IntN(70))
			for i := range messages {
				messages[i] = make([]byte, random.IntN(1+random.IntN(2000)))
				source.Read(messages[i])
			}
			got := hashAll(h, k, messages, func(blocks int) int { return random.IntN(blocks + 1) })
			for i, message := range messages {
				if want := sum(oracle, message); !bytes.Equal(got[i], want) {
					t.Fatalf("stream %d of %d, %d bytes: got %x, want %x", i, len(messages), len(message), got[i], want)
				}
			}
			done += len(messages)
		}
	})
}

// The vectors are from RFC 1321, section A.5, and from NIST's examples for FIPS 180-4.
func TestPublishedVectorsGiveTheirDigests(t *testing.T) {
	million := strings.Repeat("a", 1_000_000)
	two := "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
	four := "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
	for _, c := range []struct{ name, message, digest string }{
		{"md5", "", "d41d8cd98f00b204e9800998ecf8427e"},
		{"md5", "abc", "900150983cd24fb0d6963f7d28e17f72"},
		{"md5", strings.Repeat("1234567890", 8), "57edf4a22be3c955ac49da2e2107b67a"},
		{"sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"sha1", two, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
		{"sha1", million, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
		{"sha224", "abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
		{"sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"sha256", two, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"sha256", million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
		{"sha384", "abc", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
		{"sha512", "abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
		{"sha512", four, "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"},
		{"sha512-224", "abc", "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"},
		{"sha512-256", "abc", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"},
	} {
		eachKernel(t, func(t *testing.T, h *Hash, k *Kernels, _ func() hash.Hash) {
			if !strings.Contains(t.Name(), "/"+c.name+"/") {
				return
			}
			if got := hex.EncodeToString(hashAll(h, k, [][]byte{[]byte(c.message)}, whole)[0]); got != c.digest {
				t.Errorf("%.20q: got %s, want %s", c.message, got, c.digest)
			}
		})
	}
}

func TestLengthsAbove32BitsAreInThePadding(t *testing.T) {
	for _, h := range hashes {
		var s Stream
		h.hash.Begin(&s)
		h.hash.Finish(&s, nil, 1<<61+1)
		length := s.tail[h.hash.Block-h.hash.Block/8 : h.hash.Block]
		want := append(make([]byte, len(length)-1), 8)
		if h.hash.kind == md5Kind {
			want = append([]byte{8}, make([]byte, 7)...)
		}
		if h.hash.kind == sha512Kind {
			want[7] = 1
		}
		if !bytes.Equal(length, want) {
			t.Errorf("%s: got % x, want % x", h.name, length, want)
		}
	}
}

func TestTheVariableChoosesTheInstructionSets(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"", fmt.Sprint(sets, nil)},
		{"go", "[] <nil>"},
		{"abacus", `[] invalid CHECKSIG_KERNELS "abacus" (choose from ` + strings.Join(append(append([]string{}, sets...), "go"), ", ") + ")"},
	} {
		got, err := parseSets(c.value)
		if fmt.Sprint(got, err) != c.want {
			t.Errorf("%q: got %v %v, want %s", c.value, got, err, c.want)
		}
	}
	for _, set := range sets {
		if got, err := parseSets(set + ",scalar"); fmt.Sprint(got, err) != fmt.Sprintf("[%s scalar] <nil>", set) {
			t.Errorf("%q: got %v %v", set, got, err)
		}
	}
}

// BenchmarkStreams measures one core: with each kernel alone, and with all kernels together
// for various numbers of streams.
func BenchmarkStreams(b *testing.B) {
	const size = 16*1024 + 192 // lanes whose data are a power of two apart share too few lines of the cache
	memory := make([]byte, size*64)
	run := func(b *testing.B, h *Hash, k *Kernels, n int) {
		streams := make([]Stream, n)
		for i := range streams {
			h.Begin(&streams[i])
		}
		b.SetBytes(int64(n * size))
		for b.Loop() {
			for i := range streams {
				streams[i].Add(i*size, size/h.Block)
			}
			k.Run(streams, memory)
		}
	}
	for _, of := range hashes {
		b.Run(of.name+"/go/1", func(b *testing.B) {
			h := of.oracle()
			b.SetBytes(size)
			for b.Loop() {
				h.Write(memory[:size])
			}
		})
		for _, k := range everyKernel(of.hash) {
			b.Run(fmt.Sprintf("%s/%s/%d", of.name, k.list[0], k.Lanes()), func(b *testing.B) { run(b, of.hash, k, k.Lanes()) })
		}
		if all := newKernels(of.hash.kind, sets); all != nil {
			for _, n := range []int{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64} {
				b.Run(fmt.Sprintf("%s/all/%d", of.name, n), func(b *testing.B) { run(b, of.hash, all, n) })
			}
		}
	}
}
