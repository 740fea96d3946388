//go:build cgo && arm64

// NEON: 8 streams of 32-bit words.

#define SUFFIX neonx8
#define PARTS 2

#include "neonwide.h"
