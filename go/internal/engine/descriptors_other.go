//go:build !unix

package engine

import "math"

func maxDescriptors() int64 { return math.MaxInt32 }
