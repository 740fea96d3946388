// Hashes many streams at once: what Go and the kernels say to each other.
//
// A stream is one file's hash. A kernel advances LANES streams by a number of blocks;
// word w of lane l is word w * LANES + l of its state. The kernels of an algorithm are
// written once, over vectors of words (md5.h, sha1.h, sha2.h); a file for each
// instruction set and width says what the vectors are.

#ifndef CHECKSIG_KERNELS_H
#define CHECKSIG_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    checksig_max_lanes = 32,
    checksig_max_kernels = 8, // of one algorithm
};

// The instruction sets. Every processor has CHECKSIG_SCALAR.
enum {
    CHECKSIG_SCALAR,
    CHECKSIG_AVX2,
    CHECKSIG_AVX512,
    CHECKSIG_SHANI,
    CHECKSIG_NEON,
    CHECKSIG_ARMV8,
    CHECKSIG_ARMV8_SHA512,
    CHECKSIG_SETS,
};

// The algorithms that have kernels. SHA-224 is SHA-256 with another beginning, the
// shorter kinds of SHA-512 likewise.
enum { CHECKSIG_MD5, CHECKSIG_SHA1, CHECKSIG_SHA256, CHECKSIG_SHA512, CHECKSIG_BLAKE3, CHECKSIG_ALGORITHMS };

// What is to be hashed of a stream: blocks of data, then blocks of its tail, which
// has the end of the message and its padding. Afterwards both are 0.
struct checksig_stream {
    uint64_t state[8];    // in the processor's byte order; words of 32 bits fill half
    uint64_t offset;      // of data, in the memory that all streams read from, in bytes
    uint32_t blocks;      // of data
    uint32_t tail_blocks; // of tail
    uint8_t tail[256];
};

// Advances all lanes by blocks. Every lane's data has so many.
typedef void checksig_compress(void *state, const uint8_t *const *data, size_t blocks);

struct checksig_kernel {
    int set;
    uint32_t lanes;
    uint32_t least; // with fewer streams the next kernel serves
    checksig_compress *compress;
};

// Returns whether this processor, and the system, have an instruction set.
int checksig_has(int set);

// Writes the kernels of an algorithm that this processor has, of the allowed sets (bit
// n: set n), the widest first, and returns how many there are.
size_t checksig_kernels(int algorithm, uint32_t allowed, struct checksig_kernel kernels[checksig_max_kernels]);

// Hashes what is to be hashed of all streams. memory is where their data lies.
void checksig_run(int algorithm, const struct checksig_kernel *kernels, size_t count, struct checksig_stream *streams,
                  size_t streams_count, const uint8_t *memory);

// Nodes of trees of BLAKE3 whose data lie one after the other: chunks, or parents.
struct checksig_nodes {
    uint64_t offset;      // of the data, in memory, in bytes
    uint64_t counter;     // of the first
    uint32_t step;        // to the counter of the next
    uint32_t count;       // how many nodes
    uint32_t size;        // of each one's data, in bytes; zeros fill up its last block
    uint32_t first, last; // the flags of the first block, and of the last
    uint32_t to;          // the index of the first one's value
};

// Computes the chaining values of nodes, 8 words each. The values may be the memory, if
// each value comes to lie before the data of all nodes that follow.
void checksig_blake3(const struct checksig_kernel *kernels, size_t count, const struct checksig_nodes *nodes,
                     size_t nodes_count, const uint8_t *memory, uint32_t *values);

extern const uint32_t checksig_blake3_begin[8];
extern const uint32_t checksig_k256[64];
extern const uint64_t checksig_k512[80];

// A kernel's name: checksig_sha1_avx512x16, say.
#define CHECKSIG_JOIN(algorithm, suffix) checksig_##algorithm##_##suffix
#define CHECKSIG_NAME(algorithm, suffix) CHECKSIG_JOIN(algorithm, suffix)
#define KERNEL(algorithm) \
    TARGET void CHECKSIG_NAME(algorithm, SUFFIX)(void *restrict states, const uint8_t *const *data, size_t blocks)

#endif
