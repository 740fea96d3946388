//go:build cgo && arm64

// NEON: 8 streams of words of 32 bits.

#define SUFFIX neonx8
#define PARTS 2

#include "neonwide.h"
