//go:build cgo

// Starts the Go runtime with an environment of its own, and its threads with all signals blocked
// except those of faults.
//
// The runtime reads GODEBUG, GOMEMLIMIT, GOMAXPROCS and more from the environment of the process.
// They are meant for another program, and may end this one. The threads of the runtime would take
// signals that the host waits for. A constructor that the Go linker puts into this library starts
// the runtime.

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

typedef void constructor(int argc, char **argv, char **environment);

extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

// Without asynchronous preemption the runtime sends itself no SIGURG, which may be the host's.
static char debug_setting[] = "GODEBUG=asyncpreemptoff=1";

// Returns the vector that the runtime reads instead of argv: the arguments, the variables that
// the library knows, and the auxiliary vector of the kernel. NULL if there is no memory. It is
// never freed, because the runtime keeps it.
static char **make_vector(int argc, char **argv)
{
    char **from = argv + argc + 1, **vector, **to;
    ElfW(auxv_t) *auxiliary, *copy;
    size_t variables = 0, pairs = 1;

    while (from[variables] != NULL)
        variables++;
    auxiliary = (ElfW(auxv_t) *)(from + variables + 1);
    while (auxiliary[pairs - 1].a_type != AT_NULL)
        pairs++;
    vector = calloc((size_t)argc + variables + 4 + 2 * pairs, sizeof *vector);
    if (vector == NULL)
        return NULL;
    memcpy(vector, argv, (size_t)argc * sizeof *vector);
    to = vector + argc + 1;
    *to++ = debug_setting;
    for (; *from != NULL; from++)
        if (strncmp(*from, "CHECKSIG_", 9) == 0)
            *to++ = *from;
    copy = (ElfW(auxv_t) *)(to + 1);
    memcpy(copy, auxiliary, pairs * sizeof *copy);
    return vector;
}

// Makes the pages with the constructors of this library writable, or read-only again. They
// need not be changed where the linker left them writable.
static int protect(const void *start, size_t size, int protection)
{
    const char *base = (const char *)&__ehdr_start;
    const ElfW(Phdr) *header = (const ElfW(Phdr) *)(base + __ehdr_start.e_phoff);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (uintptr_t)start & -page, to = ((uintptr_t)start + size + page - 1) & -page;

    for (int i = 0; i < __ehdr_start.e_phnum; i++, header++) {
        uintptr_t end = ((uintptr_t)base + header->p_vaddr + header->p_memsz) & -page;
        if (header->p_type == PT_GNU_RELRO && to <= end)
            return mprotect((void *)from, to - from, protection);
    }
    return 0;
}

// A thread of the runtime begins with all signals blocked. It then unblocks those that report its
// faults, but also others. SIGSTKFLT, which Linux never sends, is one of the others. It is pending in
// each new thread, so that this handler runs at that moment, and blocks them again.
static void block_again(int number, siginfo_t *information, void *interrupted)
{
    sigset_t *mask = &((ucontext_t *)interrupted)->uc_sigmask;

    (void)number, (void)information;
    sigaddset(mask, SIGCHLD);
    sigaddset(mask, SIGPROF);
    sigaddset(mask, SIGRTMIN);
    sigaddset(mask, SIGSTKFLT);
}

static void install_handler(void)
{
    struct sigaction action = {.sa_sigaction = block_again, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

    sigfillset(&action.sa_mask);
    sigaction(SIGSTKFLT, &action, NULL);
}

struct thread {
    void *(*run)(void *);
    void *argument;
};

static void *begin(void *argument)
{
    struct thread thread = *(struct thread *)argument;
    struct sigaction action;

    free(argument);
    if (sigaction(SIGSTKFLT, NULL, &action) == 0 && action.sa_sigaction == block_again)
        pthread_kill(pthread_self(), SIGSTKFLT);
    return thread.run(thread.argument);
}

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

// The linker puts this in the place of pthread_create, for this library only.
__attribute__((visibility("hidden"))) int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    struct thread *thread = malloc(sizeof *thread);
    sigset_t all, before;
    int error;

    if (thread == NULL)
        return EAGAIN;
    *thread = (struct thread){run, argument};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = __real_pthread_create(id, attributes, begin, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0)
        free(thread);
    return error;
}

static void do_nothing(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv, (void)environment;
}

// Runs the constructors that come after this one, with other arguments; they do not run
// again. Go's constructor, which has no priority, is among them.
__attribute__((constructor(102))) static void start_runtime(int argc, char **argv, char **environment)
{
    constructor **array = NULL, **next, **end;
    size_t size = 0;
    char **vector = make_vector(argc, argv);

    (void)environment;
    install_handler();
    for (const ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_INIT_ARRAY)
            array = (constructor **)((char *)&__ehdr_start + entry->d_un.d_ptr);
        if (entry->d_tag == DT_INIT_ARRAYSZ)
            size = entry->d_un.d_val;
    }
    end = array + size / sizeof *array;
    if (vector == NULL || protect(array, size, PROT_READ | PROT_WRITE) != 0)
        return; // then the linker starts the runtime
    for (next = array; next < end && *next != start_runtime;)
        next++;
    while (++next < end) {
        constructor *run = *next;
        *next = do_nothing;
        run(argc, vector, vector + argc + 1);
    }
    protect(array, size, PROT_READ);
}
