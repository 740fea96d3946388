//go:build cgo && arm64

// NEON: 16 streams of 32-bit words.

#define SUFFIX neonx16
#define PARTS 4

#include "neonwide.h"
