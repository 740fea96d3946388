// NEON: streams of words of 32 bits, PARTS vectors for each word. MD5's steps wait for
// each other so long that the second vector is almost free, and on a processor that
// begins four instructions at once the third and the fourth.

#include "kernels.h"
#include "neon.h"

#define TARGET
#define LANES (4 * PARTS)
typedef uint32_t WORD;
typedef struct {
    uint32x4_t part[PARTS];
} V;

#define FUNCTION __attribute__((always_inline)) static inline
#define EACH for (int i = 0; i < PARTS; i++)

FUNCTION V load(const WORD *p)
{
    V x;
    EACH x.part[i] = vld1q_u32(p + 4 * i);
    return x;
}

FUNCTION void store(WORD *p, V x) { EACH vst1q_u32(p + 4 * i, x.part[i]); }

FUNCTION V all(WORD k)
{
    V x;
    EACH x.part[i] = vdupq_n_u32(k);
    return x;
}

FUNCTION V add(V x, V y)
{
    EACH x.part[i] = vaddq_u32(x.part[i], y.part[i]);
    return x;
}

FUNCTION V xor3(V x, V y, V z)
{
    EACH x.part[i] = veorq_u32(veorq_u32(x.part[i], y.part[i]), z.part[i]);
    return x;
}

FUNCTION V choose(V x, V y, V z)
{
    EACH x.part[i] = vbslq_u32(x.part[i], y.part[i], z.part[i]);
    return x;
}

FUNCTION V xor_or_not(V x, V y, V z)
{
    EACH x.part[i] = veorq_u32(x.part[i], vornq_u32(y.part[i], z.part[i]));
    return x;
}

FUNCTION void load_block(V w[16], const uint8_t *const *data, size_t at)
{
    EACH
    {
        uint32x4_t part[16];
        load_block4(part, data + 4 * i, at);
        for (int t = 0; t < 16; t++)
            w[t].part[i] = part[t];
    }
}

#define LOAD(p) load(p)
#define STORE(p, x) store(p, x)
#define ALL(k) all(k)
#define ADD(x, y) add(x, y)
// An expression, not a function: n is part of the instructions.
#define ROL(x, n) ({ V rolled; EACH rolled.part[i] = ROL4((x).part[i], n); rolled; })
#define XOR3(x, y, z) xor3(x, y, z)
#define CHOOSE(x, y, z) choose(x, y, z)
#define XOR_OR_NOT(x, y, z) xor_or_not(x, y, z)
#define LOAD_BLOCK(w, data, at) load_block(w, data, at)

#include "md5.h"
