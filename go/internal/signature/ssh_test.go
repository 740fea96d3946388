package signature

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// sshSigners are the vectors of SSH that are good.
var sshSigners = []struct{ signature, key string }{
	{"ed25519.sshsig", "keys/ed25519.pub"},
	{"ed25519-sha256.sshsig", "keys/ed25519.pub"},
	{"ecdsa256.sshsig", "keys/ecdsa256.pub"},
	{"ecdsa384.sshsig", "keys/ecdsa384.pub"},
	{"ecdsa521.sshsig", "keys/ecdsa521.pub"},
	{"rsa2048.sshsig", "keys/rsa2048.pub"},
	{"rsa3072.sshsig", "keys/rsa3072.pub"},
	{"rsa3072-sha256.sshsig", "keys/rsa3072.pub"},
	{"sk-ed25519.sshsig", "keys/sk-ed25519.pub"},
	{"sk-verified.sshsig", "keys/sk-ed25519.pub"},
	{"sk-ecdsa.sshsig", "keys/sk-ecdsa.pub"},
}

func TestSSHVerifiesAllTypesOfKeys(t *testing.T) {
	for _, s := range sshSigners {
		name := strings.TrimSuffix(strings.TrimPrefix(s.key, "keys/"), ".pub")
		runAll(t, []verification{
			{name: s.signature, keys: []string{s.key}, signatures: []string{s.signature}, want: "ssh " + name + "@example.org"},
			{
				name: s.signature + ", other manifest", keys: []string{s.key}, signatures: []string{s.signature}, manifest: "x",
				want: s.signature + mismatch,
			},
		})
	}
}

// allowed returns a line of allowed_signers for a key of the vectors.
func allowed(t testing.TB, principals, options, key string) string {
	t.Helper()
	if options != "" {
		options += " "
	}
	return principals + " " + options + read(t, key)
}

func TestSSH(t *testing.T) {
	ada := []string{"keys/ed25519.pub"}
	signature := read(t, "ed25519.sshsig")
	const signer = "ssh ed25519@example.org"
	runAll(t, []verification{
		{
			name: "other key", keys: []string{"keys/other.pub"}, signatures: []string{"ed25519.sshsig"},
			want: "ed25519.sshsig is by key SHA256:LYUg…dPX0, which is not among the 1 given",
		},
		{
			name: "other namespace", keys: ada, signatures: []string{"release.sshsig"},
			want: `release.sshsig is for the namespace "release", not "file"`,
		},
		{name: "namespace as told", keys: ada, signatures: []string{"release.sshsig"}, namespace: "release", want: signer},
		{
			name: "namespace file, and another told", keys: ada, texts: []string{signature}, namespace: "release",
			want: `SHA256SUMS.sig is for the namespace "file", not "release"`,
		},
		{
			name: "nobody was there", keys: []string{"keys/sk-ed25519.pub"}, signatures: []string{"sk-absent.sshsig"},
			want: "sk-absent.sshsig is by a FIDO key that does not say that a person was there",
		},
		{
			name: "nobody was there, ECDSA", keys: []string{"keys/sk-ecdsa.pub"}, signatures: []string{"sk-ecdsa-absent.sshsig"},
			want: "sk-ecdsa-absent.sshsig is by a FIDO key that does not say that a person was there",
		},
		{
			name: "two blocks", keys: []string{"keys/ed25519.pub", "keys/other.pub"}, min: 2,
			texts: []string{signature + read(t, "other.sshsig")}, want: signer + ", ssh other@example.org",
		},
		{
			name: "one block thrice", keys: []string{"keys/ed25519.pub", "keys/other.pub"}, min: 2,
			texts: []string{strings.Repeat(signature, 3)}, want: "1 of 2 signers: ed25519@example.org",
		},
		{
			name: "one key under two names", keys: []string{"keys/ed25519.pub", allowed(t, "bob", "", "keys/ed25519.pub")}, min: 2,
			signatures: []string{"ed25519.sshsig", "ed25519-sha256.sshsig"}, want: "1 of 2 signers: ed25519@example.org",
		},
		{name: "lines end with CR LF", keys: ada, texts: []string{strings.ReplaceAll(signature, "\n", "\r\n")}, want: signer},
		{
			name: "text behind", keys: ada, texts: []string{signature + "x\n"},
			want: "SHA256SUMS.sig has text behind the signature, which is not signed",
		},
		{
			name: "text between", keys: ada, texts: []string{signature + "x\n" + signature},
			want: "SHA256SUMS.sig has text behind the signature, which is not signed",
		},
		{name: "no end", keys: ada, texts: []string{signature[:200]}, want: "SHA256SUMS.sig is a signature of SSH without its end"},
		{
			name: "a damaged signature beside a good one", keys: ada,
			texts: []string{strings.Replace(signature, "AAAA", "AAAB", 2), signature}, want: signer,
		},
		{
			name: "too many blocks", keys: ada, texts: []string{strings.Repeat(signature, maxBlocks+1)},
			want: "SHA256SUMS.sig has more than 64 signatures of SSH",
		},
	})
}

func TestAllowedSigners(t *testing.T) {
	const key = "keys/ed25519.pub"
	const good = "ssh ada@example.org"
	for _, c := range []struct{ options, want string }{
		{"", good},
		{`namespaces="file"`, good},
		{`namespaces="git,f?l*"`, good},
		{`namespaces="git"`, `ed25519.sshsig is for the namespace "file", for which its key may not sign`},
		{`namespaces="*,!file"`, `ed25519.sshsig is for the namespace "file", for which its key may not sign`},
		{`valid-after="20261126120000Z"`, good},
		{`valid-after="20261126120001Z"`, "ed25519.sshsig is by a key that is valid only after 20261126120001Z"},
		{`valid-before="20261126120000Z"`, good},
		{`valid-before="20261126115959Z"`, "ed25519.sshsig is by a key that was valid only before 20261126115959Z"},
		{`valid-before="202611261159"`, "ed25519.sshsig is by a key that was valid only before 202611261159"},
		{`Namespaces="file",valid-after="20200101",valid-before="20300101"`, good},
	} {
		line := allowed(t, "ada@example.org", c.options, key)
		runAll(t, []verification{{name: c.options, keys: []string{line}, signatures: []string{"ed25519.sshsig"}, want: c.want}})
	}
	outdated := allowed(t, "old", `valid-before="20200101"`, key)
	runAll(t, []verification{{
		name: "one line for then and one for now", keys: []string{outdated + allowed(t, "ada@example.org", "", key)},
		signatures: []string{"ed25519.sshsig"}, want: good,
	}})
}

func TestATimeWithoutZoneIsInTheZoneOfTheVerification(t *testing.T) {
	m, err := newMoment("202611261200")
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("", 3600)
	if got, want := m.in(zone), time.Date(2026, 11, 26, 12, 0, 0, 0, zone); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUnusableKeysAreRefused(t *testing.T) {
	key := strings.TrimSpace(read(t, "keys/ed25519.pub"))
	type test struct{ content, want string }
	tests := []test{
		{read(t, "keys/rsa1024.pub"), "line 1: is an RSA key of 1024 bits; below 2048 they prove nothing any more"},
		{"ssh-dss AAAAB3NzaC1kc3MAAAA=", "line 1: is a DSA key, which proves nothing any more"},
		{"ssh-ed25519-cert-v01@openssh.com AAAA", "line 1: is a certificate of SSH, which is not supported; give the key itself"},
		{"ssh-mldsa-44 AAAA", `line 1: is a key of the type "ssh-mldsa-44", which is not supported`},
		{"# keys\n" + key + "\nfoo\n", "line 3: is not a public key of SSH"},
		{"ssh-rsa " + strings.Fields(key)[1], "line 1: is not a key of the type ssh-rsa"},
		{"a cert-authority " + key, "line 1: has the option cert-authority: certificates of SSH are not supported; list the keys themselves"},
		{"a namespaces=file " + key, `line 1: the option "namespaces" is unknown, or has no value in quotes`},
		{`a restrict="x" ` + key, `line 1: has the option "restrict", which is unknown`},
		{`a namespaces="a",namespaces="b" ` + key, `line 1: has the option "namespaces" twice`},
		{`a valid-after="2026" ` + key, `line 1: "2026" is not a time; write YYYYMMDD or YYYYMMDDHHMMSSZ`},
		{`a valid-after="20261340" ` + key, `line 1: "20261340" is not a time; write YYYYMMDD or YYYYMMDDHHMMSSZ`},
		{`a valid-after="20300101",valid-before="20200101" ` + key, "line 1: is never valid: valid-before is not later than valid-after"},
		{"!ada " + key, "line 1: has no principal that may sign"},
		{read(t, "keys/ed25519"), "is a private key, which is to stay secret; give the public key, which is in a file .pub"},
		{read(t, "keys/minisign.key"), "line 2: is a secret key of minisign or signify; give the public key, which is in a file .pub"},
		{read(t, "keys/signify.sec"), "line 2: is a secret key of minisign or signify; give the public key, which is in a file .pub"},
		{read(t, "legacy.minisig"), "line 2: is not a public key of minisign or signify"},
		{read(t, "ed25519.sshsig"), "is a signature of SSH, not a key"},
		{"RWTIyg3jYFvjZxo70kDa", "line 1: is not a public key of minisign or signify"},
		{"RWQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "line 1: the Ed25519 key is weak: anybody can sign for it"},
		{"https://example.org/key.asc", "is a URL; download the key, and make sure that it is the right one"},
		{"SHA256:abc", "is a fingerprint of SSH, which proves nothing; give the key itself, which is in a file .pub"},
		{"---- BEGIN SSH2 PUBLIC KEY ----\n", "is a key in the format of RFC 4716; convert it: ssh-keygen -i -f FILE"},
		{"PuTTY-User-Key-File-3: ssh-ed25519\n", "is a private key of PuTTY; give the public key, in the format of OpenSSH"},
		{"-----BEGIN PUBLIC KEY-----\nMFkw\n", "is PEM (PUBLIC KEY), as of cosign or OpenSSL, which is not supported"},
		{"-----BEGIN CERTIFICATE-----\nMIIB\n", "is an X.509 certificate, which is not supported"},
		{`{"keys": []}`, "is JSON, which is not supported"},
		{"", "is empty"},
		{"text\n", "no public key of OpenPGP, SSH, minisign or signify was recognized"},
	}
	for _, c := range tests {
		if keys, err := ParseKeys(c.content); err == nil || err.Error() != c.want {
			t.Errorf("%.40q:\ngot  %d keys, %v\nwant %s", c.content, len(keys), err, c.want)
		}
	}
}

func TestOtherKindsOfSignaturesAreRefusedByName(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{`{"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json"}`, "is a bundle of sigstore, which is not supported yet; verify it with cosign verify-blob"},
		{`{"base64Signature": "", "rekorBundle": {}}`, "is a bundle of cosign in its old format, which is not supported; verify it with cosign verify-blob"},
		{`{}`, "is JSON, which is not supported"},
		{"MEUCIQDx" + strings.Repeat("A", 88) + "\n", "is a bare signature in base64, as of cosign, which is not supported; verify it with cosign verify-blob"},
		{"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t", "is an X.509 certificate, which is not supported"},
		{"-----BEGIN PKCS7-----\nMII=\n", "is a CMS (PKCS #7) signature, which is not supported; verify it with openssl cms"},
		{"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "is a CMS (PKCS #7) signature, which is not supported; verify it with openssl cms"},
		{strings.Repeat("ab", 32) + "\n", "is hex digits, such as a digest, and not a signature"},
		{"<html>", "is HTML or XML: was a web page downloaded in place of the file?"},
		{read(t, "keys/ed25519.pub"), "is a public key, not a signature"},
		{read(t, "keys/signify.pub"), "is a public key, not a signature"},
		{" \n", "is empty"},
		{"text", "is not a signature of OpenPGP, SSH, minisign or signify"},
		{strings.Repeat("x", MaxFile+1), "is larger than 1 MiB"},
	} {
		v := verification{keys: []string{"keys/ed25519.pub"}, texts: []string{c.content}}
		if got, want := v.outcome(t), "SHA256SUMS.sig "+c.want; got != want {
			t.Errorf("%.40q:\ngot  %s\nwant %s", c.content, got, want)
		}
	}
}

func TestAnErrorNamesTheKeysThatAreClaimed(t *testing.T) {
	v := verification{keys: []string{"keys/other.pub"}, signatures: []string{"ed25519.sshsig", "rsa2048.sshsig", "ed25519.sshsig"}}
	_, _, err := v.run(t)
	failed, _ := err.(*Error)
	if want := "its 3 signatures are by keys that are not among the 1 given"; failed == nil || failed.Reason != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if len(failed.Claimed) != 2 || !strings.HasPrefix(failed.Claimed[0], "SHA256:") {
		t.Errorf("claimed: got %q", failed.Claimed)
	}
}

func TestManySignaturesByManyKeysTakeLittleTime(t *testing.T) {
	if underRace {
		t.Skip("the race detector takes most of the time")
	}
	var lines strings.Builder
	key := read(t, "keys/rsa3072.pub")
	for i := range 4000 {
		fmt.Fprintf(&lines, "p%d namespaces=\"git\" %s", i, key)
	}
	signatures := strings.Repeat(read(t, "rsa3072.sshsig"), maxBlocks)
	begin := time.Now()
	keys := keysOf(t, lines.String())
	beside := []File{{"a", signatures}, {"b", signatures}, {"c", signatures}}
	if _, _, err := Verify(File{"SHA256SUMS", read(t, "SHA256SUMS")}, beside, Options{Keys: keys, Now: now}); err == nil {
		t.Error("got no error")
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}
