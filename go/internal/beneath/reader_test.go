package beneath

import (
	"strings"
	"sync/atomic"
	"testing"
)

// A fakeFile has content, and the sizes that its metadata has at opening and later.
type fakeFile struct {
	content     string
	size, after int64
}

func (f *fakeFile) Opened() Stamp         { return Stamp{Size: f.size} }
func (f *fakeFile) Stamp() (Stamp, error) { return Stamp{Size: f.after}, nil }
func (f *fakeFile) Close() error          { return nil }
func (f *fakeFile) Read(p []byte) (int, error) {
	n := copy(p, f.content)
	f.content = f.content[n:]
	return n, nil
}

func TestAReaderReadsAtMostOneByteMoreThanTheSizeAtOpening(t *testing.T) {
	for _, size := range []int{0, 1, 99, 100, 101, 200, 1000} {
		file := &fakeFile{strings.Repeat("x", 2000), int64(size), int64(size)}
		err := ReadPieces(file, make([]byte, 101), new(atomic.Bool), func([]byte) {})
		if got := 2000 - len(file.content); got != size+1 || err != ErrChanged {
			t.Errorf("size %d: read %d bytes, %v; want %d, %v", size, got, err, size+1, ErrChanged)
		}
	}
}

func TestAReaderReadsAFileOfAnySizeToItsEnd(t *testing.T) {
	content := strings.Repeat("0123456789", 100)
	for size := range len(content) {
		file := &fakeFile{content[:size], int64(size), int64(size)}
		var read strings.Builder
		err := ReadPieces(file, make([]byte, 101), new(atomic.Bool), func(piece []byte) { read.Write(piece) })
		if read.String() != content[:size] || err != nil {
			t.Errorf("size %d: read %d bytes, %v", size, read.Len(), err)
		}
	}
}

func TestAReaderDetectsEveryChange(t *testing.T) {
	for name, file := range map[string]*fakeFile{
		"shorter than its size": {"abc", 4, 4},
		"longer than its size":  {"abc", 2, 2},
		"size 0 as in /proc":    {"abc", 0, 0},
		"grew":                  {"abc", 3, 4},
		"shrank":                {"abc", 3, 2},
	} {
		if err := ReadPieces(file, make([]byte, 101), new(atomic.Bool), func([]byte) {}); err != ErrChanged {
			t.Errorf("%s: got %v, want %v", name, err, ErrChanged)
		}
	}
}

func TestAReaderStopsBeforeItsNextRead(t *testing.T) {
	file := &fakeFile{strings.Repeat("x", 1000), 1000, 1000}
	var stopped atomic.Bool
	err := ReadPieces(file, make([]byte, 101), &stopped, func([]byte) { stopped.Store(true) })
	if got := len(file.content); got != 900 || err != ErrStopped {
		t.Errorf("%d bytes left, %v; want 900, %v", got, err, ErrStopped)
	}
}
