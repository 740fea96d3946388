//go:build unix

package lanes

import (
	"bytes"
	"hash"
	"os"
	"syscall"
	"testing"
)

// guarded returns memory of that many bytes, followed by a page that must not be read.
func guarded(t *testing.T, size int) []byte {
	t.Helper()
	page := os.Getpagesize()
	data := (size + page - 1) / page * page
	memory, err := syscall.Mmap(-1, 0, data+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(memory); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(memory[data:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return memory[data-size : data]
}

func TestNothingAfterTheDataIsRead(t *testing.T) {
	eachKernel(t, func(t *testing.T, h *Hash, k *Kernels, oracle func() hash.Hash) {
		for _, blocks := range []int{1, 2, 7, 40} {
			memory := guarded(t, blocks*h.Block)
			streams := make([]Stream, k.Lanes()-k.Lanes()/3) // some lanes are idle
			for i := range streams {
				h.Begin(&streams[i])
				streams[i].Add((blocks-1-i%blocks)*h.Block, 1+i%blocks) // all end at the end of memory
				h.Finish(&streams[i], nil, int64((1+i%blocks)*h.Block))
			}
			k.Run(streams, memory)
			for i := range streams {
				if got, want := h.Sum(&streams[i], nil), sum(oracle, memory[(blocks-1-i%blocks)*h.Block:]); !bytes.Equal(got, want) {
					t.Errorf("got %x, want %x", got, want)
				}
			}
		}
	})
}
