//go:build cgo && (amd64 || arm64)

// Lists a directory in one call from Go, for the reason that round_linux.c gives.

#define _GNU_SOURCE
#include "list.h"

#include "calls.h"

enum { LARGEST_RECORD = 512 }; // more than a record of getdents64 ever has

int32_t checksig_list(int32_t directory, const char *name, uint8_t *buffer, int64_t size, int64_t *length, int32_t *fd)
{
    long got = -1;
    int error = 0;
    *length = 0;
    *fd = checksig_open(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, CHECKSIG_NO_SYMLINKS);
    if (*fd < 0)
        return errno;
    while (size - *length >= LARGEST_RECORD) {
        CHECKSIG_RETRY(got, syscall(SYS_getdents64, *fd, buffer + *length, (size_t)(size - *length)))
        if (got <= 0) {
            error = got < 0 ? errno : 0;
            syscall(SYS_close, *fd);
            *fd = -1;
            return error;
        }
        *length += got;
    }
    return 0;
}
