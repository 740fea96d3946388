// SHA-1 (FIPS 180-4, section 6.1.2) of LANES streams at once.
//
// The vector a holds the working variable a of all lanes, and w[t % 16] word t of their
// message schedules.

#define SHA1_CHOOSE(x, y, z) CHOOSE(x, y, z)
#define SHA1_PARITY(x, y, z) XOR3(x, y, z)
#define SHA1_MAJORITY(x, y, z) MAJORITY(x, y, z)

#define SHA1_WORD(t)                                                                                          \
    ((t) < 16 ? w[(t) % 16]                                                                                   \
              : (w[(t) % 16] = ROL(XOR(XOR3(w[((t) + 13) % 16], w[((t) + 8) % 16], w[((t) + 2) % 16]), w[(t) % 16]), 1)))

#define SHA1_ROUND(a, b, c, d, e, F, k, t)                                   \
    e = ADD(ADD(ADD(e, ADD(SHA1_WORD(t), k)), F(b, c, d)), ROL(a, 5));       \
    b = ROL(b, 30);

#define SHA1_FIVE(F, k, t)                  \
    SHA1_ROUND(a, b, c, d, e, F, k, (t))     \
    SHA1_ROUND(e, a, b, c, d, F, k, (t) + 1) \
    SHA1_ROUND(d, e, a, b, c, F, k, (t) + 2) \
    SHA1_ROUND(c, d, e, a, b, F, k, (t) + 3) \
    SHA1_ROUND(b, c, d, e, a, F, k, (t) + 4)

#define SHA1_TWENTY(F, constant, t) \
    {                               \
        const V k = ALL(constant);  \
        SHA1_FIVE(F, k, (t))        \
        SHA1_FIVE(F, k, (t) + 5)    \
        SHA1_FIVE(F, k, (t) + 10)   \
        SHA1_FIVE(F, k, (t) + 15)   \
    }

KERNEL(sha1)
{
    WORD *state = states;
    V a = LOAD(state), b = LOAD(state + LANES), c = LOAD(state + 2 * LANES), d = LOAD(state + 3 * LANES),
      e = LOAD(state + 4 * LANES);
    for (size_t block = 0; block < blocks; block++) {
        const V a0 = a, b0 = b, c0 = c, d0 = d, e0 = e;
        V w[16];
        LOAD_BLOCK(w, data, 64 * block);
        for (int t = 0; t < 16; t++)
            w[t] = FROM_BIG_ENDIAN(w[t]);
        SHA1_TWENTY(SHA1_CHOOSE, 0x5a827999, 0)
        SHA1_TWENTY(SHA1_PARITY, 0x6ed9eba1, 20)
        SHA1_TWENTY(SHA1_MAJORITY, 0x8f1bbcdc, 40)
        SHA1_TWENTY(SHA1_PARITY, 0xca62c1d6, 60)
        a = ADD(a, a0);
        b = ADD(b, b0);
        c = ADD(c, c0);
        d = ADD(d, d0);
        e = ADD(e, e0);
    }
    STORE(state, a);
    STORE(state + LANES, b);
    STORE(state + 2 * LANES, c);
    STORE(state + 3 * LANES, d);
    STORE(state + 4 * LANES, e);
}
