// Many reads in one system call, by io_uring, for round_linux.c.

#ifndef CHECKSIG_RING_H
#define CHECKSIG_RING_H

#include <stdint.h>

// How many reads a ring takes at a time.
enum { CHECKSIG_RING_SIZE = 32 };

struct checksig_ring;

// Returns a new ring, which the caller must free, or NULL if there can be none. If the kernel does
// not allow this process to have one, it is not asked again.
struct checksig_ring *checksig_new_ring(void);

// Makes this process have no more rings.
void checksig_forbid_rings(void);

// Frees a ring without reads under way. NULL is allowed.
void checksig_free_ring(struct checksig_ring *ring);

// Adds a read of up to size bytes from the position of a file. The memory must stay until it has
// ended. id comes back with the result. Returns 0 if the ring is full.
int checksig_ring_add(struct checksig_ring *ring, int32_t fd, void *memory, uint32_t size, uint64_t id);

// Begins the reads that were added, and waits until all that are under way have ended, or for some
// time. Returns how many are under way, or have ended and were not taken. Reads that cannot be begun
// are forgotten.
int checksig_ring_wait(struct checksig_ring *ring);

// Takes the id and the result of a read that has ended: a number of bytes, or a negative error.
// Returns 0 if there is none.
int checksig_ring_take(struct checksig_ring *ring, uint64_t *id, int32_t *result);

#endif
