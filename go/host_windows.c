//go:build cgo

// Windows has none of what host.c looks after: no fork, no limit on descriptors that
// package os would raise, no SIGPIPE, no limit on threads but memory.

#include "checksig.h"

// With cgo's list of exports the linker exports functions alone, unless told here.
__declspec(dllexport) volatile int32_t checksig_forked = 0;

void checksig_restore_host(void) {}

int32_t checksig_spare_threads(int32_t wanted) { return wanted; }
