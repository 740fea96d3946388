//go:build unix

// Command checksig-helper runs the checksig engine in a process of its own, where a Go runtime
// cannot live in the Python process. The Python package starts one helper for each job and
// talks to it through its standard input and output; package wire describes how.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"checksig/internal/limits"
	"checksig/internal/wire"
)

// version is the version of the package. The build sets it with a linker flag.
var version = "unknown"

func init() {
	debug.SetGCPercent(25) // as in the library
}

// fewThreads is the argument that makes a helper use as few threads as possible.
const fewThreads = "few-threads"

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == fewThreads:
		limits.UseFewThreads()
	case len(os.Args) > 1:
		fmt.Printf("checksig-helper %s: run by the Python package checksig\n", version)
		os.Exit(2)
	}
	closeInherited()
	err := wire.Serve(os.Stdin, os.Stdout, version, func() { os.Exit(0) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// closeInherited closes descriptors that were not meant for this process. Otherwise another
// process could wait forever for the end of a pipe. The descriptors that the Go runtime opened
// for itself are close-on-exec, and stay open.
func closeInherited() {
	listed, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, entry := range listed {
		var fd int
		if _, err := fmt.Sscan(entry.Name(), &fd); err == nil && fd > 2 && survivesExec(fd) {
			_ = syscall.Close(fd)
		}
	}
}

func survivesExec(fd int) bool {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	return errno == 0 && flags&syscall.FD_CLOEXEC == 0
}
