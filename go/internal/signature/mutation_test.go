//go:build checksig_modules

package signature

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// A signedManifest is a case that is good, with its files in memory.
type signedManifest struct {
	manifest File
	beside   []File
	options  Options
	payload  string
}

func signedManifests(t testing.TB, names ...string) []signedManifest {
	t.Helper()
	var all []signedManifest
	for _, c := range openpgpCases(t) {
		if c.Signers == nil || len(names) > 0 && !strings.Contains(strings.Join(names, " ")+" ", c.Name+" ") {
			continue
		}
		keys, err := c.keys(t)
		if err != nil {
			t.Fatal(err)
		}
		manifest, beside := c.files(t)
		options := Options{Keys: keys, Min: c.Min, Now: c.now(t)}
		payload, _, err := Verify(manifest, beside, options)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, signedManifest{manifest, beside, options, payload})
	}
	return all
}

// same reports whether two payloads are one to the parser. To a signature of a text LF and CR LF
// are the same.
func same(a, b string) bool {
	return strings.ReplaceAll(a, "\r\n", "\n") == strings.ReplaceAll(b, "\r\n", "\n")
}

// verifyChanged fails if a manifest with other files has another payload than the signed one.
func (s *signedManifest) verifyChanged(t *testing.T, manifest File, beside []File) (accepted bool) {
	t.Helper()
	payload, _, err := Verify(manifest, beside, s.options)
	if err == nil && !same(payload, s.payload) {
		t.Fatalf("accepted %q with %q as %q", manifest.Content, beside, payload)
	}
	return err == nil
}

func TestNoFlippedBitGivesAnotherPayload(t *testing.T) {
	accepted, all := 0, 0
	names := []string{"binary", "armor", "text", "subkey", "signed-dashes"}
	for _, s := range signedManifests(t, names...) {
		files := append([]File{s.manifest}, s.beside...)
		for i, f := range files {
			for bit := range len(f.Content) * 8 {
				content := []byte(f.Content)
				content[bit/8] ^= 1 << (bit % 8)
				files[i].Content = string(content)
				all++
				if s.verifyChanged(t, files[0], files[1:]) {
					accepted++
				}
			}
			files[i] = f
		}
	}
	if all < 8000 || accepted > all/5 {
		t.Errorf("%d of %d files with another bit were accepted", accepted, all)
	}
	t.Logf("%d of %d files with another bit were accepted, with the same payload", accepted, all)
}

// TestNoMutationGivesAnotherPayload tries $CHECKSIG_MUTATIONS files that are cut, doubled, spliced
// or otherwise changed.
func TestNoMutationGivesAnotherPayload(t *testing.T) {
	count := mutations(2000)
	all := signedManifests(t)
	random := rand.New(rand.NewPCG(uint64(count), 1))
	accepted, start := 0, time.Now()
	for range count {
		s := all[random.IntN(len(all))]
		other := all[random.IntN(len(all))]
		files := append([]File{s.manifest}, s.beside...)
		for range 1 + random.IntN(3) {
			i := random.IntN(len(files))
			from := other.manifest.Content
			if len(other.beside) > 0 && random.IntN(2) == 0 {
				from = other.beside[0].Content
			}
			files[i].Content = mutated(random, files[i].Content, from)
		}
		payload, signers, err := Verify(files[0], files[1:], s.options)
		if err == nil {
			accepted++
			mustBeSigned(t, all, payload, signers) // two good files may have changed places
		}
	}
	t.Logf("%d of %d mutations were accepted, with a signed payload, in %v", accepted, count, time.Since(start))
}

func FuzzOpenPGPKeys(f *testing.F) {
	for _, c := range openpgpCases(f) {
		for _, name := range c.Keys {
			f.Add(made(f, name))
		}
	}
	good := signedManifests(f, "binary")[0]
	f.Fuzz(func(t *testing.T, content string) {
		keys, err := ParseKeys(content)
		if err != nil && keys != nil {
			t.Error("there is an error, and there are keys")
		}
		// Keys from anywhere may sign; they never change what was signed.
		options := good.options
		options.Keys = keys
		payload, signers, err := Verify(good.manifest, good.beside, options)
		if err == nil && (payload != good.payload || len(signers) == 0) {
			t.Errorf("got payload %q and signers %v", payload, signers)
		}
	})
}

func FuzzOpenPGPSignature(f *testing.F) {
	for _, c := range openpgpCases(f) {
		for _, name := range c.Beside {
			f.Add(made(f, "SHA256SUMS"), made(f, name))
		}
	}
	good := signedManifests(f, "two-packets")[0]
	texts := signedManifests(f)
	f.Fuzz(func(t *testing.T, manifest, signature string) {
		payload, signers, err := Verify(File{"m", manifest}, []File{{"m.sig", signature}}, good.options)
		if err == nil {
			mustBeSigned(t, texts, payload, signers)
		}
	})
}

func FuzzOpenPGPCleartext(f *testing.F) {
	for _, c := range openpgpCases(f) {
		if len(c.Beside) == 0 {
			f.Add(made(f, c.Manifest))
		}
	}
	good := signedManifests(f, "signed-both")[0]
	texts := signedManifests(f)
	good.options.Min = 1
	f.Fuzz(func(t *testing.T, manifest string) {
		payload, signers, err := Verify(File{"m", manifest}, nil, good.options)
		if err == nil {
			mustBeSigned(t, texts, payload, signers)
		}
		if strings.Contains(payload, "\r\n") || strings.Contains(payload, " \n") {
			t.Errorf("got payload %q", payload)
		}
	})
}

// mustBeSigned fails if nobody has signed the payload.
func mustBeSigned(t *testing.T, texts []signedManifest, payload string, signers []Signer) {
	t.Helper()
	for _, s := range texts {
		if same(payload, s.payload) && len(signers) > 0 {
			return
		}
	}
	t.Errorf("got payload %q and signers %v", payload, signers)
}
