// SHA-1 and SHA-256 of LANES streams with the processor's own instructions (Arm
// Architecture Reference Manual, section C7.2: SHA1C to SHA256SU1). The instructions of one
// stream run while those of another wait for their results.
//
// A vector holds four words of one stream, not one word of all streams: abcd[i] has a of
// stream i in the lowest word.

#define EACH for (int i = 0; i < LANES; i++)

// Rounds 4g to 4g + 3.
#define SHA1_GROUP(ROUNDS, g)                                                                                \
    EACH                                                                                                     \
    {                                                                                                        \
        if ((g) < 4)                                                                                         \
            w[i][(g) % 4] = load_words(data[i] + at + 16 * (g));                                             \
        else                                                                                                 \
            w[i][(g) % 4] =                                                                                  \
                vsha1su1q_u32(vsha1su0q_u32(w[i][(g) % 4], w[i][((g) + 1) % 4], w[i][((g) + 2) % 4]),        \
                              w[i][((g) + 3) % 4]);                                                          \
        const uint32_t next = vsha1h_u32(vgetq_lane_u32(abcd[i], 0));                                        \
        abcd[i] = ROUNDS(abcd[i], e[i], vaddq_u32(w[i][(g) % 4], k));                                        \
        e[i] = next;                                                                                         \
    }

#define SHA1_FIVE_GROUPS(ROUNDS, constant, g)                                                                \
    {                                                                                                        \
        const uint32x4_t k = vdupq_n_u32(constant);                                                          \
        SHA1_GROUP(ROUNDS, (g))                                                                              \
        SHA1_GROUP(ROUNDS, (g) + 1)                                                                          \
        SHA1_GROUP(ROUNDS, (g) + 2)                                                                          \
        SHA1_GROUP(ROUNDS, (g) + 3)                                                                          \
        SHA1_GROUP(ROUNDS, (g) + 4)                                                                          \
    }

KERNEL(sha1)
{
    uint32_t(*state)[LANES] = states;
    uint32x4_t abcd[LANES];
    uint32_t e[LANES];
    EACH
    {
        abcd[i] = four(state[0][i], state[1][i], state[2][i], state[3][i]);
        e[i] = state[4][i];
    }
    for (size_t at = 0; at < 64 * blocks; at += 64) {
        uint32x4_t abcd0[LANES], w[LANES][4];
        uint32_t e0[LANES];
        EACH
        {
            abcd0[i] = abcd[i];
            e0[i] = e[i];
        }
        SHA1_FIVE_GROUPS(vsha1cq_u32, 0x5a827999, 0)
        SHA1_FIVE_GROUPS(vsha1pq_u32, 0x6ed9eba1, 5)
        SHA1_FIVE_GROUPS(vsha1mq_u32, 0x8f1bbcdc, 10)
        SHA1_FIVE_GROUPS(vsha1pq_u32, 0xca62c1d6, 15)
        EACH
        {
            abcd[i] = vaddq_u32(abcd[i], abcd0[i]);
            e[i] += e0[i];
        }
    }
    EACH
    {
        put_four(abcd[i], &state[0][i], &state[1][i], &state[2][i], &state[3][i]);
        state[4][i] = e[i];
    }
}

#define SHA256_GROUP(g)                                                                                      \
    EACH                                                                                                     \
    {                                                                                                        \
        if ((g) < 4)                                                                                         \
            w[i][(g) % 4] = load_words(data[i] + at + 16 * (g));                                             \
        else                                                                                                 \
            w[i][(g) % 4] = vsha256su1q_u32(vsha256su0q_u32(w[i][(g) % 4], w[i][((g) + 1) % 4]),             \
                                            w[i][((g) + 2) % 4], w[i][((g) + 3) % 4]);                       \
        const uint32x4_t sum = vaddq_u32(w[i][(g) % 4], vld1q_u32(checksig_k256 + 4 * (g)));                 \
        const uint32x4_t before = abcd[i];                                                                   \
        abcd[i] = vsha256hq_u32(abcd[i], efgh[i], sum);                                                      \
        efgh[i] = vsha256h2q_u32(efgh[i], before, sum);                                                      \
    }

#define SHA256_FOUR_GROUPS(g) SHA256_GROUP(g) SHA256_GROUP((g) + 1) SHA256_GROUP((g) + 2) SHA256_GROUP((g) + 3)

KERNEL(sha256)
{
    uint32_t(*state)[LANES] = states;
    uint32x4_t abcd[LANES], efgh[LANES];
    EACH
    {
        abcd[i] = four(state[0][i], state[1][i], state[2][i], state[3][i]);
        efgh[i] = four(state[4][i], state[5][i], state[6][i], state[7][i]);
    }
    for (size_t at = 0; at < 64 * blocks; at += 64) {
        uint32x4_t abcd0[LANES], efgh0[LANES], w[LANES][4];
        EACH
        {
            abcd0[i] = abcd[i];
            efgh0[i] = efgh[i];
        }
        SHA256_FOUR_GROUPS(0)
        SHA256_FOUR_GROUPS(4)
        SHA256_FOUR_GROUPS(8)
        SHA256_FOUR_GROUPS(12)
        EACH
        {
            abcd[i] = vaddq_u32(abcd[i], abcd0[i]);
            efgh[i] = vaddq_u32(efgh[i], efgh0[i]);
        }
    }
    EACH
    {
        put_four(abcd[i], &state[0][i], &state[1][i], &state[2][i], &state[3][i]);
        put_four(efgh[i], &state[4][i], &state[5][i], &state[6][i], &state[7][i]);
    }
}

#undef EACH
#undef SHA1_GROUP
#undef SHA1_FIVE_GROUPS
#undef SHA256_GROUP
#undef SHA256_FOUR_GROUPS
