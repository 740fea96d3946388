// BLAKE3's compression function (c2sp.org/BLAKE3, section 3) of LANES inputs at once.
//
// The vector v[i] holds word i of the working state of all lanes, and w[i] word i of their
// blocks. In a lane's state, words 0 to 7 are the chaining value before the first block, and
// words 8 and 9 are the counter. Word 10 has the flags of the first block, word 11 those that
// the last block has besides, and word 12 the length of the last block. Other blocks have 64
// bytes and no flags. The kernel writes words 13 to 20, the chaining value after the last
// block. The same values follow lane by lane, 8 words each, and then LANES words of no use.

#ifndef ROR16
#define ROR16(x) ROR(x, 16)
#endif
#ifndef STORE_VALUE // stores the first 8 words of a vector, or all if it has fewer
#define STORE_VALUE(p, x) STORE(p, x)
#endif

// The words that the mixing number i of a half round works on: those of a column if s is 0,
// those of a diagonal if s is 1.
#define BLAKE3_A(i, s) v[i]
#define BLAKE3_B(i, s) v[4 + ((i) + (s)) % 4]
#define BLAKE3_C(i, s) v[8 + ((i) + 2 * (s)) % 4]
#define BLAKE3_D(i, s) v[12 + ((i) + 3 * (s)) % 4]

#define BLAKE3_ADD_WORD(i, s, x) BLAKE3_A(i, s) = ADD(BLAKE3_A(i, s), w[x]);
#define BLAKE3_ADD_B(i, s) BLAKE3_A(i, s) = ADD(BLAKE3_A(i, s), BLAKE3_B(i, s));
#define BLAKE3_ADD_D(i, s) BLAKE3_C(i, s) = ADD(BLAKE3_C(i, s), BLAKE3_D(i, s));
#define BLAKE3_XOR_A(i, s) BLAKE3_D(i, s) = XOR(BLAKE3_D(i, s), BLAKE3_A(i, s));
#define BLAKE3_XOR_C(i, s) BLAKE3_B(i, s) = XOR(BLAKE3_B(i, s), BLAKE3_C(i, s));
#define BLAKE3_ROR16(i, s) BLAKE3_D(i, s) = ROR16(BLAKE3_D(i, s));
#define BLAKE3_ROR12(i, s) BLAKE3_B(i, s) = ROR(BLAKE3_B(i, s), 12);
#define BLAKE3_ROR8(i, s) BLAKE3_D(i, s) = ROR(BLAKE3_D(i, s), 8);
#define BLAKE3_ROR7(i, s) BLAKE3_B(i, s) = ROR(BLAKE3_B(i, s), 7);

#define BLAKE3_FOUR(STEP, s) STEP(0, s) STEP(1, s) STEP(2, s) STEP(3, s)

#define BLAKE3_ADD_WORDS(s, k0, k1, k2, k3) \
    BLAKE3_ADD_WORD(0, s, k0) BLAKE3_ADD_WORD(1, s, k1) BLAKE3_ADD_WORD(2, s, k2) BLAKE3_ADD_WORD(3, s, k3)

// The four mixings do not depend on each other. Compilers mostly keep the order of the steps
// as it is here, and the processor need not look far ahead for instructions that can run.
#define BLAKE3_HALF(s, k0, k1, k2, k3, k4, k5, k6, k7) \
    BLAKE3_ADD_WORDS(s, k0, k2, k4, k6)                \
    BLAKE3_FOUR(BLAKE3_ADD_B, s)                       \
    BLAKE3_FOUR(BLAKE3_XOR_A, s)                       \
    BLAKE3_FOUR(BLAKE3_ROR16, s)                       \
    BLAKE3_FOUR(BLAKE3_ADD_D, s)                       \
    BLAKE3_FOUR(BLAKE3_XOR_C, s)                       \
    BLAKE3_FOUR(BLAKE3_ROR12, s)                       \
    BLAKE3_ADD_WORDS(s, k1, k3, k5, k7)                \
    BLAKE3_FOUR(BLAKE3_ADD_B, s)                       \
    BLAKE3_FOUR(BLAKE3_XOR_A, s)                       \
    BLAKE3_FOUR(BLAKE3_ROR8, s)                        \
    BLAKE3_FOUR(BLAKE3_ADD_D, s)                       \
    BLAKE3_FOUR(BLAKE3_XOR_C, s)                       \
    BLAKE3_FOUR(BLAKE3_ROR7, s)

// The operands are the words of the block in the order that the permutation of section 2.3
// gives.
#define BLAKE3_ROUND(k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15) \
    BLAKE3_HALF(0, k0, k1, k2, k3, k4, k5, k6, k7)                                         \
    BLAKE3_HALF(1, k8, k9, k10, k11, k12, k13, k14, k15)

KERNEL(blake3)
{
    WORD *state = states;
    V value[8], flags = LOAD(state + 10 * LANES), length = ALL(64);
    for (int i = 0; i < 8; i++)
        value[i] = LOAD(state + i * LANES);
    for (size_t block = 0; block < blocks; block++) {
        V v[16], w[16];
        LOAD_BLOCK(w, data, 64 * block); // the processors are little-endian, as BLAKE3 is
        if (block == blocks - 1) {
            flags = ADD(flags, LOAD(state + 11 * LANES)); // no flag is in both words
            length = LOAD(state + 12 * LANES);
        }
        for (int i = 0; i < 8; i++)
            v[i] = value[i];
        for (int i = 0; i < 4; i++)
            v[8 + i] = ALL(checksig_blake3_begin[i]);
        v[12] = LOAD(state + 8 * LANES);
        v[13] = LOAD(state + 9 * LANES);
        v[14] = length;
        v[15] = flags;
        BLAKE3_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        BLAKE3_ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
        BLAKE3_ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1)
        BLAKE3_ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6)
        BLAKE3_ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4)
        BLAKE3_ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7)
        BLAKE3_ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)
        for (int i = 0; i < 8; i++)
            value[i] = XOR(v[i], v[8 + i]);
        flags = ALL(0);
    }
    WORD *after = state + 13 * LANES, *values = after + 8 * LANES;
    for (int i = 0; i < 8; i++)
        STORE(after + i * LANES, value[i]);
    if (LANES == 1) {
        for (int i = 0; i < 8; i++)
            STORE(values + i, value[i]);
        return;
    }
    for (int i = 0; i < 8; i += LANES) { // transposes LANES words of all lanes, as if they were blocks
        const uint8_t *rows[LANES];
        V w[16];
        for (int row = 0; row < LANES; row++)
            rows[row] = (const uint8_t *)(after + (i + row % 8) * LANES);
        LOAD_BLOCK(w, rows, 0);
        for (int lane = 0; lane < LANES; lane++)
            STORE_VALUE(values + 8 * lane + i, w[lane]);
    }
}
