//go:build cgo && (amd64 || arm64)

// The table of all kernels, and the test which of them this processor has.

#include "kernels.h"

#if defined(__x86_64__)

#include <cpuid.h>

static uint64_t enabled_registers(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

// Intel's Software Developer's Manual, volume 1, sections 14.3, 14.7.1, and 15.2: the
// processor must have the instructions, and the system must save the registers.
int checksig_has(int set)
{
    const uint32_t osxsave = 1u << 27, avx2 = 1u << 5, avx512f = 1u << 16, avx512bw = 1u << 30, sha = 1u << 29;
    const uint32_t ssse3 = 1u << 9, sse41 = 1u << 19;
    const uint64_t ymm = 0x06, zmm = 0xe6;
    uint32_t a, b, c, d, leaf1, leaf7;
    if (set == CHECKSIG_SCALAR)
        return 1;
    if (!__get_cpuid(1, &a, &b, &leaf1, &d) || !__get_cpuid_count(7, 0, &a, &leaf7, &c, &d))
        return 0;
    if (set == CHECKSIG_SHANI)
        return (leaf7 & sha) && (leaf1 & ssse3) && (leaf1 & sse41);
    if (!(leaf1 & osxsave))
        return 0;
    const uint64_t registers = enabled_registers();
    if (set == CHECKSIG_AVX2)
        return (leaf7 & avx2) && (registers & ymm) == ymm;
    return set == CHECKSIG_AVX512 && (leaf7 & avx512f) && (leaf7 & avx512bw) && (registers & zmm) == zmm;
}

// The kernels of each algorithm are sorted from wide to narrow.
#define KERNELS(of)                                                           \
    of(MD5, md5, CHECKSIG_AVX512, avx512x32, 32)                              \
    of(MD5, md5, CHECKSIG_AVX512, avx512x16, 16)                              \
    of(MD5, md5, CHECKSIG_AVX2, avx2x16, 16)                                  \
    of(MD5, md5, CHECKSIG_AVX2, avx2x8, 8)                                    \
    of(MD5, md5, CHECKSIG_SCALAR, scalar, 1)                                  \
    of(SHA1, sha1, CHECKSIG_AVX512, avx512x16, 16)                            \
    of(SHA1, sha1, CHECKSIG_AVX2, avx2x8, 8)                                  \
    of(SHA1, sha1, CHECKSIG_SHANI, shanix3, 3)                                \
    of(SHA1, sha1, CHECKSIG_SHANI, shanix2, 2)                                \
    of(SHA1, sha1, CHECKSIG_SHANI, shanix1, 1)                                \
    of(SHA1, sha1, CHECKSIG_SCALAR, scalar, 1)                                \
    of(SHA256, sha256, CHECKSIG_AVX512, avx512x16, 16)                        \
    of(SHA256, sha256, CHECKSIG_AVX2, avx2x8, 8)                              \
    of(SHA256, sha256, CHECKSIG_SHANI, shanix3, 3)                            \
    of(SHA256, sha256, CHECKSIG_SHANI, shanix2, 2)                            \
    of(SHA256, sha256, CHECKSIG_SHANI, shanix1, 1)                            \
    of(SHA256, sha256, CHECKSIG_SCALAR, scalar, 1)                            \
    of(SHA512, sha512, CHECKSIG_AVX512, avx512x8, 8)                          \
    of(SHA512, sha512, CHECKSIG_AVX2, avx2x4, 4)                              \
    of(SHA512, sha512, CHECKSIG_SCALAR, scalar, 1)                            \
    of(BLAKE3, blake3, CHECKSIG_AVX512, avx512x16, 16)                        \
    of(BLAKE3, blake3, CHECKSIG_AVX2, avx2x8, 8)                              \
    of(BLAKE3, blake3, CHECKSIG_SCALAR, scalar, 1)

#elif defined(__aarch64__)

#if defined(__linux__)

#include <sys/auxv.h>

// The bits are from Linux's arch/arm64/include/uapi/asm/hwcap.h. An old C library may lack
// names for them.
static int has(unsigned long bits) { return (getauxval(AT_HWCAP) & bits) == bits; }

static int has_sha1_sha256(void) { return has(1ul << 5 | 1ul << 6); }

static int has_sha3_sha512(void) { return has(1ul << 17 | 1ul << 21); }

#elif defined(__APPLE__)

#include <sys/sysctl.h>

static int has(const char *feature)
{
    int value = 0;
    size_t size = sizeof value;
    return sysctlbyname(feature, &value, &size, NULL, 0) == 0 && value != 0;
}

static int has_sha1_sha256(void) { return has("hw.optional.arm.FEAT_SHA1") && has("hw.optional.arm.FEAT_SHA256"); }

static int has_sha3_sha512(void) { return has("hw.optional.arm.FEAT_SHA3") && has("hw.optional.arm.FEAT_SHA512"); }

#elif defined(_WIN32)

#include <windows.h>

#ifndef PF_ARM_SHA3_INSTRUCTIONS_AVAILABLE
#define PF_ARM_SHA3_INSTRUCTIONS_AVAILABLE 64
#define PF_ARM_SHA512_INSTRUCTIONS_AVAILABLE 65
#endif

static int has_sha1_sha256(void) { return IsProcessorFeaturePresent(PF_ARM_V8_CRYPTO_INSTRUCTIONS_AVAILABLE); }

static int has_sha3_sha512(void)
{
    return IsProcessorFeaturePresent(PF_ARM_SHA3_INSTRUCTIONS_AVAILABLE) &&
           IsProcessorFeaturePresent(PF_ARM_SHA512_INSTRUCTIONS_AVAILABLE);
}

#else

static int has_sha1_sha256(void) { return 0; }

static int has_sha3_sha512(void) { return 0; }

#endif

// Every arm64 processor has NEON. Only the system can query what else a processor has.
// Compilers enable SHA-512's instructions together with SHA-3's, and may use both.
int checksig_has(int set)
{
    switch (set) {
    case CHECKSIG_SCALAR:
    case CHECKSIG_NEON:
        return 1;
    case CHECKSIG_ARMV8:
        return has_sha1_sha256();
    case CHECKSIG_ARMV8_SHA512:
        return has_sha3_sha512();
    }
    return 0;
}

// The kernels of each algorithm are sorted from wide to narrow.
#define KERNELS(of)                                                           \
    of(MD5, md5, CHECKSIG_NEON, neonx16, 16)                                  \
    of(MD5, md5, CHECKSIG_NEON, neonx8, 8)                                    \
    of(MD5, md5, CHECKSIG_NEON, neonx4, 4)                                    \
    of(MD5, md5, CHECKSIG_SCALAR, scalar, 1)                                  \
    of(SHA1, sha1, CHECKSIG_NEON, neonx4, 4)                                  \
    of(SHA1, sha1, CHECKSIG_ARMV8, armv8x3, 3)                                \
    of(SHA1, sha1, CHECKSIG_ARMV8, armv8x2, 2)                                \
    of(SHA1, sha1, CHECKSIG_ARMV8, armv8x1, 1)                                \
    of(SHA1, sha1, CHECKSIG_SCALAR, scalar, 1)                                \
    of(SHA256, sha256, CHECKSIG_NEON, neonx4, 4)                              \
    of(SHA256, sha256, CHECKSIG_ARMV8, armv8x3, 3)                            \
    of(SHA256, sha256, CHECKSIG_ARMV8, armv8x2, 2)                            \
    of(SHA256, sha256, CHECKSIG_ARMV8, armv8x1, 1)                            \
    of(SHA256, sha256, CHECKSIG_SCALAR, scalar, 1)                            \
    of(SHA512, sha512, CHECKSIG_ARMV8_SHA512, armv82x2, 2)                    \
    of(SHA512, sha512, CHECKSIG_ARMV8_SHA512, armv82x1, 1)                    \
    of(SHA512, sha512, CHECKSIG_SCALAR, scalar, 1)                            \
    of(BLAKE3, blake3, CHECKSIG_NEON, neonx4, 4)                              \
    of(BLAKE3, blake3, CHECKSIG_SCALAR, scalar, 1)

#endif

#define DECLARE(number, algorithm, set, suffix, lanes) checksig_compress CHECKSIG_NAME(algorithm, suffix);
KERNELS(DECLARE)

static const struct row {
    int algorithm;
    struct checksig_kernel kernel;
} rows[] = {
#define ROW(number, algorithm, set, suffix, lanes) {CHECKSIG_##number, {set, lanes, 1, CHECKSIG_NAME(algorithm, suffix)}},
    KERNELS(ROW)
};

size_t checksig_kernels(int algorithm, uint32_t allowed, struct checksig_kernel kernels[checksig_max_kernels])
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct checksig_kernel *kernel = &rows[i].kernel;
        if (rows[i].algorithm == algorithm && (allowed & 1u << kernel->set) && checksig_has(kernel->set))
            kernels[count++] = *kernel;
    }
    return count;
}
