//go:build unix

package limits

import (
	"math"
	"syscall"
)

// maxDescriptors returns how many descriptors this process may have at once.
func maxDescriptors() int64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int64(limit.Cur)
}
