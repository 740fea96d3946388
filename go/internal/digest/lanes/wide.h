// Streams of 32-bit words, PARTS vectors for each word, for MD5. Each step of MD5 waits so
// long for the previous one that further vectors cost almost nothing.
//
// PART is the vector type, with PART_LANES words. The macros that begin with PART_ are its
// operations.

#define LANES (PART_LANES * PARTS)
typedef uint32_t WORD;
typedef struct {
    PART part[PARTS];
} V;

#define FUNCTION TARGET __attribute__((always_inline)) static inline
#define EACH for (int i = 0; i < PARTS; i++)

FUNCTION V load(const WORD *p)
{
    V x;
    EACH x.part[i] = PART_LOAD(p + PART_LANES * i);
    return x;
}

FUNCTION void store(WORD *p, V x) { EACH PART_STORE(p + PART_LANES * i, x.part[i]); }

FUNCTION V all(WORD k)
{
    V x;
    EACH x.part[i] = PART_ALL(k);
    return x;
}

FUNCTION V add(V x, V y)
{
    EACH x.part[i] = PART_ADD(x.part[i], y.part[i]);
    return x;
}

FUNCTION V xor3(V x, V y, V z)
{
    EACH x.part[i] = PART_XOR3(x.part[i], y.part[i], z.part[i]);
    return x;
}

FUNCTION V choose(V x, V y, V z)
{
    EACH x.part[i] = PART_CHOOSE(x.part[i], y.part[i], z.part[i]);
    return x;
}

FUNCTION V xor_or_not(V x, V y, V z)
{
    EACH x.part[i] = PART_XOR_OR_NOT(x.part[i], y.part[i], z.part[i]);
    return x;
}

FUNCTION void load_block(V w[16], const uint8_t *const *data, size_t at)
{
    EACH
    {
        PART part[16];
        PART_LOAD_BLOCK(part, data + PART_LANES * i, at);
        for (int t = 0; t < 16; t++)
            w[t].part[i] = part[t];
    }
}

#define LOAD(p) load(p)
#define STORE(p, x) store(p, x)
#define ALL(k) all(k)
#define ADD(x, y) add(x, y)
// A statement expression, not a function, because n is part of the instructions.
#define ROL(x, n) ({ V rolled; EACH rolled.part[i] = PART_ROL((x).part[i], n); rolled; })
#define XOR3(x, y, z) xor3(x, y, z)
#define CHOOSE(x, y, z) choose(x, y, z)
#define XOR_OR_NOT(x, y, z) xor_or_not(x, y, z)
#define LOAD_BLOCK(w, data, at) load_block(w, data, at)

#include "md5.h"
