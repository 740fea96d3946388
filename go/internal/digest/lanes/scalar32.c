//go:build cgo && (amd64 || arm64)

// One stream of 32-bit words, without vectors: for the last stream that is left.

#include "kernels.h"

#include <string.h>

#define SUFFIX scalar
#define TARGET
#define LANES 1
typedef uint32_t WORD;
typedef uint32_t V;

#define LOAD(p) (*(p))
#define STORE(p, x) (*(p) = (x))
#define ALL(k) (k)
#define ADD(x, y) ((x) + (y))
#define XOR(x, y) ((x) ^ (y))
#define ROL(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define SHR(x, n) ((x) >> (n))
#define XOR3(x, y, z) ((x) ^ (y) ^ (z))
#define CHOOSE(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define MAJORITY(x, y, z) (((x) & (y)) + ((z) & ((x) ^ (y))))
#define XOR_OR_NOT(x, y, z) ((x) ^ ((y) | ~(z)))
#define FROM_BIG_ENDIAN(x) __builtin_bswap32(x)
#define LOAD_BLOCK(w, data, at) memcpy(w, (data)[0] + (at), 64)

#include "blake3.h"
#include "md5.h"
#include "sha1.h"
#include "sha256.h"
