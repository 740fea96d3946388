// SHA-256 or SHA-512 (FIPS 180-4, sections 6.2.2 and 6.4.2) of LANES streams at once.
//
// SHA2 is the kernel's name, K the table of constants, and ROUNDS their number. The
// functions SUM and SIGMA are those of sections 4.1.2 and 4.1.3. The vector a holds the
// working variable a of all lanes, and w[t % 16] word t of their message schedules.

#define SHA2_ROUND(a, b, c, d, e, f, g, h, t)                                                     \
    {                                                                                             \
        const V sum = ADD(ADD(h, ADD(w[t], ALL(K[round + (t)]))), ADD(CHOOSE(e, f, g), SUM1(e))); \
        d = ADD(d, sum);                                                                          \
        h = ADD(sum, ADD(MAJORITY(a, b, c), SUM0(a)));                                            \
    }

// Replaces word t of the message schedule by word t + 16.
#define SHA2_EXTEND(t) \
    w[t] = ADD(ADD(w[t], w[((t) + 9) % 16]), ADD(SIGMA0(w[((t) + 1) % 16]), SIGMA1(w[((t) + 14) % 16])));

#define SHA2_LEAVE(t)

// After each round, EXTEND is applied to its word, which no other round needs. The processor runs
// its instructions while the next round waits for this one.
#define SHA2_EIGHT(t, EXTEND)                                     \
    SHA2_ROUND(a, b, c, d, e, f, g, h, (t)) EXTEND(t)             \
    SHA2_ROUND(h, a, b, c, d, e, f, g, (t) + 1) EXTEND((t) + 1)   \
    SHA2_ROUND(g, h, a, b, c, d, e, f, (t) + 2) EXTEND((t) + 2)   \
    SHA2_ROUND(f, g, h, a, b, c, d, e, (t) + 3) EXTEND((t) + 3)   \
    SHA2_ROUND(e, f, g, h, a, b, c, d, (t) + 4) EXTEND((t) + 4)   \
    SHA2_ROUND(d, e, f, g, h, a, b, c, (t) + 5) EXTEND((t) + 5)   \
    SHA2_ROUND(c, d, e, f, g, h, a, b, (t) + 6) EXTEND((t) + 6)   \
    SHA2_ROUND(b, c, d, e, f, g, h, a, (t) + 7) EXTEND((t) + 7)

KERNEL(SHA2)
{
    WORD *state = states;
    V a = LOAD(state), b = LOAD(state + LANES), c = LOAD(state + 2 * LANES), d = LOAD(state + 3 * LANES),
      e = LOAD(state + 4 * LANES), f = LOAD(state + 5 * LANES), g = LOAD(state + 6 * LANES),
      h = LOAD(state + 7 * LANES);
    for (size_t block = 0; block < blocks; block++) {
        const V a0 = a, b0 = b, c0 = c, d0 = d, e0 = e, f0 = f, g0 = g, h0 = h;
        V w[16];
        LOAD_BLOCK(w, data, 16 * sizeof(WORD) * block);
        for (int t = 0; t < 16; t++)
            w[t] = FROM_BIG_ENDIAN(w[t]);
        int round = 0;
        for (; round < ROUNDS - 16; round += 16) {
            SHA2_EIGHT(0, SHA2_EXTEND)
            SHA2_EIGHT(8, SHA2_EXTEND)
        }
        SHA2_EIGHT(0, SHA2_LEAVE)
        SHA2_EIGHT(8, SHA2_LEAVE)
        a = ADD(a, a0);
        b = ADD(b, b0);
        c = ADD(c, c0);
        d = ADD(d, d0);
        e = ADD(e, e0);
        f = ADD(f, f0);
        g = ADD(g, g0);
        h = ADD(h, h0);
    }
    STORE(state, a);
    STORE(state + LANES, b);
    STORE(state + 2 * LANES, c);
    STORE(state + 3 * LANES, d);
    STORE(state + 4 * LANES, e);
    STORE(state + 5 * LANES, f);
    STORE(state + 6 * LANES, g);
    STORE(state + 7 * LANES, h);
}
