//go:build cgo

// Windows does not need what host.c does. It has no fork, no limit on descriptors that
// package os would raise, no SIGPIPE, and no limit on threads except memory.

#include "checksig.h"

// By cgo's list of exports the linker exports only functions. This adds the variable.
__declspec(dllexport) volatile int32_t checksig_forked = 0;

void checksig_restore_host(void) {}

int32_t checksig_spare_threads(int32_t wanted) { return wanted; }
