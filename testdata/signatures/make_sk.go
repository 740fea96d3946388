//go:build ignore

// make_sk makes what a FIDO device would make: two keys, and signatures of SHA256SUMS by them. The
// argument is the directory.
package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
)

const (
	application = "ssh:"
	present     = 1
	verified    = 4
	counter     = 7
)

func field(text string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text
}

func number(n *big.Int) string {
	bytes := n.Bytes()
	if len(bytes) > 0 && bytes[0] >= 0x80 {
		bytes = append([]byte{0}, bytes...)
	}
	return field(string(bytes))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// sign writes a signature of the manifest. The flags say what the user did.
func sign(name, kind, blob string, flags byte, device func(message []byte) string) {
	manifest, err := os.ReadFile(filepath.Join(os.Args[1], "SHA256SUMS"))
	check(err)
	digest := sha512.Sum512(manifest)
	message := "SSHSIG" + field("file") + field("") + field("sha512") + field(string(digest[:]))
	inner, relying := sha256.Sum256([]byte(message)), sha256.Sum256([]byte(application))
	told := string(append([]byte{flags}, binary.BigEndian.AppendUint32(nil, counter)...))
	value := field(kind) + field(device([]byte(string(relying[:])+told+string(inner[:])))) + told
	content := "SSHSIG" + "\x00\x00\x00\x01" + field(blob) + field("file") + field("") + field("sha512") + field(value)
	block := pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: []byte(content)})
	check(os.WriteFile(filepath.Join(os.Args[1], name), block, 0o644))
}

func writeKey(name, kind, blob string) {
	line := kind + " " + base64.StdEncoding.EncodeToString([]byte(blob)) + " " + name + "@example.org\n"
	check(os.WriteFile(filepath.Join(os.Args[1], "keys", name+".pub"), []byte(line), 0o644))
}

func main() {
	seed := sha256.Sum256([]byte("a key for tests"))

	const plain = "sk-ssh-ed25519@openssh.com"
	private := ed25519.NewKeyFromSeed(seed[:])
	blob := field(plain) + field(string(private.Public().(ed25519.PublicKey))) + field(application)
	byPlain := func(message []byte) string { return string(ed25519.Sign(private, message)) }
	writeKey("sk-ed25519", plain, blob)
	sign("sk-ed25519.sshsig", plain, blob, present, byPlain)
	sign("sk-verified.sshsig", plain, blob, present|verified, byPlain)
	sign("sk-absent.sshsig", plain, blob, 0, byPlain)

	const curve = "sk-ecdsa-sha2-nistp256@openssh.com"
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	check(err)
	point, err := key.PublicKey.Bytes()
	check(err)
	blob = field(curve) + field("nistp256") + field(string(point)) + field(application)
	byCurve := func(message []byte) string {
		digest := sha256.Sum256(message)
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		check(err)
		return number(r) + number(s)
	}
	writeKey("sk-ecdsa", curve, blob)
	sign("sk-ecdsa.sshsig", curve, blob, present, byCurve)
	sign("sk-ecdsa-absent.sshsig", curve, blob, 0, byCurve)
}
