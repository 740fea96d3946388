//go:build cgo && (amd64 || arm64)

package lanes

// #cgo CFLAGS: -O3 -Wall -Wextra
// #cgo noescape checksig_run
// #cgo nocallback checksig_run
// #include "kernels.h"
import "C"

import (
	"fmt"
	"slices"
	"unsafe"
)

// A kernel is one of C.
type kernel C.struct_checksig_kernel

// sets are the instruction sets that kernels use and this processor has.
var sets = func() (list []string) {
	for set, name := range setNames {
		if C.checksig_has(C.int(set)) != 0 {
			list = append(list, name)
		}
	}
	return list
}()

// String returns what benchmarks and tests call the kernel, such as avx512x16.
func (k kernel) String() string { return fmt.Sprintf("%sx%d", setNames[k.set], k.lanes) }

var setNames = [C.CHECKSIG_SETS]string{
	C.CHECKSIG_SCALAR:       "scalar",
	C.CHECKSIG_AVX2:         "avx2",
	C.CHECKSIG_AVX512:       "avx512",
	C.CHECKSIG_SHANI:        "shani",
	C.CHECKSIG_NEON:         "neon",
	C.CHECKSIG_ARMV8:        "armv8",
	C.CHECKSIG_ARMV8_SHA512: "armv8.2",
}

// kernelsOf returns the kernels of those sets, and for the last stream the scalar one.
func kernelsOf(kind kind, sets []string) []kernel {
	bits := C.uint32_t(1 << C.CHECKSIG_SCALAR)
	for set, name := range setNames {
		if slices.Contains(sets, name) {
			bits |= 1 << set
		}
	}
	var list [C.checksig_max_kernels]kernel
	return list[:C.checksig_kernels(C.int(kind), bits, (*C.struct_checksig_kernel)(&list[0]))]
}

// Run hashes what was added to the streams, which are all of k's kind, and what
// finishes them. Their data lie in memory.
func (k *Kernels) Run(streams []Stream, memory []byte) {
	C.checksig_run(C.int(k.kind), (*C.struct_checksig_kernel)(&k.list[0]), C.size_t(len(k.list)),
		(*C.struct_checksig_stream)(unsafe.Pointer(&streams[0])), C.size_t(len(streams)),
		(*C.uint8_t)(unsafe.SliceData(memory)))
}

// The layouts are one.
var _ = [1]struct{}{}[unsafe.Sizeof(Stream{})-C.sizeof_struct_checksig_stream]
