package signature

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// What is recognized and refused, by name.
var (
	errSigstore    = errors.New("is a bundle of sigstore, which is not supported yet; verify it with cosign verify-blob")
	errOldBundle   = errors.New("is a bundle of cosign in its old format, which is not supported; verify it with cosign verify-blob")
	errCMS         = errors.New("is a CMS (PKCS #7) signature, which is not supported; verify it with openssl cms")
	errCosign      = errors.New("is a bare signature in base64, as of cosign, which is not supported; verify it with cosign verify-blob")
	errCertificate = errors.New("is an X.509 certificate, which is not supported")
)

// refusal returns what a file is that is neither key nor signature, or nil.
func refusal(content string) error {
	text := strings.TrimSpace(content)
	switch {
	case text == "":
		return errors.New("is empty")
	case text[0] == '{' || text[0] == '[':
		return refuseJSON(text)
	case strings.HasPrefix(text, "-----BEGIN "):
		return refusePEM(text)
	case isCMS(content):
		return errCMS
	case strings.HasPrefix(text, "<"):
		return errors.New("is HTML or XML: was a web page downloaded in place of the file?")
	}
	return nil
}

func refuseJSON(text string) error {
	switch {
	case strings.Contains(text, "base64Signature"):
		return errOldBundle
	case strings.Contains(text, "application/vnd.dev.sigstore.bundle"), strings.Contains(text, "verificationMaterial"):
		return errSigstore
	default:
		return errors.New("is JSON, which is not supported")
	}
}

func refusePEM(text string) error {
	label, _, _ := strings.Cut(text[len("-----BEGIN "):], "-----")
	switch label {
	case "CERTIFICATE":
		return errCertificate
	case "PKCS7", "CMS":
		return errCMS
	}
	if strings.HasSuffix(label, "PRIVATE KEY") {
		return errors.New("is a private key, which is to stay secret; give the public key, which is in a file .pub")
	}
	const shown = 40
	return fmt.Errorf("is PEM (%.*s), as of cosign or OpenSSL, which is not supported", shown, label)
}

// isCMS reports whether content is DER that says that it is signed data.
func isCMS(content string) bool {
	const signedData = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	return strings.HasPrefix(content, "\x30") && strings.Contains(content[:min(len(content), 32)], signedData)
}

// refuseKeys says what a file is that is no key.
func refuseKeys(content string) (keys []Key, ok bool, err error) {
	text := strings.TrimSpace(content)
	switch {
	case strings.HasPrefix(text, "http://"), strings.HasPrefix(text, "https://"):
		err = errors.New("is a URL; download the key, and make sure that it is the right one")
	case strings.HasPrefix(text, "SHA256:"), strings.HasPrefix(text, "MD5:"):
		err = errors.New("is a fingerprint of SSH, which proves nothing; give the key itself, which is in a file .pub")
	case strings.HasPrefix(text, "---- BEGIN SSH2 PUBLIC KEY ----"):
		err = errors.New("is a key in the format of RFC 4716; convert it: ssh-keygen -i -f FILE")
	case strings.HasPrefix(text, "PuTTY-User-Key-File-"):
		err = errors.New("is a private key of PuTTY; give the public key, in the format of OpenSSH")
	case strings.HasPrefix(text, sshBegin):
		err = errors.New("is a signature of SSH, not a key")
	default:
		err = refusal(content)
	}
	return nil, err != nil, err
}

// refuseClaims says what a file is that is no signature.
func refuseClaims(content string) (claims []claim, ok bool, err error) {
	const shortest = 64 // bytes of a bare signature
	text := strings.TrimSpace(content)
	first, _, _ := strings.Cut(text, "\n")
	line, err := cutSSHLine(first)
	decoded, notBase64 := decodeBase64(text)
	_, notHex := hex.DecodeString(text)
	switch {
	case err == nil && sshTypes[line.kind] != nil, isLineKey(text):
		return nil, true, errors.New("is a public key, not a signature")
	case text != "" && notHex == nil:
		return nil, true, errors.New("is hex digits, such as a digest, and not a signature")
	case notBase64 == nil && strings.HasPrefix(decoded, "-----BEGIN CERTIFICATE"):
		return nil, true, errCertificate
	case notBase64 == nil && len(decoded) >= shortest:
		return nil, true, errCosign
	}
	err = refusal(content)
	return nil, err != nil, err
}

// isLineKey reports whether a text is a key of minisign or signify.
func isLineKey(text string) bool {
	_, ok, err := readLineKeys(text)
	return ok && err == nil
}
