//go:build !windows

package wire

import "syscall"

// systemErrno returns the error number that the operating system uses for errno.
func systemErrno(errno syscall.Errno) int32 { return int32(errno) }
