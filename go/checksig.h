/* checksig.h - the C interface of the checksig library.
 *
 * The library verifies the files of a directory against the checksum manifest in
 * that directory. It is a Go runtime inside the calling process. These rules hold
 * for every call:
 *
 *   Threads     Any call may be made from any thread, many at the same time.
 *   Blocking    A call returns when its work is done. The library never calls back.
 *   Ownership   The caller keeps ownership of all arguments; the library does not
 *               keep them. The caller owns each string that the library returns as
 *               "char *", and releases it with checksig_free.
 *   Strings     Paths are bytes without NUL. Messages are printable UTF-8, in which
 *               paths are quoted as by Go's %q.
 *   Structures  The first member of each structure is struct_size. The caller sets it
 *               to sizeof of the structure before a call. The library refuses one that
 *               is smaller than its own with CHECKSIG_ARGUMENT. It fills only the part
 *               that it knows of a larger one, and refuses a larger request unless
 *               the part that it does not know is 0.
 *   Panics      A panic inside the library is returned as CHECKSIG_INTERNAL. But Go
 *               ends the process when it gets no memory, and when it gets no thread
 *               while the library is being loaded. Later, that is CHECKSIG_OS.
 *   fork        A Go runtime does not survive fork(). In a child of a process that had
 *               the library loaded, checksig_forked is not 0, and any call may block
 *               forever. After exec everything works.
 *   Host        The limits and the signal handlers of the process stay as they were,
 *               except the handlers of signals that report faults (SIGSEGV, ...) and, on
 *               Linux, of SIGSTKFLT. On Linux, the threads of the library block all
 *               signals that do not report faults, and its Go runtime does not see the
 *               environment. Do not close descriptors that the library holds.
 *   Unloading   Never dlclose the library: a Go runtime cannot be unloaded.
 */
#ifndef CHECKSIG_H
#define CHECKSIG_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header. checksig_version returns that of the library. */
#define CHECKSIG_VERSION "0.1.0"

/* Grows by 1 with each change that breaks programs compiled against an older header. */
#define CHECKSIG_ABI 1

#ifdef __cplusplus
extern "C" {
#endif

/* What calls return, and checksig_error.kind. */
enum {
    CHECKSIG_OK = 0,        /* every listed file is as listed */
    CHECKSIG_FAILED = 1,    /* a file is bad, or a line of a manifest is */
    CHECKSIG_MANIFEST = 2,  /* a manifest is unusable: no valid line, a FIFO, ... */
    CHECKSIG_NOT_FOUND = 3, /* the directory has no manifest */
    CHECKSIG_OS = 4,        /* the operating system refused: see os_errno and path */
    CHECKSIG_ARGUMENT = 5,  /* an argument is not allowed: see message */
    CHECKSIG_INTERNAL = 6,  /* a bug in the library */
    CHECKSIG_CANCELLED = 7, /* the job was cancelled: there is no verdict */
    CHECKSIG_MORE = 8,      /* the job has not ended */
    CHECKSIG_NOT_SIGNED = 9 /* a manifest is not shown to be signed by the keys of the request */
};

/* checksig_record.status, and the index into checksig_progress.counts. */
enum {
    CHECKSIG_STATUS_OK = 0,       /* the file has every digest that is listed for it */
    CHECKSIG_STATUS_FAILED = 1,   /* the file does not */
    CHECKSIG_STATUS_MISSING = 2,  /* there is no such file, or it is a dangling symlink */
    CHECKSIG_STATUS_CHANGED = 3,  /* the file changed while it was read */
    CHECKSIG_STATUS_ERROR = 4,    /* the file exists, but cannot or must not be read */
    CHECKSIG_STATUS_CONFLICT = 5, /* two digests of one algorithm are listed for the file */
    CHECKSIG_STATUS_EXTRA = 6     /* no manifest lists the file */
};

/* checksig_record.kind */
enum {
    CHECKSIG_RECORD_FILE = 0,
    CHECKSIG_RECORD_BAD_LINE = 1,
    CHECKSIG_RECORD_MANIFEST = 2,
    CHECKSIG_RECORD_ENTRY = 3,     /* of a manifest */
    CHECKSIG_RECORD_SIGNATURE = 4, /* of the manifest whose record comes before */
    CHECKSIG_RECORD_NOTE = 5,      /* reason is a remark about the job */
    CHECKSIG_RECORD_LINES = 6,     /* name is a part of a new manifest, up to 65,536 bytes */
    CHECKSIG_RECORD_NAMES = 7      /* name is up to 65,536 bytes of names, each with NUL at its end */
};

/* checksig_request.flags */
enum {
    CHECKSIG_ALL_RESULTS = 1,     /* also give records for files that are OK */
    CHECKSIG_IGNORE_MISSING = 2,  /* a missing file is not bad, and has no record */
    CHECKSIG_TOTALS = 4,          /* find checksig_progress.total_bytes */
    CHECKSIG_REPORT_EXTRA = 8,    /* give records for files that no manifest lists */
    CHECKSIG_FAIL_EXTRA = 16,     /* the same, and such files are bad */
    CHECKSIG_READ_ENTRIES = 32,   /* verify nothing; give records for the entries */
    CHECKSIG_FIND_MANIFESTS = 64, /* verify and read nothing; give records for the manifests, and
                                     for the signatures beside them, which have only a name */
    CHECKSIG_FIND_FILES = 128,    /* read no manifest; give a record of kind ENTRY for everything
                                     below root except directories. For anything but a regular
                                     file, reason says what it is; for a directory that cannot be
                                     listed (status ERROR), reason says why. */
    CHECKSIG_HASH_FILES = 256,    /* use only the names and algorithms of the list, whose digests
                                     are "-"; give records with the digests of the files */
    CHECKSIG_CONTENT = 512,       /* the list is the content of a manifest that is called name */
    CHECKSIG_RECEIPTS = 1024,     /* do not hash files that have a receipt, and write receipts */
    CHECKSIG_COUNT_RECEIPTS = 2048, /* verify nothing; checksig_progress has the receipts of root */
    CHECKSIG_WRITE_ENTRIES = 4096, /* hash the files of the list whose digest is "-"; unless one is
                                     bad, give the content of a manifest of the whole list, in the
                                     format of the request, in records of kind LINES */
    CHECKSIG_DIGEST_ENTRIES = 8192, /* with READ_ENTRIES: give no records for the entries; MANIFEST
                                     has expected, as with WRITE_ENTRIES */
    CHECKSIG_PACK_NAMES = 16384   /* with FIND_FILES: regular files are in records of kind NAMES */
};

/* Why a call or a job did not succeed. A member without information is 0 or NULL. */
typedef struct checksig_error {
    uint32_t struct_size; /* set by the caller */
    int32_t kind;         /* CHECKSIG_FAILED to CHECKSIG_CANCELLED, or CHECKSIG_NOT_SIGNED */
    int32_t os_errno;     /* CHECKSIG_OS: the error number of the operating system */
    int32_t reserved;     /* 0 */
    int64_t line;         /* CHECKSIG_MANIFEST: the line at fault, from 1 */
    char *message;        /* the whole message; for CHECKSIG_FAILED, one line for each bad file */
    char *path;           /* the manifest, the directory or the file that it is about */
    char *reason;         /* CHECKSIG_MANIFEST, _NOT_FOUND: the message without path and line;
                             CHECKSIG_OS: a better text than that of os_errno, or NULL;
                             CHECKSIG_NOT_SIGNED: the same, then the IDs of the keys that the
                             signatures name, which is not verified, each after LF;
                             CHECKSIG_FAILED: the hint that is the last line of message, or NULL */
} checksig_error;

/* What a job has to do. A pointer may be NULL, except root. */
typedef struct checksig_request {
    uint32_t struct_size;  /* set by the caller */
    int32_t flags;         /* CHECKSIG_ALL_RESULTS and so on, combined by | */
    int32_t workers;       /* how many files are read at the same time, at most 256; 0: automatic */
    int32_t shard;         /* verify only the files numbered shard, shard + shards, */
    int32_t shards;        /* shard + 2 * shards, ..., counted from 1; 0 and 0: all files */
    int32_t min_signers;   /* how many of the keys must have signed each manifest; 0: one */
    const char *root;      /* the directory: root_length bytes without NUL */
    size_t root_length;    /* in bytes */
    const char *algorithm; /* of the manifest's digests, such as "sha256"; NULL: detected */
    const char *manifest;  /* the path of the manifest; NULL: found in the directory */
    const char *name;      /* the file name to assume when detecting format and algorithm; for
                              FIND_MANIFESTS, a name to look for as if root had it */
    const char *format;    /* of the manifest, such as "gnu"; NULL: detected. For WRITE_ENTRIES:
                              "gnu", "tag", "sfv" or "bagit" */
    const char *list;      /* list_length bytes of entries instead of a manifest file; each entry is
                              the algorithm, the size or -1, the digest and the name, separated by
                              one space, and ends with NUL */
    size_t list_length;    /* in bytes */
    const char *strip_prefix; /* a directory that is taken off the names that begin with it, such as
                                 "target/release/"; it is an error if none does */
    const char *keys;       /* keys_length bytes of key files; NULL: manifests need no signature. Each
                               is the path, which may be empty, NUL, the number of bytes of its
                               content or -1 to read the file, NUL, and the content */
    size_t keys_length;     /* in bytes */
    const char *signature;  /* the path of the signature of the manifest; NULL: those in the
                               manifest, and beside it */
    const char *name_space; /* of SSH signatures; NULL: "file" */
    const char *receipts;  /* the directory of the user's receipts; a bad file loses its receipts
                              even without CHECKSIG_RECEIPTS; NULL: receipts are left alone */
    int64_t max_age;       /* of a receipt that is used, in seconds; 0: none is */
} checksig_request;

/* How far a job has come. */
typedef struct checksig_progress {
    uint32_t struct_size; /* set by the caller */
    int32_t reserved;     /* 0 */
    int64_t files;        /* listed files that are done */
    int64_t total_files;  /* listed files; -1 until the manifests are read */
    int64_t bytes;        /* bytes hashed */
    int64_t total_bytes;  /* bytes of all listed files; -1 until that is known */
    int64_t bad;          /* bad files so far */
    int64_t counts[8];    /* files so far, by status */
    int64_t bad_lines;    /* bad lines of the manifests, once the job has ended */
    int64_t by_receipt;   /* files that are OK by receipts */
    int64_t oldest_receipt; /* when the first of them was hashed, in seconds since 1970; 0: none */
    int64_t listed;       /* listed files of all shards; -1 until the manifests are read */
    int64_t nanoseconds;  /* since the job began; once it has ended, how long it took */
} checksig_progress;

/* A record in the buffer of checksig_next. It is not aligned. After struct_size bytes follow,
 * without NUL or padding: name, reason, algorithm, expected, actual. The next record follows
 * after length bytes.
 */
typedef struct checksig_record {
    uint32_t struct_size;     /* of this structure, in bytes, set by the library */
    uint32_t length;          /* of the whole record, in bytes */
    uint8_t kind;             /* CHECKSIG_RECORD_FILE and so on */
    uint8_t status;           /* CHECKSIG_STATUS_OK and so on */
    uint8_t algorithm_length; /* in bytes, as all lengths below */
    uint8_t expected_length;  /* of the listed digest; for MANIFEST of the SHA-256 of its entries,
                                 each as its algorithm, NUL, its name, NUL and its digest; 0: none */
    uint8_t actual_length;    /* of the file's digest, for MANIFEST of the SHA-256 of its bytes;
                                 0: none */
    uint8_t bad;              /* 1: because of this file the job cannot end with CHECKSIG_OK */
    uint8_t reserved[2];      /* 0 */
    int32_t os_errno;         /* the error number of the operating system, or 0 */
    uint32_t name_length;     /* FILE and ENTRY: the file's name; SIGNATURE: the path of the file that
                                 has it; else the manifest's path */
    int64_t number;           /* FILE and ENTRY: the file's size in bytes, or -1; BAD_LINE: the line,
                                 from 1, or 0 for all of them; MANIFEST: the number of entries;
                                 SIGNATURE: when it was made, in seconds since 1970, or -1 */
    uint32_t reason_length;   /* MANIFEST: the algorithms, separated by commas, then notes, each
                                 after LF; the record's algorithm is the format. SIGNATURE: the ID of
                                 the key, its name and a note, separated by LF; the record's
                                 algorithm is the scheme */
    uint32_t reserved_end;    /* 0 */
    int64_t receipt;          /* when a file that is OK by a receipt was hashed, or when a file that
                                 failed was last OK, in seconds since 1970; 0: not known, or now */
    int64_t touched;          /* when a file that failed was touched after receipt; 0: it was not */
    int64_t place;            /* FILE: its number among the files of all shards, from 0, extra files
                                 behind the listed ones; MANIFEST: its size in bytes, or -1 */
    int64_t mtime_ns;         /* MANIFEST: when its content was changed last, in nanoseconds since */
    int64_t ctime_ns;         /* 1970, and when it or its status was; -1: not known */
} checksig_record;

/* The smallest buffer that checksig_next accepts, in bytes: every record fits. */
#define CHECKSIG_BUFFER 135168

/* Verifies the directory root, a string that ends with NUL.
 *
 * Returns NULL if every listed file is as listed. Otherwise returns a message with one
 * line for each bad file, which the caller releases with checksig_free. A root that is
 * NULL or empty is such an error, too. This is the whole library in one call.
 */
char *checksig_verify(const char *root);

/* The same as checksig_verify, under its first name, which stays. */
char *verify(const char *root);

/* Starts a job, and stores its handle, which is never 0. The caller must release the
 * handle with checksig_close.
 *
 * Returns CHECKSIG_MORE. On failure stores 0, fills *error, which the caller releases with
 * checksig_error_free, and returns CHECKSIG_ARGUMENT, _OS or _INTERNAL. Overwrites what
 * *error held before, except struct_size. If error is NULL, or error->struct_size is
 * too small, returns CHECKSIG_ARGUMENT and writes nothing. Another pointer that is NULL is
 * CHECKSIG_ARGUMENT.
 */
int32_t checksig_start(const checksig_request *request, uint64_t *job, checksig_error *error);

/* Waits up to milliseconds for records, writes those that are ready and fit into the size
 * bytes at buffer, stores how many bytes it wrote in *written, and fills *progress. The
 * records of listed files come first, in manifest order; then those of extra files, or of
 * lines; then that of each manifest, followed by those of its signatures, and by its bad lines.
 *
 * Returns CHECKSIG_MORE while the job is running or records are left. After the last
 * record, returns how the job ended; unless that is CHECKSIG_OK, fills *error as
 * checksig_start does. One thread at a time can call this for a job; others wait. An unknown
 * handle, a size below CHECKSIG_BUFFER, a struct_size that is too small, and NULL are
 * CHECKSIG_ARGUMENT.
 */
int32_t checksig_next(uint64_t job, void *buffer, size_t size, int32_t milliseconds, size_t *written,
                      checksig_progress *progress, checksig_error *error);

/* Makes a job end soon, and returns immediately. Ignores an unknown handle. */
void checksig_cancel(uint64_t job);

/* Cancels a job, waits up to milliseconds until it reads nothing more and has no descriptor
 * open, and releases the handle.
 *
 * Returns 1 if the job has ended. Otherwise returns 0: the job ends by itself as soon as its
 * current read returns. Ignores an unknown handle, and returns 1.
 */
int32_t checksig_close(uint64_t job, int32_t milliseconds);

/* Not 0 in a child, made by fork(), of a process that had the library loaded. */
extern volatile int32_t checksig_forked;

/* Releases a string that the library returned. NULL is allowed. */
void checksig_free(void *pointer);

/* Releases the strings of an error, and sets them to NULL. error may be NULL, or may have been
 * released before. An error that the library has not filled must be all zeros except struct_size.
 */
void checksig_error_free(checksig_error *error);

/* Returns the library's version, such as "1.2.3". It is the same string at each call; the
 * caller must not change or release it.
 */
const char *checksig_version(void);

/* Returns the names of the algorithms of this build, separated by ", ". It is the same string
 * at each call; the caller must not change or release it.
 */
const char *checksig_algorithms(void);

#ifdef __cplusplus
}
#endif

#endif
