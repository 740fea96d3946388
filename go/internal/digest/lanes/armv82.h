// SHA-512 of LANES streams with the processor's own instructions (Arm Architecture
// Reference Manual, section C7.2: SHA512H to SHA512SU1), like the hashes of armv8.h.
//
// A vector holds two words of one stream: ab[i] has a of stream i in the low word.

#define EACH for (int i = 0; i < LANES; i++)

// Rounds 2g and 2g + 1. SHA512H expects the word of the earlier round in the high half.
#define SHA512_GROUP(g)                                                                                      \
    EACH                                                                                                     \
    {                                                                                                        \
        if ((g) < 8)                                                                                         \
            w[i][(g) % 8] = load_words(data[i] + at + 16 * (g));                                             \
        else                                                                                                 \
            w[i][(g) % 8] =                                                                                  \
                vsha512su1q_u64(vsha512su0q_u64(w[i][(g) % 8], w[i][((g) + 1) % 8]), w[i][((g) + 7) % 8],    \
                                between(w[i][((g) + 4) % 8], w[i][((g) + 5) % 8]));                          \
        const uint64x2_t sum = vaddq_u64(w[i][(g) % 8], vld1q_u64(checksig_k512 + 2 * (g)));                 \
        const uint64x2_t fg = between(ef[i], gh[i]), de = between(cd[i], ef[i]);                             \
        const uint64x2_t t = vsha512hq_u64(vaddq_u64(gh[i], between(sum, sum)), fg, de);                     \
        gh[i] = ef[i];                                                                                       \
        ef[i] = vaddq_u64(cd[i], t);                                                                         \
        const uint64x2_t before = ab[i];                                                                     \
        ab[i] = vsha512h2q_u64(t, cd[i], ab[i]);                                                             \
        cd[i] = before;                                                                                      \
    }

#define SHA512_FIVE_GROUPS(g) \
    SHA512_GROUP(g) SHA512_GROUP((g) + 1) SHA512_GROUP((g) + 2) SHA512_GROUP((g) + 3) SHA512_GROUP((g) + 4)

KERNEL(sha512)
{
    uint64_t(*state)[LANES] = states;
    uint64x2_t ab[LANES], cd[LANES], ef[LANES], gh[LANES];
    EACH
    {
        ab[i] = two(state[0][i], state[1][i]);
        cd[i] = two(state[2][i], state[3][i]);
        ef[i] = two(state[4][i], state[5][i]);
        gh[i] = two(state[6][i], state[7][i]);
    }
    for (size_t at = 0; at < 128 * blocks; at += 128) {
        uint64x2_t ab0[LANES], cd0[LANES], ef0[LANES], gh0[LANES], w[LANES][8];
        EACH
        {
            ab0[i] = ab[i];
            cd0[i] = cd[i];
            ef0[i] = ef[i];
            gh0[i] = gh[i];
        }
        SHA512_FIVE_GROUPS(0)
        SHA512_FIVE_GROUPS(5)
        SHA512_FIVE_GROUPS(10)
        SHA512_FIVE_GROUPS(15)
        SHA512_FIVE_GROUPS(20)
        SHA512_FIVE_GROUPS(25)
        SHA512_FIVE_GROUPS(30)
        SHA512_FIVE_GROUPS(35)
        EACH
        {
            ab[i] = vaddq_u64(ab[i], ab0[i]);
            cd[i] = vaddq_u64(cd[i], cd0[i]);
            ef[i] = vaddq_u64(ef[i], ef0[i]);
            gh[i] = vaddq_u64(gh[i], gh0[i]);
        }
    }
    EACH
    {
        put_two(ab[i], &state[0][i], &state[1][i]);
        put_two(cd[i], &state[2][i], &state[3][i]);
        put_two(ef[i], &state[4][i], &state[5][i]);
        put_two(gh[i], &state[6][i], &state[7][i]);
    }
}

#undef EACH
#undef SHA512_GROUP
#undef SHA512_FIVE_GROUPS
