//go:build cgo && linux && (amd64 || arm64)

package beneath

// #cgo CFLAGS: -O2 -Wall -Wextra
// #cgo noescape checksig_list
// #cgo nocallback checksig_list
// #include "list.h"
import "C"

import (
	"syscall"
	"unsafe"
)

// firstEntries opens the directory name below h, and writes its first records of getdents64(2) to
// buffer. It returns their size, and the descriptor of the directory, or -1 if there are no more.
// There may be both records and an error.
func (h handle) firstEntries(name string, buffer []byte) (n, fd int, err error) {
	if err := nameError(name); err != nil {
		return 0, -1, err
	}
	var space [128]byte // on the stack; long enough for most names
	path := append(append(space[:0], name...), 0)
	var length C.int64_t
	var open C.int32_t
	errno := C.checksig_list(C.int32_t(h), (*C.char)(unsafe.Pointer(&path[0])), (*C.uint8_t)(&buffer[0]),
		C.int64_t(len(buffer)), &length, &open)
	if errno != 0 {
		err = syscall.Errno(errno)
	}
	return int(length), int(open), err
}
