//go:build cgo

// Two things that a Go runtime does to the process that loads it are kept here,
// from before it starts, so that they can be undone or told.

#include "checksig.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

volatile int32_t checksig_forked = 0;

static struct rlimit descriptors;
static struct sigaction pipe_action;

static void in_child(void) { checksig_forked = 1; }

// The lowest priority that is not reserved: it runs before Go's own.
__attribute__((constructor(101))) static void remember(void)
{
    pthread_atfork(NULL, NULL, in_child);
    getrlimit(RLIMIT_NOFILE, &descriptors);
    sigaction(SIGPIPE, NULL, &pipe_action);
}

// Package os raises the soft limit of descriptors, which children would inherit
// and select() cannot bear; the runtime takes SIGPIPE, which Python ignores.
void checksig_restore_host(void)
{
    setrlimit(RLIMIT_NOFILE, &descriptors);
    sigaction(SIGPIPE, &pipe_action, NULL);
}
