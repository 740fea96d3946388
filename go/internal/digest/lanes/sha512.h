// SHA-512 and its shorter kinds (FIPS 180-4, section 4.1.3).

#define SHA2 sha512
#define K checksig_k512
#define ROUNDS 80
#define SUM0(x) XOR3(ROR(x, 28), ROR(x, 34), ROR(x, 39))
#define SUM1(x) XOR3(ROR(x, 14), ROR(x, 18), ROR(x, 41))
#define SIGMA0(x) XOR3(ROR(x, 1), ROR(x, 8), SHR(x, 7))
#define SIGMA1(x) XOR3(ROR(x, 19), ROR(x, 61), SHR(x, 6))

#include "sha2.h"
