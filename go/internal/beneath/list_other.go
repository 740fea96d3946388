//go:build linux && !(cgo && (amd64 || arm64))

package beneath

import "syscall"

func (h handle) firstEntries(name string, buffer []byte) (n, fd int, err error) {
	fd, err = h.openat2(name, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, resolveBeneath|resolveNoSymlinks)
	return 0, fd, err
}
