// NEON (Arm Architecture Reference Manual, section C7.2): what kernels of 32-bit words share.

#include <arm_neon.h>
#include <stddef.h>

// SRI keeps the bits of its first operand that the shifted second one does not fill.
#define ROL4(x, n) vsriq_n_u32(vshlq_n_u32(x, n), x, 32 - (n))

// Makes w[t] hold word t of the blocks of 4 lanes: four matrices of 4 by 4 words, transposed.
static inline void load_block4(uint32x4_t w[16], const uint8_t *const *data, size_t at)
{
    for (int i = 0; i < 16; i += 4) {
        uint32x4_t lane[4];
        for (int l = 0; l < 4; l++)
            lane[l] = vreinterpretq_u32_u8(vld1q_u8(data[l] + at + 4 * i));
        const uint64x2_t low_even = vreinterpretq_u64_u32(vtrn1q_u32(lane[0], lane[1]));
        const uint64x2_t low_odd = vreinterpretq_u64_u32(vtrn2q_u32(lane[0], lane[1]));
        const uint64x2_t high_even = vreinterpretq_u64_u32(vtrn1q_u32(lane[2], lane[3]));
        const uint64x2_t high_odd = vreinterpretq_u64_u32(vtrn2q_u32(lane[2], lane[3]));
        w[i] = vreinterpretq_u32_u64(vtrn1q_u64(low_even, high_even));
        w[i + 1] = vreinterpretq_u32_u64(vtrn1q_u64(low_odd, high_odd));
        w[i + 2] = vreinterpretq_u32_u64(vtrn2q_u64(low_even, high_even));
        w[i + 3] = vreinterpretq_u32_u64(vtrn2q_u64(low_odd, high_odd));
    }
}
