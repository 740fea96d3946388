package signature

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const vectors = "../../../testdata/signatures"

// now is when the tests verify.
var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func read(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// keysOf returns the keys in files of the vectors, or in lines.
func keysOf(t testing.TB, sources ...string) (keys []Key) {
	t.Helper()
	for _, source := range sources {
		if strings.HasPrefix(source, "keys/") {
			source = read(t, source)
		}
		found, err := ParseKeys(source)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, found...)
	}
	return keys
}

// A verification is one call of Verify, with files of the vectors. Its manifest is SHA256SUMS.
type verification struct {
	name       string
	keys       []string
	manifest   string // the content; "": that of the file
	signatures []string
	texts      []string // contents of further signatures
	min        int
	namespace  string
	needs      bool   // BLAKE2b
	want       string // the names of the signers, or the error
}

func (v *verification) run(t testing.TB) (string, []Signer, error) {
	t.Helper()
	manifest := File{Name: "SHA256SUMS", Content: v.manifest}
	if v.manifest == "" {
		manifest.Content = read(t, "SHA256SUMS")
	}
	var beside []File
	for _, name := range v.signatures {
		beside = append(beside, File{Name: name, Content: read(t, name)})
	}
	for _, text := range v.texts {
		beside = append(beside, File{Name: "SHA256SUMS.sig", Content: text})
	}
	options := Options{Keys: keysOf(t, v.keys...), Min: v.min, Namespace: v.namespace, Now: now}
	return Verify(manifest, beside, options)
}

// outcome returns the signers, or the error.
func (v *verification) outcome(t testing.TB) string {
	t.Helper()
	payload, signers, err := v.run(t)
	var failed *Error
	if errors.As(err, &failed) {
		return failed.Reason
	}
	if err != nil {
		t.Fatalf("not an *Error: %v", err)
	}
	if want := read(t, "SHA256SUMS"); payload != want {
		t.Errorf("payload: got %q, want %q", payload, want)
	}
	var found []string
	for _, s := range signers {
		found = append(found, string(s.Key.Scheme)+" "+s.Key.label())
	}
	return strings.Join(found, ", ")
}

func runAll(t *testing.T, all []verification) {
	t.Helper()
	for _, v := range all {
		t.Run(v.name, func(t *testing.T) {
			if _, err := newBLAKE2b(); v.needs && err != nil {
				t.Skip(err)
			}
			if got := v.outcome(t); got != v.want {
				t.Errorf("got  %s\nwant %s", got, v.want)
			}
		})
	}
}

const mismatch = " does not match: the manifest, or the signature, was changed"

func TestMinisign(t *testing.T) {
	ada := []string{"keys/minisign.pub"}
	legacy := read(t, "legacy.minisig")
	bare := strings.Split(read(t, "keys/minisign.pub"), "\n")[1]
	const signer = "minisign 0CA5BE720E191881"
	runAll(t, []verification{
		{name: "prehashed", keys: ada, signatures: []string{"hashed.minisig"}, needs: true, want: signer},
		{name: "legacy", keys: ada, signatures: []string{"legacy.minisig"}, want: signer},
		{name: "bare key", keys: []string{bare}, signatures: []string{"legacy.minisig"}, want: signer},
		{name: "lines end with CR LF", keys: ada, texts: []string{strings.ReplaceAll(legacy, "\n", "\r\n")}, want: signer},
		{name: "other manifest", keys: ada, manifest: "x", signatures: []string{"legacy.minisig"}, want: "legacy.minisig" + mismatch},
		{name: "other manifest, prehashed", keys: ada, manifest: "x", signatures: []string{"hashed.minisig"}, needs: true, want: "hashed.minisig" + mismatch},
		{
			name: "other key", keys: []string{"keys/minisign2.pub"}, signatures: []string{"legacy.minisig"},
			want: "legacy.minisig is by key 0CA5BE720E191881, which is not among the 1 given",
		},
		{
			name: "other trusted comment", keys: ada, texts: []string{strings.Replace(legacy, "Ada", "Bob", 1)},
			want: "SHA256SUMS.sig has a trusted comment that was changed",
		},
		{
			name: "trusted comment that is not printable", keys: ada, texts: []string{strings.Replace(legacy, "Ada", "\x1b[2J", 1)},
			want: "SHA256SUMS.sig has a trusted comment that is not printable",
		},
		{
			name: "no signature of the comment", keys: ada, texts: []string{strings.Join(strings.Split(legacy, "\n")[:3], "\n")},
			want: "SHA256SUMS.sig is a signature of minisign without the signature of its trusted comment",
		},
		{
			name: "text behind", keys: ada, texts: []string{legacy + "text\n"},
			want: "SHA256SUMS.sig has text behind the signature, which is not signed",
		},
		{
			name: "two keys", keys: []string{"keys/minisign.pub", "keys/minisign2.pub"}, min: 2, needs: true,
			signatures: []string{"legacy.minisig", "second.minisig"}, want: signer + ", minisign 49BB355C2022F4B7",
		},
		{
			name: "one key twice", keys: []string{"keys/minisign.pub", "keys/minisign2.pub"}, min: 2, needs: true,
			signatures: []string{"legacy.minisig", "hashed.minisig"}, want: "1 of 2 signers: 0CA5BE720E191881",
		},
		{
			name: "one of two", keys: []string{"keys/minisign.pub", "keys/signify.pub"}, min: 2, needs: true,
			signatures: []string{"legacy.minisig", "second.minisig"},
			want:       "1 of 2 signers: 0CA5BE720E191881; 1 other signature is by a key that is not given",
		},
	})
}

func TestTrustedCommentIsShown(t *testing.T) {
	v := verification{keys: []string{"keys/minisign.pub"}, signatures: []string{"legacy.minisig"}}
	_, signers, err := v.run(t)
	if err != nil {
		t.Fatal(err)
	}
	if want := "trusted comment: signed by Ada"; signers[0].Note != want {
		t.Errorf("note: got %q, want %q", signers[0].Note, want)
	}
	if created := createdBy("timestamp:1790000000\tfile:SHA256SUMS\thashed"); created.Unix() != 1790000000 {
		t.Errorf("created: got %v", created)
	}
}

func TestSignify(t *testing.T) {
	ada := []string{"keys/signify.pub"}
	embedded := read(t, "SHA256.sig")
	runAll(t, []verification{
		{name: "detached", keys: ada, signatures: []string{"signify.sig"}, want: "signify Ada"},
		{name: "embedded", keys: ada, manifest: embedded, want: "signify Ada"},
		{name: "other manifest", keys: ada, manifest: "x", signatures: []string{"signify.sig"}, want: "signify.sig" + mismatch},
		{name: "text behind the message", keys: ada, manifest: embedded + "x", want: "its signature" + mismatch},
		{
			name: "other key", keys: []string{"keys/minisign.pub"}, manifest: embedded,
			want: "its signature is by key A87042CBD8A7242D, which is not among the 1 given",
		},
		{
			name: "detached and embedded", keys: []string{"keys/signify.pub", "keys/minisign.pub"}, manifest: embedded,
			signatures: []string{"signify.sig"}, min: 2, want: "1 of 2 signers: Ada; signify.sig" + mismatch,
		},
		{
			name: "a signature with a message beside the manifest", keys: ada, signatures: []string{"SHA256.sig"},
			want: "SHA256.sig has text behind the signature, which is not signed",
		},
	})
}

func TestWithoutSignatureNothingIsVerified(t *testing.T) {
	runAll(t, []verification{{name: "none", keys: []string{"keys/signify.pub"}, want: "not signed"}})
}
