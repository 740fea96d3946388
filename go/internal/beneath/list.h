// What list_linux.c does for list_kernel.go.

#ifndef CHECKSIG_LIST_H
#define CHECKSIG_LIST_H

#include <stdint.h>

// Lists the directory name below a directory: writes records of getdents64(2) to buffer, and their
// size to *length. Returns 0, or the number of an error. If the buffer is too small for all records,
// *fd is the open directory; otherwise it is -1.
int32_t checksig_list(int32_t directory, const char *name, uint8_t *buffer, int64_t size, int64_t *length, int32_t *fd);

#endif
