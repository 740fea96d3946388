// BLAKE3's compression function (c2sp.org/BLAKE3, section 3) of LANES inputs at once.
//
// The vector v[i] holds word i of the working state of all lanes, and w[i] word i of their
// blocks. In a lane's state, words 0 to 7 are the chaining value, which each block replaces,
// words 8 and 9 are the counter, word 10 is the length of each block, and word 11 its flags.

#ifndef ROR16
#define ROR16(x) ROR(x, 16)
#endif

#define BLAKE3_G(a, b, c, d, x, y)       \
    v[a] = ADD(ADD(v[a], v[b]), w[x]);   \
    v[d] = ROR16(XOR(v[d], v[a]));       \
    v[c] = ADD(v[c], v[d]);              \
    v[b] = ROR(XOR(v[b], v[c]), 12);     \
    v[a] = ADD(ADD(v[a], v[b]), w[y]);   \
    v[d] = ROR(XOR(v[d], v[a]), 8);      \
    v[c] = ADD(v[c], v[d]);              \
    v[b] = ROR(XOR(v[b], v[c]), 7);

// The operands are the words of the block in the order that the permutation of section 2.3
// gives.
#define BLAKE3_ROUND(k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15) \
    BLAKE3_G(0, 4, 8, 12, k0, k1)                                                          \
    BLAKE3_G(1, 5, 9, 13, k2, k3)                                                          \
    BLAKE3_G(2, 6, 10, 14, k4, k5)                                                         \
    BLAKE3_G(3, 7, 11, 15, k6, k7)                                                         \
    BLAKE3_G(0, 5, 10, 15, k8, k9)                                                         \
    BLAKE3_G(1, 6, 11, 12, k10, k11)                                                       \
    BLAKE3_G(2, 7, 8, 13, k12, k13)                                                        \
    BLAKE3_G(3, 4, 9, 14, k14, k15)

KERNEL(blake3)
{
    WORD *state = states;
    V value[8];
    for (int i = 0; i < 8; i++)
        value[i] = LOAD(state + i * LANES);
    for (size_t block = 0; block < blocks; block++) {
        V v[16], w[16];
        LOAD_BLOCK(w, data, 64 * block); // the processors are little-endian, as BLAKE3 is
        for (int i = 0; i < 8; i++)
            v[i] = value[i];
        for (int i = 0; i < 4; i++) {
            v[8 + i] = ALL(checksig_blake3_begin[i]);
            v[12 + i] = LOAD(state + (8 + i) * LANES);
        }
        BLAKE3_ROUND(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
        BLAKE3_ROUND(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
        BLAKE3_ROUND(3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1)
        BLAKE3_ROUND(10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6)
        BLAKE3_ROUND(12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4)
        BLAKE3_ROUND(9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7)
        BLAKE3_ROUND(11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13)
        for (int i = 0; i < 8; i++)
            value[i] = XOR(v[i], v[8 + i]);
    }
    for (int i = 0; i < 8; i++)
        STORE(state + i * LANES, value[i]);
}
