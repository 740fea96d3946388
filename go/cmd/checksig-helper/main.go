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
	// The message of a crash must not block until someone reads it.
	_ = syscall.SetNonblock(2, true)
	err := wire.Serve(os.Stdin, os.Stdout, version, func() { os.Exit(0) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
