//go:build linux && cgo

package main

/*
#include <malloc.h>

// Glibc reserves 64 MiB of address space, and briefly 128 MiB, for each thread that calls
// malloc. Every thread of the helper does, but the engine's memory is Go's, so one arena is
// enough.
#ifdef M_ARENA_MAX
__attribute__((constructor)) static void share_one_arena(void) { mallopt(M_ARENA_MAX, 1); }
#endif
*/
import "C"
