//go:build cgo && amd64

// AVX2: 16 streams of words of 32 bits, two vectors for each word. MD5's steps wait
// for each other so long that the second vector is almost free.

#include "avx2.h"
#include "kernels.h"

#define SUFFIX avx2x16
#define TARGET AVX2
#define LANES 16
typedef uint32_t WORD;
typedef struct {
    __m256i low, high;
} V;

#define FUNCTION AVX2 __attribute__((always_inline)) static inline

FUNCTION V load(const WORD *p) { return (V){_mm256_loadu_si256((const __m256i *)(p)), _mm256_loadu_si256((const __m256i *)(p + 8))}; }

FUNCTION void store(WORD *p, V x)
{
    _mm256_storeu_si256((__m256i *)(p), x.low);
    _mm256_storeu_si256((__m256i *)(p + 8), x.high);
}

FUNCTION V all(WORD k) { return (V){_mm256_set1_epi32((int)k), _mm256_set1_epi32((int)k)}; }

FUNCTION V add(V x, V y) { return (V){_mm256_add_epi32(x.low, y.low), _mm256_add_epi32(x.high, y.high)}; }

FUNCTION __m256i xor3_8(__m256i x, __m256i y, __m256i z) { return _mm256_xor_si256(_mm256_xor_si256(x, y), z); }

FUNCTION __m256i choose_8(__m256i x, __m256i y, __m256i z)
{
    return _mm256_xor_si256(z, _mm256_and_si256(x, _mm256_xor_si256(y, z)));
}

FUNCTION __m256i xor_or_not_8(__m256i x, __m256i y, __m256i z)
{
    return _mm256_xor_si256(x, _mm256_or_si256(y, _mm256_xor_si256(z, _mm256_set1_epi32(-1))));
}

FUNCTION __m256i rol_8(__m256i x, int n) { return _mm256_or_si256(_mm256_slli_epi32(x, n), _mm256_srli_epi32(x, 32 - n)); }

FUNCTION V xor3(V x, V y, V z) { return (V){xor3_8(x.low, y.low, z.low), xor3_8(x.high, y.high, z.high)}; }

FUNCTION V choose(V x, V y, V z) { return (V){choose_8(x.low, y.low, z.low), choose_8(x.high, y.high, z.high)}; }

FUNCTION V xor_or_not(V x, V y, V z)
{
    return (V){xor_or_not_8(x.low, y.low, z.low), xor_or_not_8(x.high, y.high, z.high)};
}

FUNCTION void load_block(V w[16], const uint8_t *const *data, size_t at)
{
    __m256i low[16], high[16];
    load_block8(low, data, at);
    load_block8(high, data + 8, at);
    for (int t = 0; t < 16; t++)
        w[t] = (V){low[t], high[t]};
}

#define LOAD(p) load(p)
#define STORE(p, x) store(p, x)
#define ALL(k) all(k)
#define ADD(x, y) add(x, y)
#define ROL(x, n) ((V){rol_8((x).low, n), rol_8((x).high, n)})
#define XOR3(x, y, z) xor3(x, y, z)
#define CHOOSE(x, y, z) choose(x, y, z)
#define XOR_OR_NOT(x, y, z) xor_or_not(x, y, z)
#define LOAD_BLOCK(w, data, at) load_block(w, data, at)

#include "md5.h"
