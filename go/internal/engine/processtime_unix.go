//go:build unix

package engine

import (
	"syscall"
	"time"
)

// processTime returns the processor time that this process has spent. It reports false if that is
// unknown.
func processTime() (spent time.Duration, known bool) {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0, false
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), true
}
