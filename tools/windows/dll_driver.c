/* Calls the DLL of a Windows wheel as checksig.py does. tools/check_wheels.py runs it under Wine.
 *
 * Each line of standard input is one job: a directory, then options such as manifest=PATH,
 * separated by tabs. For each job it writes a line: how the job ended, the line of the manifest
 * at fault, and the message and the records in hexadecimal digits.
 */
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "checksig.h"

enum { milliseconds = 1000 };

static int32_t (*start)(const checksig_request *, uint64_t *, checksig_error *);
static int32_t (*next)(uint64_t, void *, size_t, int32_t, size_t *, checksig_progress *, checksig_error *);
static int32_t (*close_job)(uint64_t, int32_t);
static void (*error_free)(checksig_error *);

static void *symbol(HMODULE library, const char *name)
{
    void *found = (void *)GetProcAddress(library, name);
    if (found == NULL) {
        fprintf(stderr, "the DLL does not export %s\n", name);
        exit(2);
    }
    return found;
}

static void load(const char *path, const char *version)
{
    HMODULE library = LoadLibraryA(path);
    if (library == NULL) {
        fprintf(stderr, "%s cannot be loaded: error %lu\n", path, GetLastError());
        exit(2);
    }
    start = symbol(library, "checksig_start");
    next = symbol(library, "checksig_next");
    close_job = symbol(library, "checksig_close");
    error_free = symbol(library, "checksig_error_free");
    const char *(*get_version)(void) = symbol(library, "checksig_version");
    if (strcmp(get_version(), version) != 0 || *(volatile int32_t *)symbol(library, "checksig_forked") != 0) {
        fprintf(stderr, "the DLL has version %s, not %s, or reports a fork\n", get_version(), version);
        exit(2);
    }
}

static void option(checksig_request *request, char *text)
{
    char *value = strchr(text, '=');
    *value++ = '\0';
    if (strcmp(text, "manifest") == 0)
        request->manifest = value;
    else if (strcmp(text, "algorithm") == 0)
        request->algorithm = value;
    else if (strcmp(text, "format") == 0)
        request->format = value;
    else if (strcmp(text, "extra") == 0)
        request->flags |= strcmp(value, "fail") == 0 ? CHECKSIG_FAIL_EXTRA : CHECKSIG_REPORT_EXTRA;
    else
        exit(2);
}

static void hexadecimal(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        printf("%02x", ((const unsigned char *)bytes)[i]);
}

/* Takes all records of a job, and returns their size in bytes. */
static size_t take(uint64_t job, int32_t *kind, checksig_error *error, char **records)
{
    static char buffer[CHECKSIG_BUFFER];
    checksig_progress progress = {.struct_size = sizeof progress};
    size_t size = 0;
    while (*kind == CHECKSIG_MORE) {
        size_t written = 0;
        *kind = next(job, buffer, sizeof buffer, milliseconds, &written, &progress, error);
        *records = realloc(*records, size + written + 1);
        memcpy(*records + size, buffer, written);
        size += written;
    }
    return size;
}

static void run(char *line)
{
    checksig_request request = {.struct_size = sizeof request, .flags = CHECKSIG_ALL_RESULTS};
    checksig_error error = {.struct_size = sizeof error};
    uint64_t job = 0;
    char *records = NULL;
    size_t size = 0;
    request.root = strtok(line, "\t\n");
    request.root_length = strlen(request.root);
    for (char *text = strtok(NULL, "\t\n"); text != NULL; text = strtok(NULL, "\t\n"))
        option(&request, text);
    int32_t kind = start(&request, &job, &error);
    size = take(job, &kind, &error, &records);
    close_job(job, milliseconds);
    printf("%d %lld ", (int)kind, (long long)error.line);
    hexadecimal(error.message, error.message == NULL ? 0 : strlen(error.message));
    printf(" ");
    hexadecimal(records, size);
    printf("\n");
    free(records);
    error_free(&error);
}

int main(int count, char **arguments)
{
    static char line[8192];
    if (count != 3)
        return 2;
    _setmode(_fileno(stdout), _O_BINARY);
    load(arguments[1], arguments[2]);
    while (fgets(line, sizeof line, stdin) != NULL)
        run(line);
    return 0;
}
