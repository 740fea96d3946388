package manifest

import (
	"slices"
	"strings"

	"checksig/internal/digest"
)

// unsupported lists algorithms that occur in manifests and that checksig does not support, in
// lower case, without "-" and without the number of their bits.
var unsupported = []string{
	"md2", "md4", "md6", "ripemd", "rmd", "whirlpool", "streebog", "gost94", "gostr3411", "snefru", "edonr", "has160",
	"tiger", "tiger2", "tth", "gost", "k12", "kangarootwelve", "shake", "keccak", "haval", "skein", "groestl", "jh",
	"blake2", "blake2s", "blake2sp", "blake2bp", "blake2xb", "blake2xs", "blake", "sm3", "panama", "lsh", "sha0",
	"adler", "adler32", "fletcher", "crc8", "crc16", "crc24", "crc64", "xxh", "xxh3", "xxhash", "murmur3",
	"highwayhash", "siphash", "ed2k", "aich", "btih", "quickxor", "quickxorhash", "md5sha1",
}

// ambiguous lists names of algorithms that are also other words, such as parts of the names of
// models, animals and persons.
var ambiguous = []string{
	"b2", "b3", "tiger", "tiger2", "tth", "gost", "k12", "skein", "jh", "blake", "panama", "lsh", "fletcher", "adler", "shake",
}

// bitLengths lists numbers of bits that follow the name of an algorithm.
var bitLengths = []string{"32", "64", "128", "160", "192", "224", "256", "320", "384", "512", "1024"}

var betweenWords = strings.NewReplacer("-", "", "_", "", "/", "")

// isUnsupported reports whether a word, in lower case, is the name of an algorithm that checksig
// does not support.
func isUnsupported(word string) bool {
	const longest = 24
	if len(word) > longest {
		return false
	}
	word = betweenWords.Replace(word)
	if slices.Contains(unsupported, word) {
		return true
	}
	for _, bits := range bitLengths {
		if stem, found := strings.CutSuffix(word, bits); found && slices.Contains(unsupported, stem) {
			return digest.BySpelling(word) == nil
		}
	}
	return false
}

// refuse returns an error if a word is the name of an algorithm that is not supported, or not by
// this build.
func refuse(word string) error {
	plain := cutSums(strings.ToLower(word))
	switch {
	case slices.Contains(blakes, plain):
		return &Error{Reason: digest.Unknown(plain)}
	case plain == "sha3":
		return &Error{Reason: "its name says sha3 without a length (such as sha3-256)"}
	case isUnsupported(plain):
		return &Error{Reason: "algorithm " + plain + " is not supported"}
	}
	return nil
}
