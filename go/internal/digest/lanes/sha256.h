// SHA-256 and SHA-224 (FIPS 180-4, section 4.1.2).

#define SHA2 sha256
#define K checksig_k256
#define ROUNDS 64
#define SUM0(x) XOR3(ROR(x, 2), ROR(x, 13), ROR(x, 22))
#define SUM1(x) XOR3(ROR(x, 6), ROR(x, 11), ROR(x, 25))
#define SIGMA0(x) XOR3(ROR(x, 7), ROR(x, 18), SHR(x, 3))
#define SIGMA1(x) XOR3(ROR(x, 17), ROR(x, 19), SHR(x, 10))

#include "sha2.h"
