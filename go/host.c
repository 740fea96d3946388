//go:build cgo && unix

// What a Go runtime changes in the process that loads it, and cannot detect or undo itself.

#include "checksig.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

volatile int32_t checksig_forked = 0;

static struct rlimit descriptors;
static struct sigaction pipe_action, urgent_action;

static void in_child(void) { checksig_forked = 1; }

// 101 is the first priority that is not reserved: this runs before Go's own constructor.
__attribute__((constructor(101))) static void remember(void)
{
    pthread_atfork(NULL, NULL, in_child);
    getrlimit(RLIMIT_NOFILE, &descriptors);
    sigaction(SIGPIPE, NULL, &pipe_action);
    sigaction(SIGURG, NULL, &urgent_action);
}

// Package os raises the soft limit of descriptors. Children would inherit it, and select()
// cannot handle high descriptors. The runtime handles SIGPIPE, which Python ignores, and SIGURG,
// with which it would preempt its threads.
void checksig_restore_host(void)
{
    setrlimit(RLIMIT_NOFILE, &descriptors);
    sigaction(SIGPIPE, &pipe_action, NULL);
    sigaction(SIGURG, &urgent_action, NULL);
}

// The threads of checksig_spare_threads wait at this gate until it opens.
static struct {
    pthread_mutex_t lock;
    pthread_cond_t arrived; // a thread is waiting
    pthread_cond_t opened;
    int32_t waiting;
    int32_t open;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0};

// Go's threads free the memory that they were started with. For that the C library may
// reserve as much address space as for eight stacks. These threads do the same.
static void *wait_at_gate(void *argument)
{
    free(argument);
    pthread_mutex_lock(&gate.lock);
    gate.waiting++;
    pthread_cond_signal(&gate.arrived);
    while (!gate.open)
        pthread_cond_wait(&gate.opened, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    return NULL;
}

// Starts up to wanted threads, and returns how many of them are waiting at the gate.
static int32_t fill_gate(pthread_t *threads, int32_t wanted)
{
    int32_t started = 0;
    while (started < wanted) {
        void *argument = malloc(64);
        if (pthread_create(&threads[started], NULL, wait_at_gate, argument) != 0) {
            free(argument);
            break;
        }
        started++;
        while (gate.waiting < started)
            pthread_cond_wait(&gate.arrived, &gate.lock);
    }
    return started;
}

// Address space that must remain for the memory of the runtime, in bytes.
static const size_t reserve = (size_t)256 << 20;

// Returns how many of the wanted threads this process can have at the same time. It starts
// them and lets them end. Only one call at a time is allowed.
int32_t checksig_spare_threads(int32_t wanted)
{
    int32_t started = 0;
    pthread_t *threads = calloc((size_t)wanted, sizeof *threads);
    void *held = mmap(NULL, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (threads != NULL && held != MAP_FAILED) {
        pthread_mutex_lock(&gate.lock);
        gate.waiting = gate.open = 0;
        started = fill_gate(threads, wanted);
        gate.open = 1;
        pthread_cond_broadcast(&gate.opened);
        pthread_mutex_unlock(&gate.lock);
        for (int32_t i = 0; i < started; i++)
            pthread_join(threads[i], NULL);
    }
    if (held != MAP_FAILED)
        munmap(held, reserve);
    free(threads);
    return started;
}
