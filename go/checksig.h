/* checksig.h - the C interface of the checksig library.
 *
 * The library verifies the files of a directory against the checksum manifest
 * that lies in it. It is a Go runtime inside the calling process, and these
 * rules hold for every call:
 *
 *   Threads    Any call may be made from any thread, many at once.
 *   Blocking   A call returns when its work is done; it calls nothing back.
 *   Ownership  Arguments stay the caller's and are not kept. A string that the
 *              library returns is the caller's; checksig_free releases it.
 *   Strings    Paths are bytes without NUL. Messages are UTF-8, and printable:
 *              paths stand in them quoted as by Go's %q.
 *   Faults     A panic inside the library is returned as CHECKSIG_INTERNAL. But
 *              Go ends the process when it gets no memory or no thread.
 *   fork       A Go runtime does not survive fork(). In a child of a process that
 *              had the library loaded, checksig_forked is not 0, and verify and
 *              checksig_check fail at once. After exec all is well.
 *   Host       The limits and the signal handlers of the process stay as they
 *              were, but for those of the signals that are faults (SIGSEGV, ...).
 *              The descriptors that the library holds must not be closed.
 *   Unloading  Never dlclose the library: a Go runtime cannot be unloaded.
 */
#ifndef CHECKSIG_H
#define CHECKSIG_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What checksig_check returns, and checksig_error.kind. */
enum {
    CHECKSIG_OK = 0,        /* every listed file is as listed */
    CHECKSIG_FAILED = 1,    /* a file is not, or a line of the manifest is bad */
    CHECKSIG_MANIFEST = 2,  /* the manifest cannot serve: no valid line, a FIFO, ... */
    CHECKSIG_NOT_FOUND = 3, /* no manifest in the directory */
    CHECKSIG_OS = 4,        /* the operating system refused: see os_errno and path */
    CHECKSIG_ARGUMENT = 5,  /* root is empty, or has a NUL in it */
    CHECKSIG_INTERNAL = 6,  /* a fault of the library */
    CHECKSIG_FORKED = 7     /* this process was forked after the library was loaded */
};

/* Why a check failed. A member that says nothing is 0 or NULL. */
typedef struct checksig_error {
    int32_t kind;     /* one of the above */
    int32_t os_errno; /* CHECKSIG_OS: the error number */
    int64_t line;     /* CHECKSIG_MANIFEST: the line to blame, from 1 */
    char *message;    /* the whole message; for CHECKSIG_FAILED a line a bad file */
    char *path;       /* what it is about: the manifest, or what was refused */
    char *reason;     /* CHECKSIG_MANIFEST, _NOT_FOUND: the message without path and line */
} checksig_error;

/* Verifies the directory root, a string that ends with NUL.
 *
 * Returns NULL when every listed file is as listed; else a message, with a line
 * for each bad file, which the caller releases with checksig_free. A NULL or
 * empty root is such an error too. This is the whole library in one call.
 */
char *verify(char *root);

/* Verifies the directory whose path is the root_length bytes at root.
 *
 * Returns CHECKSIG_OK and leaves *error zeroed; or another of the numbers above
 * and fills *error, whose three strings the caller releases, each with
 * checksig_free. error must not be NULL; what it held before is overwritten.
 */
int32_t checksig_check(char *root, size_t root_length, checksig_error *error);

/* Not 0 in a child, made by fork(), of a process that had the library loaded. */
extern volatile int32_t checksig_forked;

/* Releases a string that the library returned. NULL is allowed. */
void checksig_free(void *pointer);

/* Returns the library's version, as "1.2.3": the same string at each call, which
 * the caller must not change or release.
 */
char *checksig_version(void);

#ifdef __cplusplus
}
#endif

#endif
