//go:build checksig_modules

package digest

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"

	"checksig/internal/digest/lanes"
)

func TestManyGoroutinesMayHashPartsOfOneFile(t *testing.T) {
	if lanes.NewForest() == nil {
		t.Skip("this build has no kernels")
	}
	const begun, piece = 5 * Block, 7 * Block
	source := rand.NewChaCha8([32]byte{7})
	random := rand.New(source)
	algorithm := ByName("blake3")
	for range 50 {
		file := make([]byte, begun+random.IntN(20*piece))
		source.Read(file)
		batch := algorithm.NewBatch(file, 3).(Splitter)
		batch.Begin(1, int64(len(file)))
		batch.Add(1, 0, begun, false)
		batch.Run()
		var parts []Part
		var all sync.WaitGroup
		for at := begun; at <= len(file); at += piece {
			part := batch.NewPart()
			parts = append(parts, part)
			last := at+piece > len(file)
			all.Go(func() { part.Hash(int64(at), file[at:min(at+piece, len(file))], last) })
		}
		all.Wait()
		for _, part := range parts {
			batch.Join(1, part)
		}
		want := algorithm.New()
		want.Write(file)
		if got := batch.Sum(1, nil); !bytes.Equal(got, want.Sum(nil)) {
			t.Errorf("%d bytes: got %x, want %x", len(file), got, want.Sum(nil))
		}
	}
}

func TestAFileInPartsCanMoveToAnotherBatch(t *testing.T) {
	if lanes.NewForest() == nil {
		t.Skip("this build has no kernels")
	}
	file := bytes.Repeat([]byte("0123456789abcdef"), 20*Block/16)
	algorithm := ByName("blake3")
	first, second := algorithm.NewBatch(file, 1).(Splitter), algorithm.NewBatch(file, 1).(Splitter)
	first.Begin(0, int64(len(file)))
	part := first.NewPart()
	part.Hash(0, file[:8*Block], false)
	first.Join(0, part)
	second.Put(0, first.Take(0))
	first.Begin(0, 0) // the slot's next file
	first.Add(0, 0, 3*Block, true)
	first.Run()
	second.Add(0, 8*Block, len(file), true)
	second.Run()
	want := algorithm.New()
	want.Write(file)
	if got := second.Sum(0, nil); !bytes.Equal(got, want.Sum(nil)) {
		t.Errorf("got %x, want %x", got, want.Sum(nil))
	}
}
