//go:build cgo && amd64

// SHA-NI: three, two, or one stream at once.

#include "kernels.h"

#include <immintrin.h>

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))

// a is the highest word.
TARGET static inline __m128i four(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return _mm_set_epi32((int)a, (int)b, (int)c, (int)d);
}

TARGET static inline void put_four(__m128i x, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a = (uint32_t)_mm_extract_epi32(x, 3);
    *b = (uint32_t)_mm_extract_epi32(x, 2);
    *c = (uint32_t)_mm_extract_epi32(x, 1);
    *d = (uint32_t)_mm_extract_epi32(x, 0);
}

TARGET static inline __m128i load_words(const uint8_t *data, __m128i order)
{
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)data), order);
}

#define LANES 3
#define SUFFIX shanix3
#include "shani.h"
#undef LANES
#undef SUFFIX

#define LANES 2
#define SUFFIX shanix2
#include "shani.h"
#undef LANES
#undef SUFFIX

#define LANES 1
#define SUFFIX shanix1
#include "shani.h"
