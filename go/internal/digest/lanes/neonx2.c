//go:build cgo && arm64

// NEON: 2 streams of words of 64 bits.

#include "kernels.h"

#include <arm_neon.h>

#define SUFFIX neonx2
#define TARGET
#define LANES 2
typedef uint64_t WORD;
typedef uint64x2_t V;

#define LOAD(p) vld1q_u64(p)
#define STORE(p, x) vst1q_u64(p, x)
#define ALL(k) vdupq_n_u64(k)
#define ADD(x, y) vaddq_u64(x, y)
#define XOR(x, y) veorq_u64(x, y)
#define ROR(x, n) vsriq_n_u64(vshlq_n_u64(x, 64 - (n)), x, n)
#define SHR(x, n) vshrq_n_u64(x, n)
#define XOR3(x, y, z) XOR(XOR(x, y), z)
#define CHOOSE(x, y, z) vbslq_u64(x, y, z)
#define MAJORITY(x, y, z) CHOOSE(XOR(x, y), z, y)
#define FROM_BIG_ENDIAN(x) vreinterpretq_u64_u8(vrev64q_u8(vreinterpretq_u8_u64(x)))

// Makes w[t] hold word t of each lane's block: eight matrices of 2 by 2 words, transposed.
static inline void load_block(V w[16], const uint8_t *const *data, size_t at)
{
    for (int i = 0; i < 16; i += 2) {
        const V lane0 = vreinterpretq_u64_u8(vld1q_u8(data[0] + at + 8 * i));
        const V lane1 = vreinterpretq_u64_u8(vld1q_u8(data[1] + at + 8 * i));
        w[i] = vtrn1q_u64(lane0, lane1);
        w[i + 1] = vtrn2q_u64(lane0, lane1);
    }
}
#define LOAD_BLOCK(w, data, at) load_block(w, data, at)

#include "sha512.h"
