package discover

import (
	"sync/atomic"
	"testing"

	"checksig/internal/beneath"
	"checksig/internal/manifest"
)

// A fakeFile is a file whose size, as its metadata says, may change while it is read.
type fakeFile struct {
	beneath.File
	content     string
	size, after int64
}

func (f *fakeFile) Opened() beneath.Stamp         { return beneath.Stamp{Size: f.size} }
func (f *fakeFile) Stamp() (beneath.Stamp, error) { return beneath.Stamp{Size: f.after}, nil }
func (f *fakeFile) Read(p []byte) (int, error) {
	n := copy(p, f.content)
	f.content = f.content[n:]
	return n, nil
}

func newFake(content string) *fakeFile {
	size := int64(len(content))
	return &fakeFile{content: content, size: size, after: size}
}

func TestAManifestThatChangesWhileItIsReadIsRefused(t *testing.T) {
	file := newFake("something")
	file.after = 3
	if _, err := readAll(file, manifest.MaxSize, errLargeManifest, new(atomic.Bool)); err != beneath.ErrChanged {
		t.Errorf("got %v, want %v", err, beneath.ErrChanged)
	}
	if text, err := readAll(newFake("something"), manifest.MaxSize, errLargeManifest, new(atomic.Bool)); text != "something" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
}
