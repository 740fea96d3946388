//go:build cgo && amd64

// AVX-512: 32 streams of 32-bit words, two vectors for each word.

#include "avx512.h"
#include "kernels.h"

#define SUFFIX avx512x32
#define TARGET AVX512
#define PARTS 2
#define PART __m512i
#define PART_LANES 16

#define PART_LOAD(p) _mm512_loadu_si512(p)
#define PART_STORE(p, x) _mm512_storeu_si512(p, x)
#define PART_ALL(k) _mm512_set1_epi32((int)(k))
#define PART_ADD(x, y) _mm512_add_epi32(x, y)
#define PART_ROL(x, n) _mm512_rol_epi32(x, n)
#define PART_XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define PART_CHOOSE(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define PART_XOR_OR_NOT(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x2d)
#define PART_LOAD_BLOCK(w, data, at) load_block16(w, data, at)

#include "wide.h"
