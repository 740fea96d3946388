//go:build cgo && (amd64 || arm64)

// Assigns streams to the lanes of kernels, the longest first, so that they end at about the same
// time. When a stream ends, the next one gets its lane. When too few streams are left for a wide
// kernel, a narrower one continues.

#include "kernels.h"

#include <string.h>

struct shape {
    uint32_t word, words, block; // sizes in bytes, words of the state
};

static const struct shape shapes[CHECKSIG_ALGORITHMS] = {
    [CHECKSIG_MD5] = {4, 4, 64},
    [CHECKSIG_SHA1] = {4, 5, 64},
    [CHECKSIG_SHA256] = {4, 8, 64},
    [CHECKSIG_SHA512] = {8, 8, 128},
    [CHECKSIG_BLAKE3] = {4, 13, 64}, // only for measuring: blake3.c hashes its trees
};

// A piece is the part of a stream that is not hashed yet.
struct piece {
    struct checksig_stream *stream;
    const uint8_t *data;
    size_t left; // blocks of data, or of the tail once those are done
};

enum { max_sorted = 64 };

// The streams that no lane has yet.
struct queue {
    struct piece begun[checksig_max_lanes]; // streams that a wider kernel has begun
    size_t begun_count;
    struct checksig_stream *sorted[max_sorted]; // the next streams with blocks, the shortest first
    size_t sorted_count;
    struct checksig_stream *next, *end; // the others
    const uint8_t *memory;
};

static int turn_to_tail(struct piece *piece)
{
    piece->data = piece->stream->tail;
    piece->left = piece->stream->tail_blocks;
    piece->stream->tail_blocks = 0;
    return piece->left > 0;
}

static uint64_t blocks_of(const struct checksig_stream *stream)
{
    return (uint64_t)stream->blocks + stream->tail_blocks;
}

// Sorts the next streams that have blocks, by insertion: in most rounds, all have the same size.
static void sort(struct queue *queue)
{
    for (; queue->next < queue->end && queue->sorted_count < max_sorted; queue->next++) {
        size_t at = queue->sorted_count;
        if (blocks_of(queue->next) == 0)
            continue;
        for (; at > 0 && blocks_of(queue->sorted[at - 1]) > blocks_of(queue->next); at--)
            queue->sorted[at] = queue->sorted[at - 1];
        queue->sorted[at] = queue->next;
        queue->sorted_count++;
    }
}

static int take(struct queue *queue, struct piece *piece)
{
    if (queue->begun_count > 0) {
        *piece = queue->begun[--queue->begun_count];
        return 1;
    }
    if (queue->sorted_count == 0)
        sort(queue);
    if (queue->sorted_count == 0)
        return 0;
    struct checksig_stream *stream = queue->sorted[--queue->sorted_count];
    *piece = (struct piece){stream, queue->memory + stream->offset, stream->blocks};
    stream->blocks = 0;
    if (piece->left == 0)
        turn_to_tail(piece);
    return 1;
}

// The states of all lanes of a kernel: word 0 of each lane, then word 1 of each, and so on.
struct states {
    const struct shape *shape;
    uint32_t lanes;
    _Alignas(64) uint8_t bytes[8 * sizeof(uint64_t) * checksig_max_lanes];
};

static uint8_t *word_of(struct states *states, uint32_t lane, uint32_t word)
{
    return states->bytes + states->shape->word * (word * states->lanes + lane);
}

// A word has 4 or 8 bytes. Compilers copy neither with a call.
static void copy_word(void *to, const void *from, uint32_t size)
{
    if (size == sizeof(uint32_t))
        memcpy(to, from, sizeof(uint32_t));
    else
        memcpy(to, from, sizeof(uint64_t));
}

static void load(struct states *states, uint32_t lane, const struct checksig_stream *stream)
{
    const struct shape *shape = states->shape;
    for (uint32_t word = 0; word < shape->words; word++)
        copy_word(word_of(states, lane, word), (const uint8_t *)stream->state + shape->word * word, shape->word);
}

static void store(struct states *states, uint32_t lane, struct checksig_stream *stream)
{
    const struct shape *shape = states->shape;
    for (uint32_t word = 0; word < shape->words; word++)
        copy_word((uint8_t *)stream->state + shape->word * word, word_of(states, lane, word), shape->word);
}

static void move(struct states *states, uint32_t to, uint32_t from)
{
    const struct shape *shape = states->shape;
    for (uint32_t word = 0; word < shape->words; word++)
        copy_word(word_of(states, to, word), word_of(states, from, word), shape->word);
}

// Runs a kernel as long as enough of its lanes are busy.
static void work(const struct checksig_kernel *kernel, struct states *states, struct queue *queue)
{
    struct piece pieces[checksig_max_lanes];
    const uint8_t *data[checksig_max_lanes];
    uint32_t busy = 0; // lanes 0 to busy - 1 have a stream
    for (;;) {
        while (busy < kernel->lanes && take(queue, &pieces[busy])) {
            load(states, busy, pieces[busy].stream);
            busy++;
        }
        if (busy < kernel->least || busy == 0)
            break;
        size_t blocks = pieces[0].left;
        for (uint32_t lane = 1; lane < busy; lane++)
            blocks = pieces[lane].left < blocks ? pieces[lane].left : blocks;
        for (uint32_t lane = 0; lane < kernel->lanes; lane++)
            data[lane] = pieces[lane < busy ? lane : 0].data; // idle lanes hash lane 0's data for nothing
        kernel->compress(states->bytes, data, blocks);
        for (uint32_t lane = 0; lane < busy;) {
            struct piece *piece = &pieces[lane];
            piece->data += states->shape->block * blocks;
            piece->left -= blocks;
            if (piece->left > 0 || turn_to_tail(piece)) {
                lane++;
                continue;
            }
            store(states, lane, piece->stream);
            if (take(queue, piece)) {
                load(states, lane, piece->stream);
                lane++;
            } else if (lane < --busy) { // this lane gets the last stream, which has not advanced yet
                move(states, lane, busy);
                *piece = pieces[busy];
            }
        }
    }
    for (uint32_t lane = 0; lane < busy; lane++) {
        store(states, lane, pieces[lane].stream);
        queue->begun[queue->begun_count++] = pieces[lane];
    }
}

void checksig_run(int algorithm, const struct checksig_kernel *kernels, size_t count, struct checksig_stream *streams,
                  size_t streams_count, const uint8_t *memory)
{
    struct states states;
    struct queue queue = {.next = streams, .end = streams + streams_count, .memory = memory};
    states.shape = &shapes[algorithm];
    for (size_t i = 0; i < count; i++) {
        states.lanes = kernels[i].lanes;
        work(&kernels[i], &states, &queue);
    }
}
