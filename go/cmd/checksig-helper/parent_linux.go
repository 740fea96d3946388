package main

import (
	"os"
	"os/signal"
	"syscall"
)

// With its parent this process ends by itself, since its input does. That is not so
// while another process holds the other end, too: a child that was forked and did
// not close it. So the kernel tells of the parent's death. It tells also when
// only the thread ends that started this process.
func init() {
	const tellOfDeath = 1 // PR_SET_PDEATHSIG
	parent := os.Getppid()
	deaths := make(chan os.Signal, 1)
	signal.Notify(deaths, syscall.SIGUSR2)
	// For the main thread, on which init functions run, and which never ends.
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, tellOfDeath, uintptr(syscall.SIGUSR2), 0)
	go func() {
		for range deaths {
			if os.Getppid() != parent {
				os.Exit(0)
			}
		}
	}()
}
