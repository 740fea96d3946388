// Hashes many streams at once: the interface between Go and the kernels.
//
// A stream is the hash of one file. A kernel advances LANES streams by a number of blocks.
// Word w of lane l is word w * LANES + l of the kernel's state. Each algorithm is written
// once, over vectors of words (md5.h, sha1.h, sha2.h, blake3.h). A file for each instruction
// set and width defines the vectors.

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

// The algorithms that have kernels. SHA-224 is SHA-256 with another initial state. So
// are the shorter kinds of SHA-512.
enum { CHECKSIG_MD5, CHECKSIG_SHA1, CHECKSIG_SHA256, CHECKSIG_SHA512, CHECKSIG_BLAKE3, CHECKSIG_ALGORITHMS };

// A stream and what to hash next: blocks of data, then blocks of its tail, which has the end
// of the message and its padding. After hashing, both numbers are 0.
struct checksig_stream {
    uint64_t state[8];    // in the processor's byte order; 32-bit words fill half of it
    uint64_t offset;      // of data, in the memory that all streams read from, in bytes
    uint32_t blocks;      // of data
    uint32_t tail_blocks; // of tail
    uint8_t tail[256];
};

// Advances all lanes by that many blocks, which the data of every lane has.
typedef void checksig_compress(void *state, const uint8_t *const *data, size_t blocks);

struct checksig_kernel {
    int set;
    uint32_t lanes;
    uint32_t least; // with fewer streams the next kernel is used
    checksig_compress *compress;
};

// Returns whether both this processor and the system support an instruction set.
int checksig_has(int set);

// Writes the kernels of an algorithm for the given instruction sets (bit n: set n) that this
// processor supports, from wide to narrow, and returns their number.
size_t checksig_kernels(int algorithm, uint32_t allowed, struct checksig_kernel kernels[checksig_max_kernels]);

// Hashes the data and the tails of all streams. Their offsets are relative to memory.
void checksig_run(int algorithm, const struct checksig_kernel *kernels, size_t count, struct checksig_stream *streams,
                  size_t streams_count, const uint8_t *memory);

// Nodes of BLAKE3's trees, chunks or parents, with consecutive data.
struct checksig_nodes {
    uint64_t offset;      // of the data, in memory, in bytes
    uint64_t counter;     // of the first node
    uint32_t step;        // from one counter to the next
    uint32_t count;       // how many nodes
    uint32_t size;        // of each node's data, in bytes; its last block is padded with zeros
    uint32_t first, last; // the flags of each node's first block and of its last
    uint32_t to;          // the index of the first node's value
};

// Computes the chaining values of nodes, 8 words each. The values may be stored in
// memory itself, if each value is stored before the data of all following nodes.
void checksig_blake3(const struct checksig_kernel *kernels, size_t count, const struct checksig_nodes *nodes,
                     size_t nodes_count, const uint8_t *memory, uint32_t *values);

extern const uint32_t checksig_blake3_begin[8];
extern const uint32_t checksig_k256[64];
extern const uint64_t checksig_k512[80];

// The name of a kernel, such as checksig_sha1_avx512x16.
#define CHECKSIG_JOIN(algorithm, suffix) checksig_##algorithm##_##suffix
#define CHECKSIG_NAME(algorithm, suffix) CHECKSIG_JOIN(algorithm, suffix)
#define KERNEL(algorithm) \
    TARGET void CHECKSIG_NAME(algorithm, SUFFIX)(void *restrict states, const uint8_t *const *data, size_t blocks)

#endif
