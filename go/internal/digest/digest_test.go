package digest

import (
	"encoding/hex"
	"testing"
)

// The digests of "abc": RFC 1321, appendix A.5; FIPS 180-4's examples.
var abc = map[string]string{
	"md5":    "900150983cd24fb0d6963f7d28e17f72",
	"sha1":   "a9993e364706816aba3e25717850c26c9cd0d89d",
	"sha224": "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
	"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	"sha384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
	"sha512": "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
}

func TestEachAlgorithmGivesItsPublishedDigest(t *testing.T) {
	if len(abc) != len(Algorithms) {
		t.Errorf("got %d algorithms, want %d", len(Algorithms), len(abc))
	}
	for _, a := range Algorithms {
		state := a.New()
		state.Write([]byte("abc"))
		if got := hex.EncodeToString(state.Sum(nil)); got != abc[a.Name] {
			t.Errorf("%s: got %s, want %s", a.Name, got, abc[a.Name])
		}
		if state.Size() != a.Size || a.Size > MaxSize {
			t.Errorf("%s: got size %d, want %d, at most %d", a.Name, a.Size, state.Size(), MaxSize)
		}
	}
}

func TestNameAndSizeEachTellOneAlgorithm(t *testing.T) {
	for _, a := range Algorithms {
		if ByName(a.Name) != a || BySize(a.Size) != a {
			t.Errorf("%s: got %v by name, %v by size", a.Name, ByName(a.Name), BySize(a.Size))
		}
	}
	if ByName("crc") != nil || BySize(0) != nil {
		t.Error("found an algorithm that is not in the table")
	}
}
