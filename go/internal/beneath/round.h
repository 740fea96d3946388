// What a round opens and reads, for round_linux.c and round_kernel.go.

#ifndef CHECKSIG_ROUND_H
#define CHECKSIG_ROUND_H

#include "ring.h"

#include <stdint.h>

// What to do with a piece, as bits.
enum { CHECKSIG_OPEN = 1, CHECKSIG_READ = 2 };

// What became of a piece.
enum {
    CHECKSIG_UNTOUCHED,
    CHECKSIG_WAITING,     // only inside of a call: it is not in memory
    CHECKSIG_ASKED,       // the same, and it is read by the ring
    CHECKSIG_OPENED,      // the file is open, and nothing was to be read
    CHECKSIG_MORE,        // the piece was read, and the file is still open
    CHECKSIG_ENDED,       // it was the last piece: the file did not change, and is closed
    CHECKSIG_CHANGED,     // the file changed, and is closed
    CHECKSIG_IRREGULAR,   // mode is not that of a regular file; it is closed
    CHECKSIG_NOT_OPENED,  // error says why
    CHECKSIG_NOT_READ,    // error says why; the file is closed
};

// The layout of a Stamp in Go.
struct checksig_stamp {
    int64_t size;
    uint64_t device, inode;
    int64_t mtime[2], ctime[2]; // seconds and nanoseconds
};

struct checksig_piece {
    struct checksig_stamp stamp; // as of the opening
    uint64_t name;               // where it begins in the names
    uint64_t from;               // where the piece goes in memory, in bytes
    int64_t left;                // bytes of the file that are not read yet
    int64_t ahead;               // bytes after those that were read that are read ahead; -1: the storage is not slow
    uint32_t size;               // of the piece; one byte more may be written
    uint32_t got;
    int32_t fd;
    int32_t error;
    uint32_t mode;
    uint16_t todo;
    uint16_t state;
};

struct checksig_round {
    struct checksig_ring *ring; // NULL: none was needed, or there can be none
    int32_t has_tried;          // to make one
    int32_t together;           // how many pieces the ring is for
    int32_t has_suitable;       // whether the next two are known
    int32_t suitable;           // whether the ring pays off for that device
    uint64_t suitable_device;
    uint64_t unable;   // the device of a file system that cannot say what is in memory
    int64_t time;      // for which files may be begun, in nanoseconds
    int64_t ahead;     // how many bytes of a file may be read ahead
    int32_t has_unable;
    int32_t waits;     // whether the storage is known to let its readers wait
    int32_t skip;      // how many pieces are probably not in memory
    int32_t directory;
    int32_t exhausted; // the error with which descriptors ran out
    int32_t count;     // of pieces
    int32_t waited;    // how many pieces were not in memory, as far as that is known
    int32_t at;        // the piece that is worked on
    int32_t left_alone; // set by another thread, to end after this piece
};

// Opens files and reads a piece of each. It begins to read all of them before it waits for one.
// It ends early, between two pieces, once *stopped is not 0.
void checksig_run_round(struct checksig_round *round, struct checksig_piece *pieces, const char *names, uint8_t *memory,
                        const uint32_t *stopped);

#endif
