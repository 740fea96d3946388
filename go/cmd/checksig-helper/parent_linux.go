package main

import (
	"os"
	"os/signal"
	"syscall"
)

// When the parent ends, the input of this process ends, and so does this process. But a forked
// child of the parent may still hold the other end open. Therefore this process asks the kernel
// for a signal when the parent dies. The kernel also sends it when only the thread that started
// this process ends.
func init() {
	const setParentDeathSignal = 1 // PR_SET_PDEATHSIG
	parent := os.Getppid()
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, syscall.SIGUSR2)
	// This binds to the main thread, which runs init functions and never ends.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setParentDeathSignal, uintptr(syscall.SIGUSR2), 0)
	go func() {
		for range deaths {
			if os.Getppid() != parent {
				os.Exit(0)
			}
		}
	}()
}
