//go:build checksig_modules

package signature

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/ed25519"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// What gpg does not make is made here.

var (
	born   = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC)
	signed = born.AddDate(1, 0, 0)
)

// A maker makes a key with a user ID and one subkey.
type maker struct {
	t       testing.TB
	primary *packet.PrivateKey
	subkey  *packet.PrivateKey
	// Each changes the signature before it is made.
	user, direct, binding, back, data, revocation, userRevocation func(*packet.Signature)

	text    string
	damaged bool // the last bit of the key is another one
	moved   bool // the direct signature is behind the subkey, in place of its binding
}

func newPrivate(t testing.TB) *packet.PrivateKey {
	t.Helper()
	private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return packet.NewEd25519PrivateKey(born, private)
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	m := &maker{t: t, primary: newPrivate(t), subkey: newPrivate(t), text: "a text"}
	m.subkey.IsSubkey = true
	return m
}

func (m *maker) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *maker) signature(by *packet.PrivateKey, kind packet.SignatureType, change func(*packet.Signature)) *packet.Signature {
	sig := &packet.Signature{
		Version: by.Version, SigType: kind, PubKeyAlgo: by.PubKeyAlgo, Hash: crypto.SHA256, CreationTime: born,
		IssuerKeyId: &by.KeyId, IssuerFingerprint: by.Fingerprint, IssuerKeyVersion: uint8(by.Version),
	}
	if change != nil {
		change(sig)
	}
	return sig
}

func canSign(sig *packet.Signature) { sig.FlagsValid, sig.FlagSign, sig.FlagCertify = true, true, true }

// certificate returns the key in binary.
func (m *maker) certificate() string {
	var out bytes.Buffer
	m.check(m.primary.PublicKey.Serialize(&out))
	if m.revocation != nil {
		sig := m.signature(m.primary, packet.SigTypeKeyRevocation, m.revocation)
		m.check(sig.RevokeKey(&m.primary.PublicKey, m.primary, nil))
		m.check(sig.Serialize(&out))
	}
	if m.direct != nil && !m.moved {
		m.writeDirect(&out)
	}
	if m.user != nil {
		id := packet.NewUserId("Mia", "", "mia@example.org")
		m.check(id.Serialize(&out))
		if m.userRevocation != nil {
			sig := m.signature(m.primary, packet.SigTypeCertificationRevocation, m.userRevocation)
			m.check(sig.SignUserId(id.Id, &m.primary.PublicKey, m.primary, nil))
			m.check(sig.Serialize(&out))
		}
		sig := m.signature(m.primary, packet.SigTypePositiveCert, m.user)
		m.check(sig.SignUserId(id.Id, &m.primary.PublicKey, m.primary, nil))
		m.check(sig.Serialize(&out))
	}
	if m.moved {
		m.check(m.subkey.PublicKey.Serialize(&out))
		m.writeDirect(&out)
	} else if m.binding != nil {
		m.check(m.subkey.PublicKey.Serialize(&out))
		sig := m.signature(m.primary, packet.SigTypeSubkeyBinding, m.binding)
		if m.back != nil {
			sig.EmbeddedSignature = m.signature(m.subkey, packet.SigTypePrimaryKeyBinding, m.back)
			m.check(sig.EmbeddedSignature.CrossSignKey(&m.subkey.PublicKey, &m.primary.PublicKey, m.subkey, nil))
		}
		m.check(sig.SignKey(&m.subkey.PublicKey, m.primary, nil))
		m.check(sig.Serialize(&out))
	}
	if m.damaged {
		return damaged(out.String())
	}
	return out.String()
}

func (m *maker) writeDirect(out *bytes.Buffer) {
	sig := m.signature(m.primary, packet.SigTypeDirectSignature, m.direct)
	m.check(sig.SignDirectKeyBinding(&m.primary.PublicKey, m.primary, nil))
	m.check(sig.Serialize(out))
}

func (m *maker) sign(text string) string {
	by := m.primary
	if m.binding != nil {
		by = m.subkey
	}
	sig := m.signature(by, packet.SigTypeBinary, func(sig *packet.Signature) { sig.CreationTime = signed })
	if m.data != nil {
		m.data(sig)
	}
	h, err := sig.PrepareSign(nil)
	m.check(err)
	_, _ = io.WriteString(h, text)
	m.check(sig.Sign(h, by, nil))
	var out bytes.Buffer
	m.check(sig.Serialize(&out))
	return out.String()
}

func (m *maker) verify() error {
	keys, err := ParseKeys(m.certificate())
	if err != nil {
		return err
	}
	beside := []File{{"m.sig", m.sign(m.text)}}
	if _, _, err = Verify(File{"m", m.text + "."}, beside, Options{Keys: keys, Now: now}); err == nil {
		m.t.Error("another text was accepted")
	}
	_, _, err = Verify(File{"m", m.text}, beside, Options{Keys: keys, Now: now})
	return err
}

func TestKeysThatGnuPGDoesNotMake(t *testing.T) {
	plain := func(*packet.Signature) {}
	critical := func(sig *packet.Signature) {
		canSign(sig)
		sig.Notations = []*packet.Notation{{Name: "x@example.org", IsCritical: true}}
	}
	onlyCertifies := func(sig *packet.Signature) { sig.FlagsValid, sig.FlagCertify = true, true }
	later := func(sig *packet.Signature) { canSign(sig); sig.CreationTime = now.AddDate(0, 0, -1) }
	tomorrow := func(sig *packet.Signature) { canSign(sig); sig.CreationTime = now.AddDate(0, 0, 1) }
	ended := func(sig *packet.Signature) { plain(sig); sig.SigLifetimeSecs = seconds(3600) }
	version6 := func(m *maker) {
		m.check(m.primary.UpgradeToV6())
		m.check(m.subkey.UpgradeToV6())
	}
	for _, c := range []struct {
		name   string
		change func(*maker)
		want   string // a part of the error; "": it is good
	}{
		{"plain", func(m *maker) { m.user = canSign }, ""},
		{"no flags", func(m *maker) { m.user = plain }, ""},
		{"it only certifies", func(m *maker) { m.user = onlyCertifies }, "may not sign"},
		{"only a direct signature", func(m *maker) { m.direct = canSign }, ""},
		{"nothing of itself", func(*maker) {}, "says nothing of itself"},
		{"a critical notation", func(m *maker) { m.user = critical }, "says nothing of itself"},
		{"bound later", func(m *maker) { m.user = later }, ""},
		{"bound tomorrow", func(m *maker) { m.user = tomorrow }, "says nothing of itself"},
		{"the signature of itself expired", func(m *maker) { m.user = ended }, "says nothing of itself"},
		{"a direct expiry", func(m *maker) {
			m.user, m.direct = canSign, func(sig *packet.Signature) { sig.KeyLifetimeSecs = seconds(3600) }
		}, "key expired on 2018-01-01"},
		{"subkey", func(m *maker) { m.user, m.binding, m.back = canSign, canSign, plain }, ""},
		{"subkey may not sign", func(m *maker) { m.user, m.binding, m.back = canSign, onlyCertifies, plain }, "may not sign"},
		{"subkey without flags", func(m *maker) { m.user, m.binding, m.back = canSign, plain, plain }, "may not sign"},
		{"back signature expired", func(m *maker) { m.user, m.binding, m.back = canSign, canSign, ended }, "not bound"},
		{"binding critical", func(m *maker) { m.user, m.binding, m.back = canSign, critical, plain }, "not bound"},
		{"bound by a signature of another type", func(m *maker) {
			m.user, m.direct, m.binding, m.moved = canSign, canSign, canSign, true
		}, "not bound"},
		{"version 6", func(m *maker) { version6(m); m.direct = canSign }, ""},
		{"version 6 with subkey", func(m *maker) { version6(m); m.direct, m.binding, m.back = canSign, canSign, plain }, ""},
		{"older than its key", func(m *maker) {
			m.user = canSign
			m.data = func(sig *packet.Signature) { sig.CreationTime = born.Add(-time.Second) }
		}, "older than its key"},
		{"a certification", func(m *maker) {
			m.user = canSign
			m.data = func(sig *packet.Signature) { sig.SigType = packet.SigTypePositiveCert }
		}, "type 0x13, which is not for files"},
		{"revoked without a reason", func(m *maker) { m.user, m.revocation = canSign, later }, "revoked (without a reason)"},
		{"the user ID was revoked", func(m *maker) { m.user, m.userRevocation = canSign, later }, ""},
		{"the user ID was revoked at once", func(m *maker) { m.user, m.userRevocation = canSign, plain }, "says nothing of itself"},
		{"a damaged signature of the user ID", func(m *maker) { m.user, m.damaged = canSign, true }, "says nothing of itself"},
		{"a damaged direct signature", func(m *maker) { m.direct, m.damaged = canSign, true }, "says nothing of itself"},
		{"a text in UTF-16", func(m *maker) {
			m.user, m.text = canSign, "a\x00"
			m.data = func(sig *packet.Signature) { sig.SigType = packet.SigTypeText }
		}, "UTF-16"},
		{"a weak primary key", func(m *maker) {
			weak, err := rsa.GenerateKey(rand.Reader, 1024)
			m.check(err)
			m.primary = packet.NewRSAPrivateKey(born, weak)
			m.user, m.binding, m.back = canSign, canSign, plain
		}, "RSA key of 1024 bits"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMaker(t)
			c.change(m)
			err := m.verify()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSignaturesOfTwoVersionsCountTogether(t *testing.T) {
	old, other := newMaker(t), newMaker(t)
	old.user, other.direct = canSign, canSign
	other.check(other.primary.UpgradeToV6())
	var keys []Key
	for _, m := range []*maker{old, other} {
		found, err := ParseKeys(m.certificate())
		m.check(err)
		keys = append(keys, found...)
	}
	both := []File{{"m.sig", old.sign("text") + other.sign("text")}}
	if _, _, err := Verify(File{"m", "text"}, both, Options{Keys: keys, Min: 2, Now: now}); err != nil {
		t.Error(err)
	}
}

func seconds(n uint32) *uint32 { return &n }

func TestTheClockMayDifferBy5Minutes(t *testing.T) {
	for after, good := range map[time.Duration]bool{4 * time.Minute: true, 6 * time.Minute: false} {
		m := newMaker(t)
		m.user = canSign
		m.data = func(sig *packet.Signature) { sig.CreationTime = now.Add(after) }
		if err := m.verify(); (err == nil) != good {
			t.Errorf("%v after now: got %v", after, err)
		}
	}
}

func TestTheSizeOfAnRSAKeyIsThatOfItsNumber(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	m := newMaker(t)
	m.primary = packet.NewRSAPrivateKey(born, private)
	m.user = canSign
	key := m.certificate()
	// The number is written with zeros before it, as if it had 2048 bits.
	number := private.N.Bytes()
	at := strings.Index(key, string(number))
	body := key[2:at-2] + "\x08\x00" + strings.Repeat("\x00", 128) + key[at:at+128+5]
	padded := string([]byte{0x99, byte(len(body) >> 8), byte(len(body))}) + body
	keys, err := ParseKeys(padded)
	if err != nil {
		t.Fatal(err)
	}
	if err := strong(keys[0].public.(*certificate).primary.key); err == nil {
		t.Error("an RSA key of 1024 bits is strong")
	}
}

func TestAPointForWhichAnybodyCanSignIsNoKey(t *testing.T) {
	m := newMaker(t)
	for _, point := range weakPoints {
		m.primary.PublicKey.PublicKey.(*ed25519.PublicKey).Point = point
		if err := strong(&m.primary.PublicKey); err == nil {
			t.Errorf("%x is strong", point)
		}
	}
}

// TestTheWorkIsBounded verifies files of the largest sizes.
func TestTheWorkIsBounded(t *testing.T) {
	if underRace {
		t.Skip("the race detector takes most of the time")
	}
	key, text, sig := made(t, "p521.key"), made(t, "SHA256SUMS"), made(t, "p521.sig")
	packets, err := packetsOf([]byte(key))
	if err != nil || len(packets) != 3 {
		t.Fatalf("got %d packets and %v", len(packets), err)
	}
	self := key[len(key)-len(packets[2].body)-2:] // with a header of two bytes
	bad := damaged(sig)
	for name, c := range map[string]struct{ key, signature, want string }{
		"signatures that do not match": {key, strings.Repeat(bad, 999), "too much work"},
		"too many signatures":          {key, strings.Repeat(sig, MaxFile/len(sig)), errMany.Error()},
		"self-signatures":              {key + strings.Repeat(damaged(self), MaxKeys/len(self)-2), sig, ""},
		"keys":                         {strings.Repeat(key[:len(key)-len(self)], maxKeys), sig, "says nothing"},
		"too many keys":                {strings.Repeat(key, MaxKeys/len(key)), sig, errManyKeys.Error()},
		"user IDs":                     {key + strings.Repeat("\xb4\x01x", MaxKeys/4), sig, ""},
		"armor without end":            {strings.Repeat("-----BEGIN PGP SIGNATURE-----\n", MaxKeys/30), sig, "not a key"},
		"armor beside":                 {key, strings.Repeat("-----BEGIN PGP x-----\n", MaxFile/23), "message"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			keys, err := ParseKeys(c.key)
			if err == nil {
				_, _, err = Verify(File{"m", text}, []File{{"m.sig", c.signature}}, Options{Keys: keys, Now: now})
			}
			took := time.Since(start)
			t.Logf("%v: %.150v", took, err)
			if took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// damaged returns a signature whose last bit is another one.
func damaged(sig string) string { return sig[:len(sig)-1] + string([]byte{sig[len(sig)-1] ^ 1}) }
