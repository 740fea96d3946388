/*
 * Measures the least that reading files costs: it hashes nothing and compares nothing.
 *
 *     floor [--beneath] [--twice] [--together K] THREADS DIRECTORY NAMES
 *
 * On THREADS threads, it opens, fstats, reads and closes each file that NAMES lists (each name
 * ends with a NUL). With --beneath it opens files in such a way that no name can lead out of the
 * directory; with --twice it does a second fstat after the reads. With --together each thread opens
 * K files and asks the kernel to read them ahead before it reads the first of them. It prints the
 * number of bytes that it read.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CHUNK = 64, BUFFER = 256 * 1024, MOST_TOGETHER = 1024 };

struct file {
	int fd;
	off_t size;
};

static int root, beneath, twice, together;
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

static struct file begin(const char *name)
{
	struct file file = { .fd = open_file(name) };
	struct stat status;

	if (file.fd < 0 || fstat(file.fd, &status) < 0)
		fail(name);
	file.size = status.st_size;
	if (together)
		posix_fadvise(file.fd, 0, 0, POSIX_FADV_WILLNEED);
	return file;
}

static off_t finish(const char *name, struct file file, char *buffer)
{
	struct stat after;
	off_t total = 0;

	while (total < file.size) {
		ssize_t got = read(file.fd, buffer, BUFFER);

		if (got <= 0)
			fail(name);
		total += got;
	}
	if (twice && (fstat(file.fd, &after) < 0 || after.st_size != file.size))
		fail(name);
	close(file.fd);
	return total;
}

static off_t read_files(size_t start, size_t end, char *buffer)
{
	struct file files[MOST_TOGETHER];
	off_t sum = 0;

	if (!together) {
		for (size_t i = start; i < end; i++)
			sum += finish(names[i], begin(names[i]), buffer);
		return sum;
	}
	for (size_t i = start; i < end; i++)
		files[i - start] = begin(names[i]);
	for (size_t i = start; i < end; i++)
		sum += finish(names[i], files[i - start], buffer);
	return sum;
}

static void *work(void *unused)
{
	size_t chunk = together ? together : CHUNK, start;
	char *buffer = malloc(BUFFER);

	if (!buffer)
		fail("malloc");
	while ((start = atomic_fetch_add(&next_name, chunk)) < count) {
		size_t end = start + chunk < count ? start + chunk : count;

		atomic_fetch_add(&bytes, read_files(start, end, buffer));
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

static int usage(void)
{
	fprintf(stderr, "usage: floor [--beneath] [--twice] [--together K] THREADS DIRECTORY NAMES\n");
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "beneath", no_argument, &beneath, 1 },
		{ "twice", no_argument, &twice, 1 },
		{ "together", required_argument, NULL, 'k' },
		{ 0 },
	};
	pthread_t *threads;
	int wanted = 0, option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 'k')
			together = atoi(optarg);
		if (option == '?' || together < 0 || together > MOST_TOGETHER)
			return usage();
	}
	argv += optind - 1;
	if (argc - optind != 3 || (wanted = atoi(argv[1])) < 1)
		return usage();
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
