//go:build cgo && amd64

// AVX2: 8 streams of 32-bit words.

#include "avx2.h"
#include "kernels.h"

#define SUFFIX avx2x8
#define TARGET AVX2
#define LANES 8
typedef uint32_t WORD;
typedef __m256i V;

#define LOAD(p) _mm256_loadu_si256((const V *)(p))
#define STORE(p, x) _mm256_storeu_si256((V *)(p), x)
#define ALL(k) _mm256_set1_epi32((int)(k))
#define ADD(x, y) _mm256_add_epi32(x, y)
#define XOR(x, y) _mm256_xor_si256(x, y)
#define ROL(x, n) _mm256_or_si256(_mm256_slli_epi32(x, n), _mm256_srli_epi32(x, 32 - (n)))
#define ROR(x, n) ROL(x, 32 - (n))
// A shuffle of bytes. With one for ROR by 8 too, gcc would run out of registers.
#define ROR16(x) \
    _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0d0c0f0e09080b0a, 0x0504070601000302)))
#define SHR(x, n) _mm256_srli_epi32(x, n)
#define XOR3(x, y, z) XOR(XOR(x, y), z)
#define CHOOSE(x, y, z) XOR(z, _mm256_and_si256(x, XOR(y, z)))
#define MAJORITY(x, y, z) _mm256_or_si256(_mm256_and_si256(x, y), _mm256_and_si256(z, _mm256_or_si256(x, y)))
#define XOR_OR_NOT(x, y, z) XOR(x, _mm256_or_si256(y, XOR(z, ALL(-1))))
#define FROM_BIG_ENDIAN(x) \
    _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203)))

#define LOAD_BLOCK(w, data, at) load_block8(w, data, at)

#include "blake3.h"
#include "md5.h"
#include "sha1.h"
#include "sha256.h"
