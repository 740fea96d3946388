//go:build cgo && amd64

// AVX-512: 32 streams of words of 32 bits, two vectors for each word. MD5's steps wait
// for each other so long that the second vector is almost free.

#include "avx512.h"
#include "kernels.h"

#define SUFFIX avx512x32
#define TARGET AVX512
#define LANES 32
typedef uint32_t WORD;
typedef struct {
    __m512i low, high;
} V;

#define FUNCTION AVX512 __attribute__((always_inline)) static inline

FUNCTION V load(const WORD *p) { return (V){_mm512_loadu_si512(p), _mm512_loadu_si512(p + 16)}; }

FUNCTION void store(WORD *p, V x)
{
    _mm512_storeu_si512(p, x.low);
    _mm512_storeu_si512(p + 16, x.high);
}

FUNCTION V all(WORD k) { return (V){_mm512_set1_epi32((int)k), _mm512_set1_epi32((int)k)}; }

FUNCTION V add(V x, V y) { return (V){_mm512_add_epi32(x.low, y.low), _mm512_add_epi32(x.high, y.high)}; }

// The last operand is the truth table of the function of x, y and z.
FUNCTION V xor3(V x, V y, V z)
{
    return (V){_mm512_ternarylogic_epi32(x.low, y.low, z.low, 0x96),
               _mm512_ternarylogic_epi32(x.high, y.high, z.high, 0x96)};
}

FUNCTION V choose(V x, V y, V z)
{
    return (V){_mm512_ternarylogic_epi32(x.low, y.low, z.low, 0xca),
               _mm512_ternarylogic_epi32(x.high, y.high, z.high, 0xca)};
}

FUNCTION V xor_or_not(V x, V y, V z)
{
    return (V){_mm512_ternarylogic_epi32(x.low, y.low, z.low, 0x2d),
               _mm512_ternarylogic_epi32(x.high, y.high, z.high, 0x2d)};
}

FUNCTION void load_block(V w[16], const uint8_t *const *data, size_t at)
{
    __m512i low[16], high[16];
    load_block16(low, data, at);
    load_block16(high, data + 16, at);
    for (int t = 0; t < 16; t++)
        w[t] = (V){low[t], high[t]};
}

#define LOAD(p) load(p)
#define STORE(p, x) store(p, x)
#define ALL(k) all(k)
#define ADD(x, y) add(x, y)
#define ROL(x, n) ((V){_mm512_rol_epi32((x).low, n), _mm512_rol_epi32((x).high, n)})
#define XOR3(x, y, z) xor3(x, y, z)
#define CHOOSE(x, y, z) choose(x, y, z)
#define XOR_OR_NOT(x, y, z) xor_or_not(x, y, z)
#define LOAD_BLOCK(w, data, at) load_block(w, data, at)

#include "md5.h"
