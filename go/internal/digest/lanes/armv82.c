//go:build cgo && arm64

// The SHA-512 instructions of ARMv8.2: two streams or one at once.

#include "kernels.h"

#if defined(__clang__)
#define TARGET __attribute__((target("sha3")))
#define __ARM_FEATURE_SHA512 1 // or clang hides the instructions, before version 16
#else
#define TARGET __attribute__((target("arch=armv8.2-a+sha3")))
#endif

#include <arm_neon.h>

// a is the low word.
TARGET static inline uint64x2_t two(uint64_t a, uint64_t b) { return (uint64x2_t){a, b}; }

TARGET static inline void put_two(uint64x2_t x, uint64_t *a, uint64_t *b)
{
    *a = vgetq_lane_u64(x, 0);
    *b = vgetq_lane_u64(x, 1);
}

// Returns the high word of x and the low word of y.
TARGET static inline uint64x2_t between(uint64x2_t x, uint64x2_t y) { return vextq_u64(x, y, 1); }

TARGET static inline uint64x2_t load_words(const uint8_t *data)
{
    return vreinterpretq_u64_u8(vrev64q_u8(vld1q_u8(data)));
}

#define LANES 2
#define SUFFIX armv82x2
#include "armv82.h"
#undef LANES
#undef SUFFIX

#define LANES 1
#define SUFFIX armv82x1
#include "armv82.h"
