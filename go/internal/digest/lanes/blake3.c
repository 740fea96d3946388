//go:build cgo && (amd64 || arm64)

// Assigns the nodes of BLAKE3's trees (c2sp.org/BLAKE3, section 4) to the lanes of kernels.
// Chunks and parents are treated alike, because both consist of blocks that are compressed
// one after another.

#include "kernels.h"

#include <string.h>

const uint32_t checksig_blake3_begin[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

enum { block_size = 64, value_words = 8, words = 12 };

// The nodes that no lane has yet. Those of *next begin at index.
struct queue {
    const struct checksig_nodes *next;
    uint32_t index;
    size_t count; // of all nodes that no lane has yet
    const uint8_t *memory;
};

// The lanes of a kernel, each with a node. Values that many lanes share are stored for each
// lane, so that the compiler can vectorize the loops over the lanes.
struct lanes {
    uint32_t width, busy;
    const uint8_t *begin[checksig_max_lanes];
    uint32_t blocks[checksig_max_lanes];
    uint32_t rest[checksig_max_lanes]; // the size of the last block
    uint32_t first[checksig_max_lanes], last[checksig_max_lanes];
    uint32_t to[checksig_max_lanes];
    _Alignas(64) uint32_t state[words * checksig_max_lanes]; // word by word
};

// Assigns nodes of *next to the lanes that have none.
static void take(struct queue *queue, struct lanes *lanes)
{
    const struct checksig_nodes *nodes = queue->next;
    const uint32_t room = lanes->width - lanes->busy, left = nodes->count - queue->index;
    const uint32_t count = left < room ? left : room;
    const uint32_t blocks = nodes->size == 0 ? 1 : (nodes->size + block_size - 1) / block_size;
    const uint8_t *begin = queue->memory + nodes->offset + (uint64_t)nodes->size * queue->index;
    uint32_t *low = lanes->state + 8 * lanes->width, *high = low + lanes->width;
    for (uint32_t i = 0, lane = lanes->busy; i < count; i++, lane++) {
        const uint64_t counter = nodes->counter + (uint64_t)nodes->step * (queue->index + i);
        low[lane] = (uint32_t)counter;
        high[lane] = (uint32_t)(counter >> 32);
        lanes->begin[lane] = begin + (uint64_t)nodes->size * i;
        lanes->blocks[lane] = blocks;
        lanes->rest[lane] = nodes->size - (blocks - 1) * block_size;
        lanes->first[lane] = nodes->first;
        lanes->last[lane] = nodes->last;
        lanes->to[lane] = nodes->to + queue->index + i;
    }
    lanes->busy += count;
    queue->count -= count;
    queue->index += count;
    if (queue->index == nodes->count) {
        queue->index = 0;
        queue->next++;
    }
}

// Sets data to the next block of each lane, after done blocks, and the flags and lengths in
// the lanes' states. Returns for how many blocks these stay the same. A lane that has no more
// blocks compresses those of another lane, and the result is not used.
static uint32_t next_blocks(struct lanes *lanes, uint32_t done, const uint8_t **data)
{
    uint32_t *length = lanes->state + 10 * lanes->width, *flags = length + lanes->width;
    uint32_t same = UINT32_MAX, longest = 0;
    for (uint32_t lane = 0; lane < lanes->busy; lane++) {
        const uint32_t before_last = lanes->blocks[lane] - done - 1; // huge if there are no more blocks
        const uint32_t is_last = before_last == 0 ? UINT32_MAX : 0;
        same = before_last < same ? before_last : same;
        longest = lanes->blocks[lane] > lanes->blocks[longest] ? lane : longest;
        length[lane] = (lanes->rest[lane] & is_last) | (block_size & ~is_last);
        flags[lane] = (done == 0 ? lanes->first[lane] : 0) | (lanes->last[lane] & is_last);
    }
    for (uint32_t lane = 0; lane < lanes->width; lane++) {
        const uint32_t from = lane < lanes->busy && lanes->blocks[lane] > done ? lane : longest;
        data[lane] = lanes->begin[from] + (size_t)done * block_size;
    }
    return done == 0 || same == 0 ? 1 : same;
}

static void store(const struct lanes *lanes, uint32_t lane, uint32_t *value)
{
    for (uint32_t word = 0; word < value_words; word++)
        value[word] = lanes->state[word * lanes->width + lane];
}

// Compresses all blocks of the lanes' nodes.
static void compress(const struct checksig_kernel *kernel, struct lanes *lanes, uint32_t *values)
{
    const uint8_t *data[checksig_max_lanes];
    for (uint32_t word = 0; word < value_words; word++)
        for (uint32_t lane = 0; lane < lanes->width; lane++)
            lanes->state[word * lanes->width + lane] = checksig_blake3_begin[word];
    for (uint32_t done = 0, left = lanes->busy; left > 0;) {
        const uint32_t blocks = next_blocks(lanes, done, data);
        kernel->compress(lanes->state, data, blocks);
        done += blocks;
        for (uint32_t lane = 0; lane < lanes->busy; lane++) {
            if (lanes->blocks[lane] == done) {
                store(lanes, lane, values + value_words * lanes->to[lane]);
                left--;
            }
        }
    }
}

void checksig_blake3(const struct checksig_kernel *kernels, size_t count, const struct checksig_nodes *nodes,
                     size_t nodes_count, const uint8_t *memory, uint32_t *values)
{
    struct queue queue = {.next = nodes, .memory = memory};
    struct lanes lanes;
    for (size_t i = 0; i < nodes_count; i++)
        queue.count += nodes[i].count;
    for (size_t i = 0; i < count; i++) {
        lanes.width = kernels[i].lanes;
        while (queue.count > 0 && queue.count >= kernels[i].least) {
            lanes.busy = 0;
            while (lanes.busy < lanes.width && queue.count > 0)
                take(&queue, &lanes);
            compress(&kernels[i], &lanes, values);
        }
    }
}
