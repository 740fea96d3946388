//go:build cgo && arm64

// The SHA-1 and SHA-256 instructions of ARMv8: three, two, or one stream at once.

#include "kernels.h"

#if defined(__clang__)
#define TARGET __attribute__((target("sha2")))
#define __ARM_FEATURE_SHA2 1 // or clang hides the instructions, before version 16
#else
#define TARGET __attribute__((target("+crypto")))
#endif

#include <arm_neon.h>

// a is the lowest word.
TARGET static inline uint32x4_t four(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return (uint32x4_t){a, b, c, d};
}

TARGET static inline void put_four(uint32x4_t x, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a = vgetq_lane_u32(x, 0);
    *b = vgetq_lane_u32(x, 1);
    *c = vgetq_lane_u32(x, 2);
    *d = vgetq_lane_u32(x, 3);
}

TARGET static inline uint32x4_t load_words(const uint8_t *data)
{
    return vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(data)));
}

#define LANES 3
#define SUFFIX armv8x3
#include "armv8.h"
#undef LANES
#undef SUFFIX

#define LANES 2
#define SUFFIX armv8x2
#include "armv8.h"
#undef LANES
#undef SUFFIX

#define LANES 1
#define SUFFIX armv8x1
#include "armv8.h"
