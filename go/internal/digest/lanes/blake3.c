//go:build cgo && (amd64 || arm64)

// Assigns the nodes of BLAKE3's trees (c2sp.org/BLAKE3, section 4) to the lanes of kernels.
// Chunks and parents are treated alike, because both consist of blocks that are compressed
// one after another.

#include "kernels.h"

#include <string.h>

const uint32_t checksig_blake3_begin[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                           0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

enum { block_size = 64, value_words = 8, words = 30 };

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
    _Alignas(64) uint32_t state[words * checksig_max_lanes]; // as blake3.h has it
    int begun; // whether words 0 to 7 of the state are those before the first block
    const struct checksig_nodes *flags_of; // the nodes of which set_flags set the flags last, or NULL
};

static uint32_t *word(struct lanes *lanes, uint32_t number) { return lanes->state + number * lanes->width; }

static void fill(struct lanes *lanes, uint32_t number, uint32_t value)
{
    uint32_t *all = word(lanes, number);
    for (uint32_t lane = 0; lane < lanes->width; lane++)
        all[lane] = value;
}

// Sets the values of all lanes to those before the first block.
static void begin(struct lanes *lanes)
{
    for (uint32_t number = 0; number < value_words && !lanes->begun; number++)
        fill(lanes, number, checksig_blake3_begin[number]);
    lanes->begun = 1;
}

static uint32_t blocks_of(const struct checksig_nodes *nodes)
{
    return nodes->size == 0 ? 1 : (nodes->size + block_size - 1) / block_size;
}

// Notes that the next nodes of the queue have lanes.
static void skip(struct queue *queue, uint32_t count)
{
    queue->count -= count;
    queue->index += count;
    if (queue->index == queue->next->count) {
        queue->index = 0;
        queue->next++;
    }
}

// Assigns nodes of *next to the lanes that have none.
static void take(struct queue *queue, struct lanes *lanes)
{
    const struct checksig_nodes *nodes = queue->next;
    const uint32_t room = lanes->width - lanes->busy, left = nodes->count - queue->index;
    const uint32_t count = left < room ? left : room;
    const uint32_t blocks = blocks_of(nodes);
    const uint8_t *begin = queue->memory + nodes->offset + (uint64_t)nodes->size * queue->index;
    uint32_t *low = word(lanes, 8), *high = word(lanes, 9);
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
    skip(queue, count);
}

// Sets data to the next block of each lane, after done blocks, and the flags and lengths in
// the lanes' states. Returns how many blocks can be compressed until a lane has no more. Such a
// lane then compresses those of another lane, and the result is not used.
static uint32_t next_blocks(struct lanes *lanes, uint32_t done, const uint8_t **data)
{
    uint32_t *first = word(lanes, 10), *last = word(lanes, 11), *length = word(lanes, 12);
    uint32_t count = UINT32_MAX, longest = 0;
    for (uint32_t lane = 0; lane < lanes->busy; lane++) {
        const uint32_t left = lanes->blocks[lane] > done ? lanes->blocks[lane] - done : UINT32_MAX;
        count = left < count ? left : count;
        longest = lanes->blocks[lane] > lanes->blocks[longest] ? lane : longest;
    }
    for (uint32_t lane = 0; lane < lanes->busy; lane++) {
        const uint32_t ends = lanes->blocks[lane] == done + count ? UINT32_MAX : 0;
        first[lane] = done == 0 ? lanes->first[lane] : 0;
        last[lane] = lanes->last[lane] & ends;
        length[lane] = (lanes->rest[lane] & ends) | (block_size & ~ends);
    }
    for (uint32_t lane = 0; lane < lanes->width; lane++) {
        const uint32_t from = lane < lanes->busy && lanes->blocks[lane] > done ? lane : longest;
        data[lane] = lanes->begin[from] + (size_t)done * block_size;
    }
    return count;
}

// Compresses all blocks of the lanes' nodes.
static void compress(const struct checksig_kernel *kernel, struct lanes *lanes, uint32_t *values)
{
    const uint8_t *data[checksig_max_lanes];
    const size_t value_size = value_words * sizeof *values;
    begin(lanes);
    for (uint32_t done = 0, left = lanes->busy; left > 0;) {
        const uint32_t blocks = next_blocks(lanes, done, data);
        kernel->compress(lanes->state, data, blocks);
        done += blocks;
        for (uint32_t lane = 0; lane < lanes->busy; lane++) {
            if (lanes->blocks[lane] == done) {
                memcpy(values + value_words * lanes->to[lane], word(lanes, 21) + value_words * lane, value_size);
                left--;
            }
        }
        if (left > 0) {
            memcpy(lanes->state, word(lanes, 13), value_size * lanes->width);
            lanes->begun = 0;
        }
    }
}

// Sets the flags and the length of all lanes to those of nodes, and the counter to that of the
// first. The queue never returns to nodes whose flags were set.
static void set_flags(struct lanes *lanes, const struct checksig_nodes *nodes, uint32_t blocks)
{
    if (lanes->flags_of == nodes)
        return;
    lanes->flags_of = nodes;
    fill(lanes, 8, (uint32_t)nodes->counter);
    fill(lanes, 9, (uint32_t)(nodes->counter >> 32));
    fill(lanes, 10, nodes->first);
    fill(lanes, 11, nodes->last);
    fill(lanes, 12, nodes->size - (blocks - 1) * block_size);
}

// Compresses the next count nodes, which have the same size and flags and fit into the lanes.
// Idle lanes compress some of them for nothing.
static void compress_equal(const struct checksig_kernel *kernel, struct lanes *lanes, struct queue *queue,
                           uint32_t count, uint32_t *values)
{
    const struct checksig_nodes *nodes = queue->next;
    const uint8_t *data[checksig_max_lanes];
    const uint8_t *first = queue->memory + nodes->offset + (uint64_t)nodes->size * queue->index;
    const uint64_t counter = nodes->counter + (uint64_t)nodes->step * queue->index;
    const uint32_t blocks = blocks_of(nodes);
    uint32_t *low = word(lanes, 8), *high = word(lanes, 9);
    for (uint32_t lane = 0; lane < lanes->width; lane++)
        data[lane] = lane < count ? first + (size_t)nodes->size * lane : first;
    begin(lanes);
    set_flags(lanes, nodes, blocks);
    for (uint32_t lane = 0; lane < lanes->width && nodes->step > 0; lane++) {
        low[lane] = (uint32_t)(counter + (uint64_t)nodes->step * lane);
        high[lane] = (uint32_t)((counter + (uint64_t)nodes->step * lane) >> 32);
    }
    kernel->compress(lanes->state, data, blocks);
    memcpy(values + (size_t)value_words * (nodes->to + queue->index), word(lanes, 21), value_words * sizeof *values * count);
    skip(queue, count);
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
        lanes.begun = 0;
        lanes.flags_of = NULL;
        while (queue.count > 0 && queue.count >= kernels[i].least) {
            const uint32_t count = queue.count < lanes.width ? (uint32_t)queue.count : lanes.width;
            if (count <= queue.next->count - queue.index) {
                compress_equal(&kernels[i], &lanes, &queue, count, values);
                continue;
            }
            lanes.busy = 0;
            while (lanes.busy < lanes.width && queue.count > 0)
                take(&queue, &lanes);
            compress(&kernels[i], &lanes, values);
        }
    }
}
