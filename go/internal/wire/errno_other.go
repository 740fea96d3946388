//go:build !windows

package wire

import "syscall"

// systemsOwn returns the number by which the system knows an error.
func systemsOwn(errno syscall.Errno) int32 { return int32(errno) }
