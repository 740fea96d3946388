// NEON: streams of 32-bit words, PARTS vectors for each word.

#include "kernels.h"
#include "neon.h"

#define TARGET
#define PART uint32x4_t
#define PART_LANES 4

#define PART_LOAD(p) vld1q_u32(p)
#define PART_STORE(p, x) vst1q_u32(p, x)
#define PART_ALL(k) vdupq_n_u32(k)
#define PART_ADD(x, y) vaddq_u32(x, y)
#define PART_ROL(x, n) ROL4(x, n)
#define PART_XOR3(x, y, z) veorq_u32(veorq_u32(x, y), z)
#define PART_CHOOSE(x, y, z) vbslq_u32(x, y, z)
#define PART_XOR_OR_NOT(x, y, z) veorq_u32(x, vornq_u32(y, z))
#define PART_LOAD_BLOCK(w, data, at) load_block4(w, data, at)

#include "wide.h"
