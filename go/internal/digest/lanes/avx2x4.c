//go:build cgo && amd64

// AVX2: 4 streams of 64-bit words.

#include "kernels.h"

#include <immintrin.h>

#define SUFFIX avx2x4
#define TARGET __attribute__((target("avx2")))
#define LANES 4
typedef uint64_t WORD;
typedef __m256i V;

#define LOAD(p) _mm256_loadu_si256((const V *)(p))
#define STORE(p, x) _mm256_storeu_si256((V *)(p), x)
#define ALL(k) _mm256_set1_epi64x((long long)(k))
#define ADD(x, y) _mm256_add_epi64(x, y)
#define XOR(x, y) _mm256_xor_si256(x, y)
#define ROR(x, n) _mm256_or_si256(_mm256_srli_epi64(x, n), _mm256_slli_epi64(x, 64 - (n)))
#define SHR(x, n) _mm256_srli_epi64(x, n)
#define XOR3(x, y, z) XOR(XOR(x, y), z)
#define CHOOSE(x, y, z) XOR(z, _mm256_and_si256(x, XOR(y, z)))
#define MAJORITY(x, y, z) _mm256_or_si256(_mm256_and_si256(x, y), _mm256_and_si256(z, _mm256_or_si256(x, y)))
#define FROM_BIG_ENDIAN(x) \
    _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(_mm_set_epi64x(0x08090a0b0c0d0e0f, 0x0001020304050607)))

// Makes w[t] hold word t of each lane's block: four matrices of 4 by 4 words, transposed.
TARGET static inline void load_block(V w[16], const uint8_t *const *data, size_t at)
{
    for (int i = 0; i < 16; i += 4) {
        const V lane0 = LOAD(data[0] + at + 8 * i), lane1 = LOAD(data[1] + at + 8 * i);
        const V lane2 = LOAD(data[2] + at + 8 * i), lane3 = LOAD(data[3] + at + 8 * i);
        const V low_even = _mm256_unpacklo_epi64(lane0, lane1), low_odd = _mm256_unpackhi_epi64(lane0, lane1);
        const V high_even = _mm256_unpacklo_epi64(lane2, lane3), high_odd = _mm256_unpackhi_epi64(lane2, lane3);
        w[i] = _mm256_permute2x128_si256(low_even, high_even, 0x20);
        w[i + 1] = _mm256_permute2x128_si256(low_odd, high_odd, 0x20);
        w[i + 2] = _mm256_permute2x128_si256(low_even, high_even, 0x31);
        w[i + 3] = _mm256_permute2x128_si256(low_odd, high_odd, 0x31);
    }
}
#define LOAD_BLOCK(w, data, at) load_block(w, data, at)

#include "sha512.h"
