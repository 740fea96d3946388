//go:build cgo && arm64

// NEON: 4 streams of 32-bit words.

#include "kernels.h"
#include "neon.h"

#define SUFFIX neonx4
#define TARGET
#define LANES 4
typedef uint32_t WORD;
typedef uint32x4_t V;

#define LOAD(p) vld1q_u32(p)
#define STORE(p, x) vst1q_u32(p, x)
#define ALL(k) vdupq_n_u32(k)
#define ADD(x, y) vaddq_u32(x, y)
#define XOR(x, y) veorq_u32(x, y)
#define ROL(x, n) ROL4(x, n)
#define ROR(x, n) ROL(x, 32 - (n))
#define SHR(x, n) vshrq_n_u32(x, n)
#define XOR3(x, y, z) XOR(XOR(x, y), z)
#define CHOOSE(x, y, z) vbslq_u32(x, y, z)
#define MAJORITY(x, y, z) CHOOSE(XOR(x, y), z, y)
#define XOR_OR_NOT(x, y, z) XOR(x, vornq_u32(y, z))
#define FROM_BIG_ENDIAN(x) vreinterpretq_u32_u8(vrev32q_u8(vreinterpretq_u8_u32(x)))

#define LOAD_BLOCK(w, data, at) load_block4(w, data, at)

#include "blake3.h"
#include "md5.h"
#include "sha1.h"
#include "sha256.h"
