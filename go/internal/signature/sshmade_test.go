package signature

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // which is to be refused
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
)

// sshField encodes a string as SSH does.
func sshField(text string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text
}

// A madeSignature is one that ssh-keygen does not make.
type madeSignature struct {
	version, hash, reserved string
	behindValue, behind     string
	algorithm               string
	sign                    func(message []byte) string
	blob                    string
}

// newMade returns a good signature by an Ed25519 key, and the line of the key.
func newMade() (m madeSignature, key string) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	m = madeSignature{version: "\x00\x00\x00\x01", hash: "sha512", algorithm: "ssh-ed25519"}
	m.blob = sshField("ssh-ed25519") + sshField(string(private.Public().(ed25519.PublicKey)))
	m.sign = func(message []byte) string { return string(ed25519.Sign(private, message)) }
	return m, "ssh-ed25519 " + base64.StdEncoding.EncodeToString([]byte(m.blob))
}

func (m *madeSignature) armored(manifest string) string {
	digest := sha512.Sum512([]byte(manifest))
	message := sshMagic + sshField("file") + sshField("") + sshField(m.hash) + sshField(string(digest[:]))
	value := sshField(m.algorithm) + sshField(m.sign([]byte(message))) + m.behindValue
	content := sshMagic + m.version + sshField(m.blob) + sshField("file") + sshField(m.reserved) + sshField(m.hash) + sshField(value) + m.behind
	return sshBegin + "\n" + base64.StdEncoding.EncodeToString([]byte(content)) + "\n" + sshEnd + "\n"
}

func TestSSHSignaturesThatSSHKeygenDoesNotMake(t *testing.T) {
	manifest := read(t, "SHA256SUMS")
	for _, c := range []struct {
		name   string
		change func(*madeSignature)
		want   string
	}{
		{"good", func(*madeSignature) {}, ""},
		{"reserved bytes are ignored", func(m *madeSignature) { m.reserved = "x" }, ""},
		{"another version", func(m *madeSignature) { m.version = "\x00\x00\x00\x02" }, "is a signature of SSH of the version 2, not 1"},
		{"another digest", func(m *madeSignature) { m.hash = "sha1" }, `is a signature of SSH over a digest of the kind "sha1", not sha256 or sha512`},
		{"bytes behind the value", func(m *madeSignature) { m.behindValue = "x" }, strings.TrimSpace(mismatch)},
		{"bytes behind everything", func(m *madeSignature) { m.behind = "x" }, "is not a signature of SSH"},
		{"another algorithm", func(m *madeSignature) { m.algorithm = "ssh-rsa" }, strings.TrimSpace(mismatch)},
	} {
		t.Run(c.name, func(t *testing.T) {
			made, key := newMade()
			c.change(&made)
			want := "ssh SHA256:tAXF…DhPo"
			if c.want != "" {
				want = "SHA256SUMS.sig " + c.want
			}
			v := verification{keys: []string{key}, texts: []string{made.armored(manifest)}}
			if got := v.outcome(t); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestRSAWithSHA1DoesNotCount(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, minModulus)
	if err != nil {
		t.Fatal(err)
	}
	made, _ := newMade()
	made.algorithm = "ssh-rsa"
	made.blob = sshField("ssh-rsa") + sshField("\x01\x00\x01") + sshField("\x00"+string(private.N.Bytes()))
	kind := crypto.SHA1
	made.sign = func(message []byte) string {
		value, err := rsa.SignPKCS1v15(nil, private, kind, digest(kind, message))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimLeft(string(value), "\x00") // as ssh-keygen may write it
	}
	key := "ssh-rsa " + base64.StdEncoding.EncodeToString([]byte(made.blob)) + " ada"
	manifest := read(t, "SHA256SUMS")
	runAll(t, []verification{{
		name: "SHA-1", keys: []string{key}, texts: []string{made.armored(manifest)},
		want: "SHA256SUMS.sig uses SHA-1, which proves nothing any more",
	}})
	made.algorithm, kind = "rsa-sha2-256", crypto.SHA256
	runAll(t, []verification{{name: "SHA-256", keys: []string{key}, texts: []string{made.armored(manifest)}, want: "ssh ada"}})
}

// Anybody can make a signature for these keys: one tries until the digest fits.
func TestWeakPointsAreWeak(t *testing.T) {
	for _, point := range weakPoints {
		if _, err := newEd25519(string(point)); err == nil {
			t.Errorf("%x is accepted", point)
		}
		signature := make([]byte, ed25519.SignatureSize)
		signature[0] = 1 // the neutral element, and zero
		forged := false
		for i := range 200 {
			forged = forged || ed25519.Verify(ed25519.PublicKey(point), []byte{byte(i)}, signature)
		}
		if !forged {
			t.Errorf("%x: nothing was forged", point)
		}
	}
}

func TestTwoKeysWithOneNumberAreTwo(t *testing.T) {
	first, second := read(t, "keys/minisign.pub"), read(t, "keys/signify.pub")
	line := func(content string) string { return strings.Split(content, "\n")[1] }
	one, err := decodeBase64(line(first))
	if err != nil {
		t.Fatal(err)
	}
	two, err := decodeBase64(line(second))
	if err != nil {
		t.Fatal(err)
	}
	renumbered := base64.StdEncoding.EncodeToString([]byte(one[:10] + two[10:]))
	if got := CountKeys(keysOf(t, first, renumbered)); got != 2 {
		t.Errorf("got %d keys, want 2", got)
	}
	same := base64.StdEncoding.EncodeToString([]byte(two[:10] + one[10:]))
	if got := CountKeys(keysOf(t, first, same)); got != 1 {
		t.Errorf("got %d keys, want 1", got)
	}
	runAll(t, []verification{{
		name: "the right one of two with its number signs", keys: []string{renumbered, first},
		signatures: []string{"legacy.minisig"}, want: "minisign 0CA5BE720E191881",
	}})
}

func TestAnRSASignatureMayLackLeadingZeros(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, minModulus)
	if err != nil {
		t.Fatal(err)
	}
	key := sshRSA{&private.PublicKey}
	for i := range uint32(5000) {
		message := binary.BigEndian.AppendUint32(nil, i)
		value, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest(crypto.SHA256, message))
		if err != nil {
			t.Fatal(err)
		}
		if value[0] != 0 {
			continue
		}
		short := &sshReader{rest: sshField(string(value[1:]))}
		if err := key.verify("rsa-sha2-256", message, short); err != nil {
			t.Error(err)
		}
		return
	}
	t.Fatal("no signature begins with a zero")
}
