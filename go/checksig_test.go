package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"checksig/internal/engine"
)

func TestCheckSignaturesNamesTheBadLog(t *testing.T) {
	err := CheckSignatures("../testdata/logs")
	var failed *engine.FailedError
	if !errors.As(err, &failed) || failed.Report.Files != 10 {
		t.Fatalf("got %v", err)
	}
	if got, want := err.Error(), `"../testdata/logs/httpd-08.log" - mismatch`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCheckSignaturesReturnsNilWhenAllFilesAreGood(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{
		"a":           "abc",
		"sha1sum.txt": "a9993e364706816aba3e25717850c26c9cd0d89d  a\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := CheckSignatures(root); err != nil {
		t.Errorf("got %v", err)
	}
}
