// The system calls that round_linux.c and list_linux.c share.

#ifndef CHECKSIG_CALLS_H
#define CHECKSIG_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// From linux/openat2.h, which an old C library may lack.
enum { CHECKSIG_OPENAT2 = 437, CHECKSIG_NO_MAGIC_LINKS = 0x02, CHECKSIG_NO_SYMLINKS = 0x04, CHECKSIG_BENEATH = 0x08 };

// The same limits as in beneath_linux.go.
enum { CHECKSIG_AT_ONCE = 20, CHECKSIG_TRIES = 100, CHECKSIG_AGAIN = 8 };

static const struct timespec checksig_pause = {0, 1000000};

// Calls again if a signal interrupted the call.
#define CHECKSIG_RETRY(result, call)                    \
    for (int try = 0; try < CHECKSIG_TRIES; try++) {    \
        result = call;                                  \
        if (result >= 0 || errno != EINTR)              \
            break;                                      \
        if (try >= CHECKSIG_AT_ONCE)                    \
            nanosleep(&checksig_pause, NULL);           \
    }

// Opens a name below a directory. Calls again after EAGAIN, with which the kernel says that a rename
// elsewhere kept it from proving that ".." stays inside.
static inline int32_t checksig_open(int32_t directory, const char *name, int flags, uint64_t resolve)
{
    const struct {
        uint64_t flags, mode, resolve;
    } how = {(uint64_t)flags, 0, resolve | CHECKSIG_BENEATH};
    long fd = -1;
    for (int again = 0; again < CHECKSIG_AGAIN; again++) {
        CHECKSIG_RETRY(fd, syscall(CHECKSIG_OPENAT2, directory, name, &how, sizeof how))
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return (int32_t)fd;
}

#endif
