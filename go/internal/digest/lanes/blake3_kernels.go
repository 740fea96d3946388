//go:build cgo && (amd64 || arm64)

package lanes

// #cgo noescape checksig_blake3
// #cgo nocallback checksig_blake3
// #include "kernels.h"
import "C"

import "unsafe"

var _ = [1]struct{}{}[unsafe.Sizeof(nodes{})-C.sizeof_struct_checksig_nodes] // the layout must be C's

// run computes the values of the nodes. Their data are in memory.
func (f *Forest) run(memory []byte) { f.compress(unsafe.Pointer(unsafe.SliceData(memory))) }

// runParents computes the values of the nodes. Their data are in f.values.
func (f *Forest) runParents() { f.compress(unsafe.Pointer(unsafe.SliceData(f.values))) }

func (f *Forest) compress(memory unsafe.Pointer) {
	if len(f.nodes) == 0 {
		return
	}
	C.checksig_blake3((*C.struct_checksig_kernel)(unsafe.Pointer(&f.kernels.list[0])), C.size_t(len(f.kernels.list)),
		(*C.struct_checksig_nodes)(unsafe.Pointer(&f.nodes[0])), C.size_t(len(f.nodes)), (*C.uint8_t)(memory),
		(*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(f.values))))
}
