// AVX2: what kernels of 32-bit words share.

#include <immintrin.h>
#include <stdint.h>

#ifdef __clang__
#define AVX2 __attribute__((target("avx2")))
#else // gcc would reorder the sums, and so make each step wait for one more; its order of the instructions is slower, too
#define AVX2 __attribute__((target("avx2"), optimize("no-tree-reassoc,no-schedule-insns2")))
#endif

// Makes w[t] hold word t of the blocks of 8 lanes: two matrices of 8 by 8 words, transposed.
AVX2 static inline void load_block8(__m256i w[16], const uint8_t *const *data, size_t at)
{
    for (int half = 0; half < 2; half++) {
        __m256i pairs[8], fours[8];
        for (int i = 0; i < 8; i += 2) {
            const __m256i even = _mm256_loadu_si256((const __m256i *)(data[i] + at + 32 * half));
            const __m256i odd = _mm256_loadu_si256((const __m256i *)(data[i + 1] + at + 32 * half));
            pairs[i] = _mm256_unpacklo_epi32(even, odd);
            pairs[i + 1] = _mm256_unpackhi_epi32(even, odd);
        }
        for (int i = 0; i < 8; i += 4) {
            fours[i] = _mm256_unpacklo_epi64(pairs[i], pairs[i + 2]);
            fours[i + 1] = _mm256_unpackhi_epi64(pairs[i], pairs[i + 2]);
            fours[i + 2] = _mm256_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
            fours[i + 3] = _mm256_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
        }
        for (int i = 0; i < 4; i++) {
            w[8 * half + i] = _mm256_permute2x128_si256(fours[i], fours[4 + i], 0x20);
            w[8 * half + 4 + i] = _mm256_permute2x128_si256(fours[i], fours[4 + i], 0x31);
        }
    }
}
