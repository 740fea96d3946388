//go:build unix

// Command checksig-helper is the checksig engine in a process of its own, for where a
// Go runtime cannot live in Python's. The Python package starts one for each job, and
// talks with it through its standard input and output as package wire tells.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"checksig/internal/engine"
	"checksig/internal/wire"
)

// version is the package's; the build sets it by a linker flag.
var version = "unknown"

func init() {
	debug.SetGCPercent(25) // as in the library
}

// fewThreads is the argument that makes a helper do with as few threads as it can.
const fewThreads = "few-threads"

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == fewThreads:
		engine.UseFewThreads()
	case len(os.Args) > 1:
		fmt.Printf("checksig-helper %s: it is run by the Python package checksig\n", version)
		os.Exit(2)
	}
	closeInherited()
	// What a crash has to say must not wait for somebody who reads it.
	_ = syscall.SetNonblock(2, true)
	err := wire.Serve(os.Stdin, os.Stdout, version, func() { os.Exit(0) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// closeInherited closes descriptors that others did not mean for this process: their
// users may wait for the end of a pipe. What the Go runtime opens for itself would be
// closed by an exec.
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
