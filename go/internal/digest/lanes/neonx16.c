//go:build cgo && arm64

// NEON: 16 streams of words of 32 bits.

#define SUFFIX neonx16
#define PARTS 4

#include "neonwide.h"
