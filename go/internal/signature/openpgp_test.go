//go:build checksig_modules

package signature

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const openpgpData = "../../../testdata/signatures/openpgp"

// An openpgpCase is a row of cases.json.
type openpgpCase struct {
	Name     string
	Rule     int
	Manifest string
	Beside   []string
	Keys     []string
	Min      int
	Now      string
	Signers  []string // nil: Error is part of the error
	Error    string
	Note     string
	Payload  *string
}

func openpgpCases(t testing.TB) []openpgpCase {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(openpgpData, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []openpgpCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 100 {
		t.Fatalf("got %d cases", len(cases))
	}
	return cases
}

func made(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(openpgpData, "made", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (c *openpgpCase) files(t testing.TB) (manifest File, beside []File) {
	t.Helper()
	for _, name := range c.Beside {
		beside = append(beside, File{name, made(t, name)})
	}
	return File{c.Manifest, made(t, c.Manifest)}, beside
}

func (c *openpgpCase) now(t testing.TB) time.Time {
	t.Helper()
	if c.Now == "" {
		return time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	}
	now, err := time.Parse(day, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func (c *openpgpCase) keys(t testing.TB) (keys []Key, err error) {
	t.Helper()
	for _, name := range c.Keys {
		found, err := ParseKeys(made(t, name))
		if err != nil {
			return nil, err
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

func (c *openpgpCase) run(t testing.TB) (payload string, signers []Signer, err error) {
	t.Helper()
	keys, err := c.keys(t)
	if err != nil {
		return "", nil, err
	}
	manifest, beside := c.files(t)
	return Verify(manifest, beside, Options{Keys: keys, Min: c.Min, Now: c.now(t)})
}

func TestEveryOpenPGPCase(t *testing.T) {
	for _, c := range openpgpCases(t) {
		t.Run(c.Name, func(t *testing.T) {
			payload, signers, err := c.run(t)
			t.Logf("verdict %s: %v", c.Name, err == nil)
			if c.Signers == nil {
				if err == nil || !strings.Contains(err.Error(), c.Error) {
					t.Fatalf("got error %v, want one with %q", err, c.Error)
				}
				if payload != "" || signers != nil {
					t.Error("there is an error, and a payload or a signer")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, payload, signers)
		})
	}
}

func (c *openpgpCase) check(t *testing.T, payload string, signers []Signer) {
	t.Helper()
	var names []string
	for _, s := range signers {
		names = append(names, s.Key.Name)
		if s.Note != c.Note {
			t.Errorf("got note %q, want %q", s.Note, c.Note)
		}
		if s.Created.IsZero() || s.Key.Scheme != OpenPGP || len(s.Key.ID) != 40 {
			t.Errorf("got signer %+v", s)
		}
	}
	if !slices.Equal(names, c.Signers) {
		t.Errorf("got signers %q, want %q", names, c.Signers)
	}
	want := made(t, c.Manifest)
	if c.Payload != nil {
		want = *c.Payload
	}
	if payload != want {
		t.Errorf("got payload %q, want %q", payload, want)
	}
}
