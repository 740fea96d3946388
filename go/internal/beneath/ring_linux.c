//go:build cgo && (amd64 || arm64)

// The kernel combines the reads that are begun together: those of neighboring files can become one
// request to the disk, and the disk is told of all requests at once. See io_uring(7), io_uring_setup(2) and
// io_uring_enter(2), whose structures an old C library lacks.

#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SETUP = 425, ENTER = 426 };                       // system calls
enum { READ = 22 };                                      // an operation
enum { GET_EVENTS = 1, EXTENDED = 8 };                   // flags of ENTER
enum { SINGLE_MAP = 1, NO_DROP = 2, POSITION = 8, TIMEOUT = 256, NATIVE_WORKERS = 512 }; // features
enum { NEEDED = SINGLE_MAP | NO_DROP | POSITION | TIMEOUT | NATIVE_WORKERS };           // Linux 5.12

static const int64_t RINGS = 0, REQUESTS = 0x10000000; // what to map

// How long to wait before the results that there are can be taken, in nanoseconds.
static const int64_t AT_MOST = 100 * 1000000;

struct offsets {
    uint32_t head, tail, mask, entries, other[2], array, reserved;
    uint64_t address;
};

struct parameters {
    uint32_t requests, results, flags, cpu, idle, features, workers, reserved[3];
    struct offsets to_requests;
    struct {
        uint32_t head, tail, mask, entries, overflow, results, flags, reserved;
        uint64_t address;
    } to_results;
};

struct request {
    uint8_t operation, flags;
    uint16_t priority;
    int32_t fd;
    int64_t offset;
    uint64_t memory;
    uint32_t size, more_flags;
    uint64_t id, unused[3];
};

struct result {
    uint64_t id;
    int32_t result;
    uint32_t flags;
};

_Static_assert(sizeof(struct parameters) == 120 && sizeof(struct request) == 64 && sizeof(struct result) == 16,
               "the layout is that of linux/io_uring.h");

struct checksig_ring {
    int fd;
    int added, under_way;
    char *rings;
    size_t rings_size;
    struct request *requests;
    size_t requests_size;
    uint32_t *request_head, *request_tail, request_mask, *array;
    uint32_t *result_head, *result_tail, result_mask;
    struct result *results;
};

static int forbidden;

void checksig_forbid_rings(void) { __atomic_store_n(&forbidden, 1, __ATOMIC_RELAXED); }

static int map(struct checksig_ring *ring, const struct parameters *p)
{
    size_t requests = p->to_requests.array + p->requests * sizeof(uint32_t);
    size_t results = p->to_results.results + p->results * sizeof(struct result);
    ring->rings_size = requests > results ? requests : results;
    ring->requests_size = p->requests * sizeof(struct request);
    char *rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, RINGS);
    if (rings == MAP_FAILED)
        return 0;
    ring->rings = rings;
    void *all = mmap(NULL, ring->requests_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, REQUESTS);
    if (all == MAP_FAILED)
        return 0;
    ring->requests = all;
    ring->request_head = (uint32_t *)(rings + p->to_requests.head);
    ring->request_tail = (uint32_t *)(rings + p->to_requests.tail);
    ring->request_mask = *(uint32_t *)(rings + p->to_requests.mask);
    ring->array = (uint32_t *)(rings + p->to_requests.array);
    ring->result_head = (uint32_t *)(rings + p->to_results.head);
    ring->result_tail = (uint32_t *)(rings + p->to_results.tail);
    ring->result_mask = *(uint32_t *)(rings + p->to_results.mask);
    ring->results = (struct result *)(rings + p->to_results.results);
    return 1;
}

struct checksig_ring *checksig_new_ring(void)
{
    if (__atomic_load_n(&forbidden, __ATOMIC_RELAXED))
        return NULL;
    struct checksig_ring *ring = calloc(1, sizeof *ring);
    if (ring == NULL)
        return NULL;
    struct parameters parameters = {0};
    ring->fd = (int)syscall(SETUP, CHECKSIG_RING_SIZE, &parameters);
    int allowed = ring->fd >= 0 ? (parameters.features & NEEDED) == NEEDED : errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    if (!allowed)
        checksig_forbid_rings();
    if (allowed && ring->fd >= 0 && map(ring, &parameters))
        return ring;
    checksig_free_ring(ring);
    return NULL;
}

void checksig_free_ring(struct checksig_ring *ring)
{
    if (ring == NULL)
        return;
    if (ring->requests != NULL)
        munmap(ring->requests, ring->requests_size);
    if (ring->rings != NULL)
        munmap(ring->rings, ring->rings_size);
    if (ring->fd >= 0)
        syscall(SYS_close, ring->fd);
    free(ring);
}

int checksig_ring_add(struct checksig_ring *ring, int32_t fd, void *memory, uint32_t size, uint64_t id)
{
    if (ring->added + ring->under_way >= CHECKSIG_RING_SIZE)
        return 0;
    uint32_t tail = *ring->request_tail + (uint32_t)ring->added++;
    struct request *request = &ring->requests[tail & ring->request_mask];
    *request = (struct request){.operation = READ, .fd = fd, .offset = -1, .memory = (uintptr_t)memory, .size = size, .id = id};
    ring->array[tail & ring->request_mask] = tail & ring->request_mask;
    return 1;
}

// Enters the kernel. Returns how many reads were begun, or -1.
static int enter(const struct checksig_ring *ring, int begin, int wait)
{
    const int64_t timeout[2] = {0, AT_MOST}; // seconds and nanoseconds
    const struct {
        uint64_t signals;
        uint32_t signals_size, reserved;
        uint64_t timeout;
    } argument = {0, 0, 0, (uintptr_t)timeout};
    return (int)syscall(ENTER, ring->fd, begin, wait, GET_EVENTS | EXTENDED, &argument, sizeof argument);
}

int checksig_ring_wait(struct checksig_ring *ring)
{
    int added = ring->added;
    ring->added = 0;
    if (added > 0) {
        __atomic_store_n(ring->request_tail, *ring->request_tail + (uint32_t)added, __ATOMIC_RELEASE);
        (void)enter(ring, added, added + ring->under_way);
        uint32_t head = __atomic_load_n(ring->request_head, __ATOMIC_ACQUIRE);
        ring->under_way += added - (int)(*ring->request_tail - head);
        __atomic_store_n(ring->request_tail, head, __ATOMIC_RELEASE);
    } else if (ring->under_way > 0) {
        (void)enter(ring, 0, ring->under_way);
    }
    return ring->under_way;
}

int checksig_ring_take(struct checksig_ring *ring, uint64_t *id, int32_t *result)
{
    uint32_t head = *ring->result_head;
    if (head == __atomic_load_n(ring->result_tail, __ATOMIC_ACQUIRE))
        return 0;
    const struct result *next = &ring->results[head & ring->result_mask];
    *id = next->id;
    *result = next->result;
    __atomic_store_n(ring->result_head, head + 1, __ATOMIC_RELEASE);
    ring->under_way--;
    return 1;
}
