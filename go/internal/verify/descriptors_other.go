//go:build !unix

package verify

import "math"

func maxDescriptors() int64 { return math.MaxInt32 }
