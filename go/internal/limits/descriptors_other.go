//go:build !unix

package limits

import "math"

func maxDescriptors() int64 { return math.MaxInt32 }
