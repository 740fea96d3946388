//go:build cgo && (amd64 || arm64)

// Runs a whole round of system calls in one call from Go. The Go runtime lets other goroutines
// run only some time after a call has begun to wait, so a call for each file would leave the
// storage idle.

#define _GNU_SOURCE
#include "round.h"

#include "calls.h"

#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#ifndef SYS_preadv2 // headers older than Linux 4.6
#ifdef __x86_64__
#define SYS_preadv2 327
#else
#define SYS_preadv2 286
#endif
#endif

enum { NO_WAIT = 0x08 }; // RWF_NOWAIT of linux/fs.h

// A storage is slow if it takes more than SLOW nanoseconds for a byte, over at least SLOW_BYTES: the
// kernel alone then reads too little ahead. Where the storage is fast, the kernel does it better.
enum { SLOW = 10, SLOW_BYTES = 64 * 1024 };

// After a piece that is not in memory, so many are not tried.
enum { SKIPPED = 7 };

// How many files are begun between two looks at the clock.
enum { CLOCK_EVERY = 4 };

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int must_stop(const struct checksig_round *round, const uint32_t *stopped)
{
    return __atomic_load_n(stopped, __ATOMIC_RELAXED) || __atomic_load_n(&round->left_alone, __ATOMIC_RELAXED);
}

static void end(struct checksig_piece *piece, int state, int error)
{
    if (piece->fd >= 0)
        syscall(SYS_close, piece->fd);
    piece->fd = -1;
    piece->state = (uint16_t)state;
    piece->error = error;
}

static int look(struct checksig_piece *piece, struct checksig_stamp *stamp)
{
    struct stat status;
    long result = -1;
    CHECKSIG_RETRY(result, syscall(SYS_fstat, piece->fd, &status))
    if (result < 0)
        return -1;
    *stamp = (struct checksig_stamp){
        status.st_size,
        status.st_dev,
        status.st_ino,
        {status.st_mtim.tv_sec, status.st_mtim.tv_nsec},
        {status.st_ctim.tv_sec, status.st_ctim.tv_nsec},
    };
    piece->mode = status.st_mode;
    return 0;
}

static int same(const struct checksig_stamp *a, const struct checksig_stamp *b)
{
    return a->size == b->size && a->device == b->device && a->inode == b->inode && a->mtime[0] == b->mtime[0] &&
           a->mtime[1] == b->mtime[1] && a->ctime[0] == b->ctime[0] && a->ctime[1] == b->ctime[1];
}

// Opens a file. Returns whether descriptors have not run out.
static int open_file(struct checksig_round *round, struct checksig_piece *piece, const char *names)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_LARGEFILE;
    piece->fd = checksig_open(round->directory, names + piece->name, flags, CHECKSIG_NO_MAGIC_LINKS);
    if (piece->fd < 0) {
        if (errno == EMFILE || errno == ENFILE) {
            round->exhausted = errno;
            return 0;
        }
        end(piece, CHECKSIG_NOT_OPENED, errno);
        round->waited++; // perhaps
    } else if (look(piece, &piece->stamp) < 0) {
        end(piece, CHECKSIG_NOT_READ, errno);
    } else if (!S_ISREG(piece->mode)) {
        end(piece, CHECKSIG_IRREGULAR, 0);
    } else {
        piece->left = piece->stamp.size;
        piece->ahead = -1;
        piece->state = CHECKSIG_OPENED;
    }
    return 1;
}

static void advise(const struct checksig_piece *piece, int64_t from, int64_t to)
{
    if (from < to) // an error makes reading slower, no more
        (void)posix_fadvise(piece->fd, piece->stamp.size - piece->left + from, to - from, POSIX_FADV_WILLNEED);
}

// Keeps enough of a file under way from a storage that delivers little at a time.
static void read_ahead(const struct checksig_round *round, struct checksig_piece *piece)
{
    int64_t most = piece->left < round->ahead ? piece->left : round->ahead;
    if (piece->ahead < 0 || piece->ahead >= most / 2)
        return;
    advise(piece, piece->ahead, most);
    piece->ahead = most;
}

// Returns how many bytes to ask for: at most one more than the file had when it was opened.
static uint32_t rest_of(const struct checksig_piece *piece)
{
    uint32_t rest = piece->size - piece->got;
    return piece->left > rest ? rest : (uint32_t)(piece->left < 0 ? 0 : piece->left) + 1;
}

// Reads. With NO_WAIT it only reads what is in memory.
static ssize_t read_some(struct checksig_piece *piece, uint8_t *to, int flags)
{
    uint32_t asked = rest_of(piece);
    ssize_t got = -1;
    if (flags != 0) {
        struct iovec part = {to + piece->got, asked};
        return syscall(SYS_preadv2, piece->fd, &part, 1, -1L, -1L, flags);
    }
    CHECKSIG_RETRY(got, syscall(SYS_read, piece->fd, to + piece->got, asked))
    return got;
}

// Notes what was read. Returns whether the piece is complete.
static int took(struct checksig_piece *piece, ssize_t got)
{
    int64_t asked = piece->size - piece->got;
    if (piece->left <= asked)
        asked = piece->left + 1;
    piece->got += (uint32_t)got;
    piece->left -= got;
    if (piece->ahead >= 0)
        piece->ahead = piece->ahead > got ? piece->ahead - got : 0;
    if (got > 0 && piece->left >= 0 && (piece->left > 0 || got == asked)) {
        piece->state = CHECKSIG_MORE;
        return piece->got >= piece->size;
    }
    struct checksig_stamp stamp;
    if (look(piece, &stamp) < 0)
        end(piece, CHECKSIG_NOT_READ, errno);
    else
        end(piece, piece->left == 0 && same(&stamp, &piece->stamp) ? CHECKSIG_ENDED : CHECKSIG_CHANGED, 0);
    return 1;
}

static void read_rest(struct checksig_round *round, struct checksig_piece *piece, uint8_t *memory, const uint32_t *stopped)
{
    while (!must_stop(round, stopped)) {
        int measured = piece->ahead < 0 && piece->left > SLOW_BYTES;
        int64_t start = measured ? now() : 0;
        ssize_t got = read_some(piece, memory + piece->from, 0);
        if (measured && got > SLOW_BYTES && now() - start > got * SLOW)
            piece->ahead = 0;
        if (got < 0) {
            end(piece, CHECKSIG_NOT_READ, errno);
            return;
        }
        if (took(piece, got))
            return;
    }
    end(piece, CHECKSIG_NOT_READ, ECANCELED);
}

// Reads what is in memory of a piece. Returns whether that is all of it. If something is not in memory,
// the next pieces probably are not either, and most are not tried.
static int read_from_memory(struct checksig_round *round, struct checksig_piece *piece, uint8_t *memory)
{
    if (round->skip > 0) {
        round->skip--;
        return 0;
    }
    for (;;) {
        ssize_t got = read_some(piece, memory + piece->from, NO_WAIT);
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            round->has_unable = 1;
            round->unable = piece->stamp.device;
        }
        if (got < 0 || (got == 0 && piece->left > 0)) { // some kernels return 0 for what is not in memory
            round->skip = SKIPPED;
            return 0;
        }
        if (took(piece, got))
            return 1;
    }
}

// Returns whether a ring needs no threads of the kernel to read from a file system, as of linux/magic.h.
static int is_suitable(int fd)
{
    enum { EXT4 = 0xEF53, XFS = 0x58465342, BTRFS = 0x9123683E, F2FS = 0xF2F52010 };
    struct statfs found;
    if (fstatfs(fd, &found) < 0)
        return 0;
    uint32_t type = (uint32_t)found.f_type;
    return type == EXT4 || type == XFS || type == BTRFS || type == F2FS;
}

// Returns whether the ring reads a piece: together with others, and to the end of its file, so that
// the storage need not be measured.
static int is_for_ring(struct checksig_round *round, const struct checksig_piece *piece)
{
    if (round->count < 2 || piece->left > piece->size - piece->got || (round->has_tried && round->ring == NULL))
        return 0;
    if (!round->has_suitable || round->suitable_device != piece->stamp.device) {
        round->has_suitable = 1;
        round->suitable_device = piece->stamp.device;
        round->suitable = is_suitable(piece->fd);
    }
    if (!round->suitable)
        return 0;
    if (!round->has_tried) {
        round->has_tried = 1;
        round->ring = checksig_new_ring();
    }
    return round->ring != NULL;
}

// Reads pieces by the ring. Those that are not complete after that are still waiting.
static void read_together(struct checksig_round *round, struct checksig_piece *pieces, int32_t end, uint8_t *memory)
{
    for (int32_t i = 0; i < end; i++) {
        struct checksig_piece *piece = &pieces[i];
        if (piece->state == CHECKSIG_WAITING && is_for_ring(round, piece) &&
            checksig_ring_add(round->ring, piece->fd, memory + piece->from + piece->got, rest_of(piece), (uint64_t)i))
            piece->state = CHECKSIG_ASKED;
    }
    int32_t first = 0, refused = 0;
    while (checksig_ring_wait(round->ring) > 0) {
        uint64_t id;
        int32_t got;
        while (checksig_ring_take(round->ring, &id, &got)) {
            if (got == -EAGAIN) { // as older kernels do for files that were opened with O_NONBLOCK
                refused = 1;
                advise(&pieces[id], 0, pieces[id].left);
            }
            int complete = (got > 0 || (got == 0 && pieces[id].left == 0)) && took(&pieces[id], got);
            if (!complete)
                pieces[id].state = CHECKSIG_WAITING;
        }
        while (first < end - 1 && pieces[first].state != CHECKSIG_ASKED)
            first++;
        __atomic_store_n(&round->at, first, __ATOMIC_RELAXED);
    }
    for (int32_t i = 0; i < end; i++) // what the kernel did not begin
        if (pieces[i].state == CHECKSIG_ASKED)
            pieces[i].state = CHECKSIG_WAITING;
    if (refused) {
        checksig_forbid_rings();
        checksig_free_ring(round->ring);
        round->ring = NULL;
    }
}

// Reads what is in memory of a piece, and begins to read the rest. Where the file system cannot say
// what is in memory, reads it all, unless the storage is known to let its readers wait.
static void begin_to_read(struct checksig_round *round, struct checksig_piece *piece, uint8_t *memory,
                          const uint32_t *stopped)
{
    int unable = round->has_unable && round->unable == piece->stamp.device;
    if (!unable && read_from_memory(round, piece, memory)) {
        if (piece->state == CHECKSIG_MORE)
            read_ahead(round, piece);
        return;
    }
    round->waited++;
    if (unable && !round->waits) {
        read_rest(round, piece, memory, stopped);
        return;
    }
    piece->state = CHECKSIG_WAITING;
    if (!unable && is_for_ring(round, piece)) {
        round->together++;
        return;
    }
    if (piece->ahead < 0)
        advise(piece, 0, piece->left < piece->size - piece->got ? piece->left : piece->size - piece->got);
    read_ahead(round, piece);
}

void checksig_run_round(struct checksig_round *round, struct checksig_piece *pieces, const char *names, uint8_t *memory,
                        const uint32_t *stopped)
{
    int64_t until = now() + round->time;
    int32_t end = round->count;
    round->exhausted = round->waited = round->together = 0;
    for (int32_t i = 0; i < end; i++) {
        struct checksig_piece *piece = &pieces[i];
        if (must_stop(round, stopped))
            end = i;
        else if (i > 0 && i % CLOCK_EVERY == 0 && now() > until)
            end = i;
        if (i == end)
            break;
        __atomic_store_n(&round->at, i, __ATOMIC_RELAXED);
        if (piece->todo & CHECKSIG_OPEN) {
            if (round->exhausted != 0 || !open_file(round, piece, names))
                continue;
            if (piece->state != CHECKSIG_OPENED)
                continue;
        }
        if (piece->todo & CHECKSIG_READ)
            begin_to_read(round, piece, memory, stopped);
    }
    if (round->together > 1)
        read_together(round, pieces, end, memory);
    for (int32_t i = 0; i < end; i++) {
        if (pieces[i].state != CHECKSIG_WAITING)
            continue;
        __atomic_store_n(&round->at, i, __ATOMIC_RELAXED);
        read_rest(round, &pieces[i], memory, stopped);
    }
}
