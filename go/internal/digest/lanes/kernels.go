//go:build cgo && (amd64 || arm64)

package lanes

// #cgo CFLAGS: -O3 -Wall -Wextra
// #cgo noescape checksig_run
// #cgo nocallback checksig_run
// #include "kernels.h"
import "C"

import "unsafe"

// If a layout differs from C's, this does not compile.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(Stream{})-C.sizeof_struct_checksig_stream]
	_ = [1]struct{}{}[unsafe.Sizeof(kernel{})-C.sizeof_struct_checksig_kernel]
)

// has reports whether both this processor and the system support an instruction set.
func has(set int) bool { return C.checksig_has(C.int(set)) != 0 }

// kernelsIn returns the kernels of the sets whose bits are set.
func kernelsIn(kind kind, sets uint32) []kernel {
	var list [C.checksig_max_kernels]kernel
	return list[:C.checksig_kernels(C.int(kind), C.uint32_t(sets), (*C.struct_checksig_kernel)(unsafe.Pointer(&list[0])))]
}

// Run hashes the blocks that were added to the streams, and the ends of those that were
// finished. The streams must be of k's kind, and their data in memory.
func (k *Kernels) Run(streams []Stream, memory []byte) {
	C.checksig_run(C.int(k.kind), (*C.struct_checksig_kernel)(unsafe.Pointer(&k.list[0])), C.size_t(len(k.list)),
		(*C.struct_checksig_stream)(unsafe.Pointer(&streams[0])), C.size_t(len(streams)),
		(*C.uint8_t)(unsafe.SliceData(memory)))
}
