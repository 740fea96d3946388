//go:build !checksig_modules

package signature

import (
	"encoding/base64"
	"testing"
)

func TestABuildWithoutModulesRefusesOpenPGP(t *testing.T) {
	key := "\xc6\x03\x04\x00\x00"
	signature := "\xc2\x03\x04\x00\x00"
	armor := func(kind, data string) string {
		encoded := base64.StdEncoding.EncodeToString([]byte(data))
		return "-----BEGIN PGP " + kind + "-----\n\n" + encoded + "\n-----END PGP " + kind + "-----\n"
	}
	for _, content := range []string{key, armor(publicBlock, key)} {
		if _, err := ParseKeys(content); err != errNoModules {
			t.Errorf("ParseKeys: got %v, want %v", err, errNoModules)
		}
	}
	for _, content := range []string{signature, armor(signatureBlock, signature)} {
		claims, err := readClaims(content)
		if err != nil || len(claims) != 1 {
			t.Fatalf("readClaims: got %d claims and %v", len(claims), err)
		}
		if _, err := claims[0].verify("", &Options{}); err != errNoModules {
			t.Errorf("verify: got %v, want %v", err, errNoModules)
		}
	}
}
