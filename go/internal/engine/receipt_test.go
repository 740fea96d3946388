package engine

import (
	"os"
	"path/filepath"
	"testing"
)

// A run that did not ask for receipts looks for them only if a file is bad.
func TestReceiptsCostNothingWhereNoFileIsBad(t *testing.T) {
	for _, content := range []string{"0", "other"} {
		root, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
		for name, text := range map[string]string{"0": content, "sha1sum.txt": listing(1)} {
			if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		j, err := Start(root, Options{Receipts: Receipts{Directory: state}})
		if err != nil {
			t.Fatal(err)
		}
		report, err := j.Outcome()
		if err != nil || len(report.Notes) > 0 {
			t.Fatal(report, err)
		}
		if got, want := j.receipts.store != nil, content == "other"; got != want {
			t.Errorf("content %q: the store was opened: %v, want %v", content, got, want)
		}
		if _, err := os.Lstat(state); !os.IsNotExist(err) {
			t.Errorf("%v was made", state)
		}
	}
}
