//go:build linux && cgo

package main

/*
#include <malloc.h>

// Glibc reserves 64 MiB of address space, and for a moment 128, for each thread that calls
// malloc. Here that is each thread, and for little: the engine's memory is Go's.
#ifdef M_ARENA_MAX
__attribute__((constructor)) static void share_one_arena(void) { mallopt(M_ARENA_MAX, 1); }
#endif
*/
import "C"
