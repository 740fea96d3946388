//go:build cgo && amd64

// AVX-512: 8 streams of 64-bit words.

#include "kernels.h"

#include <immintrin.h>

#define SUFFIX avx512x8
#define TARGET __attribute__((target("avx512f,avx512bw")))
#define LANES 8
typedef uint64_t WORD;
typedef __m512i V;

#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, x) _mm512_storeu_si512(p, x)
#define ALL(k) _mm512_set1_epi64((long long)(k))
#define ADD(x, y) _mm512_add_epi64(x, y)
#define ROR(x, n) _mm512_ror_epi64(x, n)
#define SHR(x, n) _mm512_srli_epi64(x, n)
// The last operand is the truth table of the function of x, y, and z.
#define XOR3(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0x96)
#define CHOOSE(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi64(x, y, z, 0xe8)
#define FROM_BIG_ENDIAN(x) \
    _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(_mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607)))

// Makes w[t] hold word t of each lane's block: two matrices of 8 by 8 words, transposed.
TARGET static inline void load_block(V w[16], const uint8_t *const *data, size_t at)
{
    for (int half = 0; half < 2; half++) {
        V pairs[8];
        for (int i = 0; i < 8; i += 2) {
            const V even = LOAD(data[i] + at + 64 * half), odd = LOAD(data[i + 1] + at + 64 * half);
            pairs[i] = _mm512_unpacklo_epi64(even, odd);
            pairs[i + 1] = _mm512_unpackhi_epi64(even, odd);
        }
        for (int i = 0; i < 2; i++) {
            const V low_even = _mm512_shuffle_i64x2(pairs[i], pairs[2 + i], 0x88);
            const V low_odd = _mm512_shuffle_i64x2(pairs[i], pairs[2 + i], 0xdd);
            const V high_even = _mm512_shuffle_i64x2(pairs[4 + i], pairs[6 + i], 0x88);
            const V high_odd = _mm512_shuffle_i64x2(pairs[4 + i], pairs[6 + i], 0xdd);
            w[8 * half + i] = _mm512_shuffle_i64x2(low_even, high_even, 0x88);
            w[8 * half + 2 + i] = _mm512_shuffle_i64x2(low_odd, high_odd, 0x88);
            w[8 * half + 4 + i] = _mm512_shuffle_i64x2(low_even, high_even, 0xdd);
            w[8 * half + 6 + i] = _mm512_shuffle_i64x2(low_odd, high_odd, 0xdd);
        }
    }
}
#define LOAD_BLOCK(w, data, at) load_block(w, data, at)

#include "sha512.h"
