//go:build cgo && amd64

// AVX2: 16 streams of 32-bit words, two vectors for each word.

#include "avx2.h"
#include "kernels.h"

#define SUFFIX avx2x16
#define TARGET AVX2
#define PARTS 2
#define PART __m256i
#define PART_LANES 8

#define PART_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define PART_STORE(p, x) _mm256_storeu_si256((__m256i *)(p), x)
#define PART_ALL(k) _mm256_set1_epi32((int)(k))
#define PART_ADD(x, y) _mm256_add_epi32(x, y)
#define PART_ROL(x, n) _mm256_or_si256(_mm256_slli_epi32(x, n), _mm256_srli_epi32(x, 32 - (n)))
#define PART_XOR(x, y) _mm256_xor_si256(x, y)
#define PART_XOR3(x, y, z) PART_XOR(PART_XOR(x, y), z)
#define PART_CHOOSE(x, y, z) PART_XOR(z, _mm256_and_si256(x, PART_XOR(y, z)))
#define PART_XOR_OR_NOT(x, y, z) PART_XOR(x, _mm256_or_si256(y, PART_XOR(z, PART_ALL(-1))))
#define PART_LOAD_BLOCK(w, data, at) load_block8(w, data, at)

#include "wide.h"
