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
 *              Go ends the process when it gets no memory, and while the library
 *              is loaded when it gets no thread; later that is CHECKSIG_OS.
 *   fork       A Go runtime does not survive fork(). In a child of a process that
 *              had the library loaded checksig_forked is not 0, and any call may
 *              wait for ever. After exec all is well.
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

/* What calls return, and checksig_error.kind. */
enum {
    CHECKSIG_OK = 0,        /* every listed file is as listed */
    CHECKSIG_FAILED = 1,    /* a file is not, or a line of the manifest is bad */
    CHECKSIG_MANIFEST = 2,  /* the manifest is unusable: no valid line, a FIFO, ... */
    CHECKSIG_NOT_FOUND = 3, /* no manifest in the directory */
    CHECKSIG_OS = 4,        /* the operating system refused: see os_errno and path */
    CHECKSIG_ARGUMENT = 5,  /* an argument is not allowed: see message */
    CHECKSIG_INTERNAL = 6,  /* a fault of the library */
    CHECKSIG_CANCELLED = 7, /* the job was cancelled: there is no verdict */
    CHECKSIG_MORE = 8       /* the job has not ended */
};

/* Why a check failed. A member that says nothing is 0 or NULL. */
typedef struct checksig_error {
    int32_t kind;     /* one of the above */
    int32_t os_errno; /* CHECKSIG_OS: the error number */
    int64_t line;     /* CHECKSIG_MANIFEST: the line to blame, from 1 */
    char *message;    /* the whole message; for CHECKSIG_FAILED a line a bad file */
    char *path;       /* what it is about: the manifest, or what was refused */
    char *reason;     /* CHECKSIG_MANIFEST, _NOT_FOUND: the message without path and line;
                         CHECKSIG_OS: more than the error number says, or NULL;
                         CHECKSIG_FAILED: the last line of a message that ends with a hint, or NULL */
} checksig_error;

/* checksig_request.flags */
enum {
    CHECKSIG_ALL_RESULTS = 1,    /* records for good files too */
    CHECKSIG_IGNORE_MISSING = 2, /* a missing file is not bad, and has no record */
    CHECKSIG_TOTALS = 4,         /* find checksig_progress.total_bytes */
    CHECKSIG_REPORT_EXTRA = 8,   /* records for files that the manifest does not list */
    CHECKSIG_FAIL_EXTRA = 16,    /* the same, and they are bad */
    CHECKSIG_READ_ENTRIES = 32,  /* verify nothing: records for the manifests' entries */
    CHECKSIG_FIND_MANIFESTS = 64, /* verify and read nothing: records for the manifests */
    CHECKSIG_FIND_FILES = 128,   /* no manifest: a record of kind 3 for all below root that is no
                                    directory; its reason says what it is if it is no regular file,
                                    and of a directory that cannot be listed (status ERROR) why */
    CHECKSIG_HASH_FILES = 256,   /* of the list names and algorithms count, its digests are "-":
                                    the records have the files' digests */
    CHECKSIG_TEXT = 512          /* the list is the content of a manifest that is called name */
};

/* What a job is to do. */
typedef struct checksig_request {
    char *root;         /* the directory: root_length bytes without NUL */
    size_t root_length;
    char *algorithm;    /* of the manifest's digests, as "sha256"; NULL: the manifest tells */
    char *manifest;     /* its path; NULL: the directory has it */
    char *name;         /* what it is to be read as if it were called, or NULL */
    char *format;       /* of the manifest, as "gnu"; NULL: the manifest tells */
    char *list;         /* list_length bytes of entries instead of a manifest file, or NULL; each is
                           algorithm, size or -1, digest, name, a space between and NUL behind */
    size_t list_length;
    int32_t workers;    /* how many files are read at once, at most 256; 0: as many as pay off */
    int32_t flags;
    int32_t shard;      /* of the files, only those numbered shard, shard + shards, shard + */
    int32_t shards;     /* 2 shards, ... from 1 on; 0 and 0: all */
} checksig_request;

/* How far a job has come. */
typedef struct checksig_progress {
    int64_t files, total_files; /* those listed; total_files is -1 until the manifest is read */
    int64_t bytes, total_bytes; /* total_bytes is -1 until it is found */
    int64_t failed;             /* bad files so far */
    int64_t counts[8];          /* files so far by status, as in checksig_record */
    int64_t bad_lines;          /* of the manifest, once the job has ended */
} checksig_progress;

/* A record of checksig_next. Behind it stand, without NUL or padding, name, reason,
 * algorithm, expected and actual; the next record follows at once, unaligned.
 */
typedef struct checksig_record {
    uint32_t length;         /* of all of it, in bytes */
    uint8_t kind;            /* 0: a file; 1: a bad line; 2: a manifest; 3: an entry of one */
    uint8_t status;          /* 0 OK, 1 FAILED, 2 MISSING, 3 CHANGED, 4 ERROR, 5 CONFLICT, 6 EXTRA */
    uint8_t algorithm_length;
    uint8_t expected_length; /* of the listed digest, in bytes */
    uint8_t actual_length;   /* of the file's digest; 0: none */
    uint8_t bad;             /* 1: the file keeps the whole from being CHECKSIG_OK */
    uint8_t zero[2];
    int32_t os_errno;
    int64_t number;          /* kinds 0 and 3: the file's size, -1: unknown; kind 1: the line,
                                from 1, 0: all of them; kind 2: how many entries there are */
    uint32_t name_length;    /* kinds 1 and 2: the manifest's path */
    uint32_t reason_length;  /* kind 2: algorithms, with commas; notes, each after LF; the
                                record's algorithm is the format */
} checksig_record;

/* The smallest buffer that checksig_next takes: every record fits. */
#define CHECKSIG_BUFFER 135168

/* Verifies the directory root, a string that ends with NUL.
 *
 * Returns NULL when every listed file is as listed; else a message, with a line
 * for each bad file, which the caller releases with checksig_free. A NULL or
 * empty root is such an error too. This is the whole library in one call.
 */
char *verify(char *root);

/* Starts a job that verifies a directory, and stores its handle, never 0, which
 * checksig_close must release.
 *
 * Returns CHECKSIG_MORE; or another number, when *job is 0 and *error is filled,
 * whose three strings the caller releases, each with checksig_free: the kind is
 * CHECKSIG_ARGUMENT, _OS or _INTERNAL. What *error held before is overwritten. No
 * pointer may be NULL.
 */
int32_t checksig_start(checksig_request *request, uint64_t *job, checksig_error *error);

/* Waits up to milliseconds for records, and writes those that are there and fit
 * into the size bytes at buffer, of which it tells the number in *written; also
 * fills *progress. Records of files come in the manifests' order, then those of files
 * that they do not list, then that of each manifest, with its bad lines behind it.
 *
 * Returns CHECKSIG_MORE while the job goes on or records are left; after the last
 * record any other of the numbers, and unless that is CHECKSIG_OK fills *error as
 * checksig_start does. No pointer may be NULL. One thread at a time may call it
 * for a job; others wait. A handle that is unknown, or a size below
 * CHECKSIG_BUFFER, is CHECKSIG_ARGUMENT.
 */
int32_t checksig_next(uint64_t job, void *buffer, size_t size, int32_t milliseconds, size_t *written,
                      checksig_progress *progress, checksig_error *error);

/* Makes a job end soon, and returns at once. An unknown handle is ignored. */
void checksig_cancel(uint64_t job);

/* Cancels a job, waits up to milliseconds until it reads nothing any more and has
 * no descriptor open, and releases the handle.
 *
 * Returns 1 if the job has ended, else 0: then it ends by itself, as soon as the
 * read that it is in returns. An unknown handle is ignored, and 1.
 */
int32_t checksig_close(uint64_t job, int32_t milliseconds);

/* Not 0 in a child, made by fork(), of a process that had the library loaded. */
extern volatile int32_t checksig_forked;

/* Releases a string that the library returned. NULL is allowed. */
void checksig_free(void *pointer);

/* Returns the library's version, as "1.2.3": the same string at each call, which
 * the caller must not change or release.
 */
char *checksig_version(void);

/* Returns the names of the algorithms of this build, with ", " between them: the
 * same string at each call, which the caller must not change or release.
 */
char *checksig_algorithms(void);

#ifdef __cplusplus
}
#endif

#endif
