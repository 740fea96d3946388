//go:build cgo && amd64

// AVX-512: 16 streams of 32-bit words.

#include "avx512.h"
#include "kernels.h"

#define SUFFIX avx512x16
#define TARGET AVX512
#define LANES 16
typedef uint32_t WORD;
typedef __m512i V;

#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, x) _mm512_storeu_si512(p, x)
#define STORE_VALUE(p, x) _mm256_storeu_si256((__m256i *)(p), _mm512_castsi512_si256(x))
#define ALL(k) _mm512_set1_epi32((int)(k))
#define ADD(x, y) _mm512_add_epi32(x, y)
#define XOR(x, y) _mm512_xor_si512(x, y)
#define ROL(x, n) _mm512_rol_epi32(x, n)
#define ROR(x, n) _mm512_ror_epi32(x, n)
#define SHR(x, n) _mm512_srli_epi32(x, n)
// The last operand is the truth table of the function of x, y, and z.
#define XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define CHOOSE(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)
#define XOR_OR_NOT(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x2d)
#define FROM_BIG_ENDIAN(x) \
    _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203)))

#define LOAD_BLOCK(w, data, at) load_block16(w, data, at)

#include "blake3.h"
#include "md5.h"
#include "sha1.h"
#include "sha256.h"
