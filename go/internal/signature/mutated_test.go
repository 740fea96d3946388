package signature

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// mutations returns how many mutations a test tries: $CHECKSIG_MUTATIONS, or else a few.
func mutations(few int) int {
	if count, err := strconv.Atoi(os.Getenv("CHECKSIG_MUTATIONS")); err == nil {
		return count
	}
	return few
}

// mutated returns a content that is cut, doubled, spliced with another one, or changed in a place.
func mutated(random *rand.Rand, content, other string) string {
	place := func(s string) int { return random.IntN(len(s) + 1) }
	line := func(s string) string {
		lines := strings.SplitAfter(s, "\n")
		return lines[random.IntN(len(lines))]
	}
	at := place(content)
	end := at + random.IntN(min(len(content)-at, 80)+1)
	switch random.IntN(10) {
	case 0:
		return content[:at]
	case 1:
		return content[at:]
	case 2:
		return content[:at] + content[end:]
	case 3:
		return content[:end] + content[at:]
	case 4:
		return content[:at] + other[place(other):]
	case 5:
		return content + other
	case 6:
		return other + content
	case 7:
		return content[:at] + line(other) + content[at:]
	case 8:
		header := []string{"Hash: SHA256\n", "Hash: SHA512\n", "Comment: x\n", "- ", " ", "\r", "\n", "\x00", "-----BEGIN PGP SIGNATURE-----\n"}
		return content[:at] + header[random.IntN(len(header))] + content[at:]
	}
	if at == len(content) {
		return content
	}
	return content[:at] + string(rune(random.IntN(128))) + content[at+1:]
}

// A signedFile is a vector that is good: a signature of SHA256SUMS, or one with it inside.
type signedFile struct {
	name     string
	key      string
	manifest bool
	slow     bool // to try every bit of it
}

// signedFiles returns the good vectors of minisign, signify and SSH.
func signedFiles() []signedFile {
	all := []signedFile{
		{name: "legacy.minisig", key: "keys/minisign.pub"},
		{name: "signify.sig", key: "keys/signify.pub"},
		{name: "SHA256.sig", key: "keys/signify.pub", manifest: true},
	}
	if _, err := newBLAKE2b(); err == nil {
		all = append(all, signedFile{name: "hashed.minisig", key: "keys/minisign.pub"})
	}
	for _, s := range sshSigners {
		all = append(all, signedFile{name: s.signature, key: s.key, slow: s.signature != "ed25519.sshsig"})
	}
	return all
}

// files returns the manifest and the signatures beside it.
func (f *signedFile) files(t testing.TB) []File {
	content := read(t, f.name)
	if f.manifest {
		return []File{{Name: "SHA256SUMS", Content: content}}
	}
	return []File{{Name: "SHA256SUMS", Content: read(t, "SHA256SUMS")}, {Name: f.name, Content: content}}
}

// accepts reports whether files are verified, and fails if they have another text than the signed one.
func accepts(t testing.TB, files []File, keys []Key, signed string) bool {
	t.Helper()
	payload, signers, err := Verify(files[0], files[1:], Options{Keys: keys, Now: now})
	if err == nil && (payload != signed || len(signers) == 0) {
		t.Fatalf("accepted %q as %q", files, payload)
	}
	if err != nil && (payload != "" || signers != nil) {
		t.Fatalf("there is an error, and there is %q by %v", payload, signers)
	}
	return err == nil
}

func TestNoFlippedBitOfLineAndSSHSignaturesGivesAnotherPayload(t *testing.T) {
	signed := read(t, "SHA256SUMS")
	for _, f := range signedFiles() {
		files, keys, step := f.files(t), keysOf(t, f.key), 1
		if f.slow && mutations(0) == 0 {
			step = 13
		}
		if underRace {
			step *= 17
		}
		if !accepts(t, files, keys, signed) {
			t.Fatalf("%s is not accepted", f.name)
		}
		accepted := 0
		for i, original := range files {
			for bit := 0; bit < len(original.Content)*8; bit += step {
				content := []byte(original.Content)
				content[bit/8] ^= 1 << (bit % 8)
				files[i].Content = string(content)
				if accepts(t, files, keys, signed) {
					accepted++
				}
			}
			files[i] = original
		}
		t.Logf("%s: %d accepted, with the same payload", f.name, accepted)
	}
}

// Another file never gives another payload, whatever was cut, doubled, spliced or inserted.
func TestNoMutationOfLineAndSSHSignaturesGivesAnotherPayload(t *testing.T) {
	count := mutations(3000)
	signed := read(t, "SHA256SUMS")
	all := signedFiles()
	var keys []Key
	var contents []string
	for _, f := range all {
		keys = append(keys, keysOf(t, f.key)...)
		contents = append(contents, read(t, f.name))
	}
	contents = append(contents, signed)
	random := rand.New(rand.NewPCG(uint64(count), 2))
	accepted := 0
	for range count {
		f := all[random.IntN(len(all))]
		files := f.files(t)
		for range 1 + random.IntN(3) {
			i := random.IntN(len(files))
			files[i].Content = mutated(random, files[i].Content, contents[random.IntN(len(contents))])
		}
		if accepts(t, files, keys, signed) {
			accepted++
		}
	}
	t.Logf("%d of %d mutations were accepted, with the same payload", accepted, count)
}

func FuzzKeys(f *testing.F) {
	for _, v := range signedFiles() {
		f.Add(read(f, v.key))
		f.Add(`ada,!eve namespaces="file,git",valid-before="20300101Z" ` + read(f, v.key))
	}
	// Keys never change what was signed, and each has an ID. A file is read the same way twice.
	f.Fuzz(func(t *testing.T, content string) {
		keys, err := ParseKeys(content)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("got %d keys, %v", len(keys), err)
		}
		for _, key := range keys {
			if key.ID == "" || key.public == nil {
				t.Errorf("got key %+v", key)
			}
		}
		if again, _ := ParseKeys(content); CountKeys(again) != CountKeys(keys) {
			t.Errorf("got %v, then %v", keys, again)
		}
		for _, v := range signedFiles()[:5] {
			accepts(t, v.files(t), keys, read(t, "SHA256SUMS"))
		}
	})
}

func FuzzSignature(f *testing.F) {
	signed := read(f, "SHA256SUMS")
	var keys []Key
	for _, v := range signedFiles() {
		keys = append(keys, keysOf(f, v.key)...)
		f.Add(signed, read(f, v.name))
	}
	// Only what was signed is accepted, whatever the signature is.
	f.Fuzz(func(t *testing.T, manifest, signature string) {
		accepts(t, []File{{"m", manifest}, {"m.sig", signature}}, keys, signed)
	})
}

func FuzzEnvelope(f *testing.F) {
	signed := read(f, "SHA256SUMS")
	keys := keysOf(f, "keys/signify.pub", "keys/minisign.pub")
	f.Add(read(f, "SHA256.sig"))
	f.Add(read(f, "legacy.minisig"))
	// Only the signed text comes out of a file that has its signature in it.
	f.Fuzz(func(t *testing.T, manifest string) {
		accepts(t, []File{{"m", manifest}}, keys, signed)
	})
}
