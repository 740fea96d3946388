/*
 * Measures the least that reading files costs: it hashes nothing and compares nothing.
 *
 *     floor [--beneath] [--twice] THREADS DIRECTORY NAMES
 *
 * On THREADS threads, it opens, fstats, reads and closes each file that NAMES lists (each name
 * ends with a NUL). With --beneath it opens files in such a way that no name can lead out of the
 * directory; with --twice it does a second fstat after the reads. It prints the number of bytes
 * that it read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHUNK = 64, BUFFER = 256 * 1024 };

static int root, beneath, twice;
static char **names;
static size_t count;
static atomic_size_t next_name;
static atomic_ullong bytes;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int open_file(const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	if (!beneath)
		return openat(root, name, O_RDONLY | O_CLOEXEC);
	do /* a rename during the call, anywhere, gives EAGAIN */
		fd = syscall(SYS_openat2, root, name, &how, sizeof how);
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd;
}

static off_t read_file(const char *name, char *buffer)
{
	struct stat before, after;
	off_t total = 0;
	int fd = open_file(name);

	if (fd < 0 || fstat(fd, &before) < 0)
		fail(name);
	while (total < before.st_size) {
		ssize_t got = read(fd, buffer, BUFFER);

		if (got <= 0)
			fail(name);
		total += got;
	}
	if (twice && (fstat(fd, &after) < 0 || after.st_size != before.st_size))
		fail(name);
	close(fd);
	return total;
}

static void *work(void *unused)
{
	char *buffer = malloc(BUFFER);
	size_t start;

	if (!buffer)
		fail("malloc");
	while ((start = atomic_fetch_add(&next_name, CHUNK)) < count) {
		size_t end = start + CHUNK < count ? start + CHUNK : count;
		unsigned long long sum = 0;

		for (size_t i = start; i < end; i++)
			sum += read_file(names[i], buffer);
		atomic_fetch_add(&bytes, sum);
	}
	free(buffer);
	return unused;
}

static void read_names(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t length = 0;
	char *text;

	if (fd < 0 || fstat(fd, &status) < 0)
		fail(path);
	text = malloc(status.st_size + 1);
	if (!text)
		fail("malloc");
	while (length < status.st_size) {
		ssize_t got = read(fd, text + length, status.st_size - length);

		if (got <= 0)
			fail(path);
		length += got;
	}
	close(fd);
	for (off_t i = 0; i < length; i++)
		count += text[i] == '\0';
	names = malloc((count + 1) * sizeof *names);
	if (!names)
		fail("malloc");
	for (size_t i = 0; i < count; i++) {
		names[i] = text;
		text += strlen(text) + 1;
	}
}

int main(int argc, char **argv)
{
	pthread_t *threads;
	int wanted;

	for (; argc > 1 && argv[1][0] == '-'; argc--, argv++) {
		beneath |= !strcmp(argv[1], "--beneath");
		twice |= !strcmp(argv[1], "--twice");
	}
	if (argc != 4 || (wanted = atoi(argv[1])) < 1) {
		fprintf(stderr, "usage: floor [--beneath] [--twice] THREADS DIRECTORY NAMES\n");
		return 2;
	}
	root = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		fail(argv[2]);
	read_names(argv[3]);
	threads = calloc(wanted, sizeof *threads);
	if (!threads)
		fail("calloc");
	for (int i = 0; i < wanted; i++)
		if ((errno = pthread_create(&threads[i], NULL, work, NULL)))
			fail("pthread_create");
	for (int i = 0; i < wanted; i++)
		pthread_join(threads[i], NULL);
	printf("%llu\n", (unsigned long long)bytes);
	return 0;
}
