package digest

import (
	"encoding/hex"
	"fmt"
	"testing"
)

// abc has the digests of "abc". The sources are RFC 1321, appendix A.5; the examples of FIPS
// 180-4 and FIPS 202; RFC 7693, appendix A; b2sum -l; b3sum; cksum -a crc32b; sum and cksum; and git
// hash-object.
var abc = map[string]string{
	"crc":         "48aa78a2",
	"bsd":         "40ac",
	"sysv":        "0126",
	"blake2b":     "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
	"blake2b-384": "6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6c66ba83be64b302d7cba6ce15bb556f4",
	"blake2b-256": "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
	"blake2b-224": "9bd237b02a29e43bdd6738afa5b53ff0eee178d6210b618e4511aec8",
	"blake2b-160": "384264f676f39536840523f284921cdc68b6846b",
	"blake2b-128": "cf4ab791c62b8d2b2109c90275287816",
	"blake3":      "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
	"crc32":       "352441c2",
	"crc32c":      "364b3fb7",
	"crc64nvme":   "05e5cabb3fc1faeb",
	"git-sha1":    "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f",
	"sha512-224":  "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa",
	"sha512-256":  "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
	"sha3-224":    "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
	"sha3-256":    "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
	"sha3-384":    "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
	"sha3-512":    "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
	"md5":         "900150983cd24fb0d6963f7d28e17f72",
	"sha1":        "a9993e364706816aba3e25717850c26c9cd0d89d",
	"sha224":      "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
	"sha256":      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	"sha384":      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
	"sha512":      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
}

func TestEveryAlgorithmGivesItsPublishedDigest(t *testing.T) {
	if missing := len(abc) - len(Algorithms); missing != 0 && (missing != 7 || blakes != nil) {
		t.Errorf("got %d algorithms, want %d", len(Algorithms), len(abc))
	}
	for _, a := range Algorithms {
		state := a.New()
		a.Begin(state, 3)
		state.Write([]byte("abc"))
		if got := hex.EncodeToString(state.Sum(nil)); got != abc[a.Name] {
			t.Errorf("%s: got %s, want %s", a.Name, got, abc[a.Name])
		}
		if state.Size() != a.Size || a.Size > MaxSize {
			t.Errorf("%s: got size %d, want %d, at most %d", a.Name, a.Size, state.Size(), MaxSize)
		}
	}
}

// TestTheCRCsOfObjectStoresHaveTheirCheckValues compares with the check values that catalogs of
// CRCs publish for "123456789".
func TestTheCRCsOfObjectStoresHaveTheirCheckValues(t *testing.T) {
	for name, want := range map[string]string{"crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888"} {
		state := ByName(name).New()
		state.Write([]byte("12345"))
		state.Write([]byte("6789"))
		if got := hex.EncodeToString(state.Sum(nil)); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// TestTheCRCsOfObjectStoresAreThoseOfTheirDefinitions compares with code that takes one bit at a
// time, for lengths on both sides of every change of method in Go's library.
func TestTheCRCsOfObjectStoresAreThoseOfTheirDefinitions(t *testing.T) {
	content := make([]byte, 4200)
	crc32c, crc64nvme := ^uint32(0), ^uint64(0)
	for i := range content {
		content[i] = byte(i * i / 7)
		crc32c, crc64nvme = crc32c^uint32(content[i]), crc64nvme^uint64(content[i])
		for range 8 {
			crc32c = crc32c>>1 ^ crc32c&1*0x82f63b78
			crc64nvme = crc64nvme>>1 ^ crc64nvme&1*0x9a6c9329ac4bc9b5
		}
		for name, want := range map[string]string{
			"crc32c": fmt.Sprintf("%08x", ^crc32c), "crc64nvme": fmt.Sprintf("%016x", ^crc64nvme),
		} {
			state := ByName(name).New()
			state.Write(content[:i/3])
			state.Write(content[i/3 : i+1])
			if got := hex.EncodeToString(state.Sum(nil)); got != want {
				t.Fatalf("%s of %d bytes: got %s, want %s", name, i+1, got, want)
			}
		}
	}
}

func TestNamesAndSizesFindTheirAlgorithm(t *testing.T) {
	for _, a := range Algorithms {
		if ByName(a.Name) != a {
			t.Errorf("%s: got %v by name", a.Name, ByName(a.Name))
		}
	}
	for name, size := range map[string]int{"md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64} {
		if BySize(size).Name != name {
			t.Errorf("%d bytes: got %s, want %s", size, BySize(size).Name, name)
		}
	}
	if ByName("ck") != nil || ByName("blake2b-4") != nil || ByName("blake2b-520") != nil || ByName("blake2b-08") != nil || BySize(0) != nil {
		t.Error("found an algorithm that is not in the table")
	}
}

func TestManySpellingsOfAnAlgorithmAreKnown(t *testing.T) {
	for spelling, want := range map[string]string{
		"SHA2-256": "sha256", "SHA-1": "sha1", "SHA512/256": "sha512-256", "SHA3_224": "sha3-224", "MD5": "md5", "CRC32": "crc32",
		"CRC32C": "crc32c", "CRC-32C": "crc32c", "CRC64NVME": "crc64nvme", "CRC-64/NVME": "crc64nvme",
	} {
		if got := BySpelling(spelling); got == nil || got.Name != want {
			t.Errorf("%s: got %v, want %s", spelling, got, want)
		}
	}
	for _, a := range sums {
		if got := BySpelling(a.Name); got != nil && got.Name != "crc32" {
			t.Errorf("%s: got %s, which no line names", a.Name, got.Name)
		}
	}
	if got := BySpelling("SM3"); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestBLAKE2bHasEveryLengthOfB2sum(t *testing.T) {
	if blakes == nil {
		t.Skip("this build is without BLAKE2b")
	}
	for name, want := range map[string]string{
		"blake2b-8": "6b", "BLAKE2b-200": "f27d52ad0e7900f44ff94185d3a023b3f95a202aca1c6c263a",
	} {
		a := BySpelling(name)
		state := a.New()
		state.Write([]byte("abc"))
		if got := hex.EncodeToString(state.Sum(nil)); got != want || ByName(a.Name) != a {
			t.Errorf("%s: got %s of %s, want %s", name, got, a.Name, want)
		}
	}
}

// TestSumsAreThoseOfTheirDefinitions compares with code that is as slow as it is simple.
func TestSumsAreThoseOfTheirDefinitions(t *testing.T) {
	content := make([]byte, 3000)
	for i := range content {
		content[i] = byte(i * i / 7)
		bsd, sysv, crc := uint32(0), uint32(0), uint32(0)
		for _, c := range content[:i] {
			bsd = (bsd>>1 + bsd&1<<15 + uint32(c)) & 0xffff
			sysv += uint32(c)
			crc = slowCRC(crc, c)
		}
		for rest := i; rest > 0; rest >>= 8 {
			crc = slowCRC(crc, byte(rest))
		}
		for name, want := range map[string]string{
			"bsd": fmt.Sprintf("%04x", bsd), "sysv": fmt.Sprintf("%04x", sysv%65535), "crc": fmt.Sprintf("%08x", ^crc),
		} {
			state := ByName(name).New()
			state.Write(content[:i/3])
			state.Write(content[i/3 : i])
			if got := hex.EncodeToString(state.Sum(nil)); got != want && (name != "sysv" || sysv == 0 || got != "ffff") {
				t.Fatalf("%s of %d bytes: got %s, want %s", name, i, got, want)
			}
		}
	}
}

func slowCRC(crc uint32, c byte) uint32 {
	crc ^= uint32(c) << 24
	for range 8 {
		crc = crc<<1 ^ crc>>31*0x04c11db7
	}
	return crc
}
