// SHA-1 and SHA-256 of LANES streams with the processor's own instructions (SHA-NI). The
// instructions of one stream run while those of another wait for their results.
//
// A vector holds four words of one stream, not one word of all streams. For SHA-1, abcd[i]
// has a of stream i in the highest word. SHA-256's instructions need abef and cdgh.

#define EACH for (int i = 0; i < LANES; i++)

// Rounds 4g to 4g + 3.
#define SHA1_GROUP(g)                                                                                        \
    EACH                                                                                                     \
    {                                                                                                        \
        if ((g) < 4)                                                                                         \
            w[i][(g) % 4] = load_words(data[i] + at + 16 * (g), reverse);                                    \
        else                                                                                                 \
            w[i][(g) % 4] = _mm_sha1msg2_epu32(                                                              \
                _mm_xor_si128(_mm_sha1msg1_epu32(w[i][(g) % 4], w[i][((g) + 1) % 4]), w[i][((g) + 2) % 4]),  \
                w[i][((g) + 3) % 4]);                                                                        \
        const __m128i sum = (g) == 0 ? _mm_add_epi32(e[i], w[i][0]) : _mm_sha1nexte_epu32(before[i], w[i][(g) % 4]); \
        before[i] = abcd[i];                                                                                 \
        abcd[i] = _mm_sha1rnds4_epu32(abcd[i], sum, (g) / 5);                                                \
    }

#define SHA1_FIVE_GROUPS(g) \
    SHA1_GROUP(g) SHA1_GROUP((g) + 1) SHA1_GROUP((g) + 2) SHA1_GROUP((g) + 3) SHA1_GROUP((g) + 4)

KERNEL(sha1)
{
    uint32_t(*state)[LANES] = states;
    const __m128i reverse = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i abcd[LANES], e[LANES];
    EACH
    {
        abcd[i] = four(state[0][i], state[1][i], state[2][i], state[3][i]);
        e[i] = four(state[4][i], 0, 0, 0);
    }
    for (size_t at = 0; at < 64 * blocks; at += 64) {
        __m128i abcd0[LANES], before[LANES], w[LANES][4];
        EACH abcd0[i] = abcd[i];
        SHA1_FIVE_GROUPS(0)
        SHA1_FIVE_GROUPS(5)
        SHA1_FIVE_GROUPS(10)
        SHA1_FIVE_GROUPS(15)
        EACH
        {
            e[i] = _mm_sha1nexte_epu32(before[i], e[i]);
            abcd[i] = _mm_add_epi32(abcd[i], abcd0[i]);
        }
    }
    EACH
    {
        put_four(abcd[i], &state[0][i], &state[1][i], &state[2][i], &state[3][i]);
        state[4][i] = (uint32_t)_mm_extract_epi32(e[i], 3);
    }
}

#define SHA256_GROUP(g)                                                                                      \
    EACH                                                                                                     \
    {                                                                                                        \
        if ((g) < 4)                                                                                         \
            w[i][(g) % 4] = load_words(data[i] + at + 16 * (g), swap);                                       \
        else                                                                                                 \
            w[i][(g) % 4] = _mm_sha256msg2_epu32(                                                            \
                _mm_add_epi32(_mm_sha256msg1_epu32(w[i][(g) % 4], w[i][((g) + 1) % 4]),                      \
                              _mm_alignr_epi8(w[i][((g) + 3) % 4], w[i][((g) + 2) % 4], 4)),                 \
                w[i][((g) + 3) % 4]);                                                                        \
        const __m128i sum =                                                                                  \
            _mm_add_epi32(w[i][(g) % 4], _mm_loadu_si128((const __m128i *)(checksig_k256 + 4 * (g))));       \
        cdgh[i] = _mm_sha256rnds2_epu32(cdgh[i], abef[i], sum);                                              \
        abef[i] = _mm_sha256rnds2_epu32(abef[i], cdgh[i], _mm_shuffle_epi32(sum, 0x0e));                     \
    }

#define SHA256_FOUR_GROUPS(g) SHA256_GROUP(g) SHA256_GROUP((g) + 1) SHA256_GROUP((g) + 2) SHA256_GROUP((g) + 3)

KERNEL(sha256)
{
    uint32_t(*state)[LANES] = states;
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abef[LANES], cdgh[LANES];
    EACH
    {
        abef[i] = four(state[0][i], state[1][i], state[4][i], state[5][i]);
        cdgh[i] = four(state[2][i], state[3][i], state[6][i], state[7][i]);
    }
    for (size_t at = 0; at < 64 * blocks; at += 64) {
        __m128i abef0[LANES], cdgh0[LANES], w[LANES][4];
        EACH
        {
            abef0[i] = abef[i];
            cdgh0[i] = cdgh[i];
        }
        SHA256_FOUR_GROUPS(0)
        SHA256_FOUR_GROUPS(4)
        SHA256_FOUR_GROUPS(8)
        SHA256_FOUR_GROUPS(12)
        EACH
        {
            abef[i] = _mm_add_epi32(abef[i], abef0[i]);
            cdgh[i] = _mm_add_epi32(cdgh[i], cdgh0[i]);
        }
    }
    EACH
    {
        put_four(abef[i], &state[0][i], &state[1][i], &state[4][i], &state[5][i]);
        put_four(cdgh[i], &state[2][i], &state[3][i], &state[6][i], &state[7][i]);
    }
}

#undef EACH
#undef SHA1_GROUP
#undef SHA1_FIVE_GROUPS
#undef SHA256_GROUP
#undef SHA256_FOUR_GROUPS
