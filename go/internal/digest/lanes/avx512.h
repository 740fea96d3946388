// AVX-512: what kernels of 32-bit words share.

#include <immintrin.h>
#include <stdint.h>

#ifdef __clang__
#define AVX512 __attribute__((target("avx512f,avx512bw")))
#else // gcc would reorder the sums, and so make each step wait for one more; its order of the instructions is slower, too
#define AVX512 __attribute__((target("avx512f,avx512bw"), optimize("no-tree-reassoc,no-schedule-insns2")))
#endif

// Makes w[t] hold word t of the blocks of 16 lanes: a matrix of 16 by 16 words, transposed.
AVX512 static inline void load_block16(__m512i w[16], const uint8_t *const *data, size_t at)
{
    __m512i pairs[16], fours[16];
    for (int i = 0; i < 16; i += 2) {
        const __m512i even = _mm512_loadu_si512(data[i] + at), odd = _mm512_loadu_si512(data[i + 1] + at);
        pairs[i] = _mm512_unpacklo_epi32(even, odd);
        pairs[i + 1] = _mm512_unpackhi_epi32(even, odd);
    }
    for (int i = 0; i < 16; i += 4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        const __m512i low_even = _mm512_shuffle_i32x4(fours[i], fours[4 + i], 0x88);
        const __m512i low_odd = _mm512_shuffle_i32x4(fours[i], fours[4 + i], 0xdd);
        const __m512i high_even = _mm512_shuffle_i32x4(fours[8 + i], fours[12 + i], 0x88);
        const __m512i high_odd = _mm512_shuffle_i32x4(fours[8 + i], fours[12 + i], 0xdd);
        w[i] = _mm512_shuffle_i32x4(low_even, high_even, 0x88);
        w[4 + i] = _mm512_shuffle_i32x4(low_odd, high_odd, 0x88);
        w[8 + i] = _mm512_shuffle_i32x4(low_even, high_even, 0xdd);
        w[12 + i] = _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd);
    }
}
