/*
 * Shows a directory in another place, through a FUSE file system that is slow to answer.
 *
 *     slow MICROSECONDS SOURCE MOUNT
 *
 * Each open and each read of a file waits so long before it is answered; any number of them wait at
 * the same time. Names and attributes are cached by the kernel, contents are not. The file system is
 * read-only and ends with SIGTERM, with its parent, or when it is unmounted. Without the right to
 * mount, the program asks fusermount3 to do it.
 *
 * One thread reads the requests, keeps those that have to wait in a queue, and answers them. A thread
 * for each request that waits would cost twice the processor time, which limits how fast small
 * files can be.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	AT_ONCE = 1024, /* requests of the kernel that nobody waits for, such as reading ahead */
	REQUEST = FUSE_MIN_READ_BUFFER,
	REPLY = 1 << 20,
	CACHED_SECONDS = 3600,
};

struct node {
	ino_t number; /* of the source, which is also the kernel's name for the node */
	char *path;
};

struct waiting {
	struct waiting *next;
	int64_t due; /* nanoseconds */
	struct fuse_in_header header;
	struct fuse_read_in read;
};

static int device, source, by_helper;
static int64_t delay; /* nanoseconds */
static const char *mount_point;
static void *nodes;
static struct waiting *first, **last = &first;
static char request[REQUEST], reply[REPLY];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	ino_t x = ((const struct node *)a)->number, y = ((const struct node *)b)->number;

	return (x > y) - (x < y);
}

static const char *path_of(uint64_t number)
{
	struct node key = { .number = number }, **found;

	if (number == FUSE_ROOT_ID)
		return ".";
	found = tfind(&key, &nodes, compare);
	return found ? (*found)->path : "";
}

static void remember(ino_t number, const char *path)
{
	struct node *node = malloc(sizeof *node), **found;

	if (!node || !(node->path = strdup(path)))
		fail("malloc");
	node->number = number;
	found = tsearch(node, &nodes, compare);
	if (!found)
		fail("tsearch");
	if (*found != node) {
		free(node->path);
		free(node);
	}
}

static void answer(uint64_t unique, int error, const void *data, size_t length)
{
	struct fuse_out_header header = {
		.len = sizeof header + length, .error = -error, .unique = unique,
	};
	struct iovec parts[] = { { &header, sizeof header }, { (void *)data, length } };

	writev(device, parts, 2); /* fails if the caller was interrupted, who then needs no answer */
}

static struct fuse_attr attributes(const struct stat *status)
{
	return (struct fuse_attr){
		.ino = status->st_ino, .size = status->st_size, .blocks = status->st_blocks,
		.atime = status->st_atim.tv_sec, .atimensec = status->st_atim.tv_nsec,
		.mtime = status->st_mtim.tv_sec, .mtimensec = status->st_mtim.tv_nsec,
		.ctime = status->st_ctim.tv_sec, .ctimensec = status->st_ctim.tv_nsec,
		.mode = status->st_mode, .nlink = status->st_nlink,
		.uid = status->st_uid, .gid = status->st_gid, .blksize = status->st_blksize,
	};
}

static void answer_init(uint64_t unique, const struct fuse_init_in *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = in->max_readahead,
		.flags = in->flags & (FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES),
		.max_background = AT_ONCE, .congestion_threshold = AT_ONCE,
		.max_write = 4096, .time_gran = 1, .max_pages = REPLY / 4096,
	};

	answer(unique, 0, &out, sizeof out);
}

static void answer_lookup(uint64_t unique, uint64_t parent, const char *name)
{
	char path[PATH_MAX];
	struct stat status;

	if (snprintf(path, sizeof path, "%s/%s", path_of(parent), name) >= (int)sizeof path) {
		answer(unique, ENAMETOOLONG, NULL, 0);
	} else if (fstatat(source, path, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		answer(unique, errno, NULL, 0);
	} else {
		struct fuse_entry_out out = {
			.nodeid = status.st_ino, .attr = attributes(&status),
			.entry_valid = CACHED_SECONDS, .attr_valid = CACHED_SECONDS,
		};

		remember(status.st_ino, path);
		answer(unique, 0, &out, sizeof out);
	}
}

static void answer_getattr(uint64_t unique, uint64_t number)
{
	struct stat status;

	if (fstatat(source, path_of(number), &status, AT_SYMLINK_NOFOLLOW) < 0) {
		answer(unique, errno, NULL, 0);
	} else {
		struct fuse_attr_out out = { .attr_valid = CACHED_SECONDS, .attr = attributes(&status) };

		answer(unique, 0, &out, sizeof out);
	}
}

static void answer_open(uint64_t unique, uint64_t number)
{
	int fd = openat(source, path_of(number), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		answer(unique, errno, NULL, 0);
	} else {
		struct fuse_open_out out = { .fh = fd };

		answer(unique, 0, &out, sizeof out);
	}
}

static void answer_opendir(uint64_t unique, uint64_t number)
{
	int fd = openat(source, path_of(number), O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct fuse_open_out out = { .fh = (uintptr_t)folder };

	if (folder)
		answer(unique, 0, &out, sizeof out);
	else
		answer(unique, errno, NULL, 0);
}

static void answer_read(uint64_t unique, const struct fuse_read_in *in)
{
	ssize_t got = pread(in->fh, reply, in->size < REPLY ? in->size : REPLY, in->offset);

	answer(unique, got < 0 ? errno : 0, reply, got < 0 ? 0 : got);
}

static void answer_readdir(uint64_t unique, const struct fuse_read_in *in)
{
	DIR *folder = (DIR *)(uintptr_t)in->fh;
	size_t length = 0, wanted = in->size < REPLY ? in->size : REPLY;
	struct dirent *entry;

	seekdir(folder, in->offset);
	while ((entry = readdir(folder))) {
		struct fuse_dirent *out = (struct fuse_dirent *)(reply + length);
		size_t name = strlen(entry->d_name), size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name);

		if (length + size > wanted)
			break;
		memset(out, 0, size);
		out->ino = entry->d_ino;
		out->off = telldir(folder);
		out->namelen = name;
		out->type = entry->d_type;
		memcpy(out->name, entry->d_name, name);
		length += size;
	}
	answer(unique, 0, reply, length);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* All wait equally long, so that the order of their ends is that in which they came. */
static void let_wait(const struct fuse_in_header *in)
{
	struct waiting *added = calloc(1, sizeof *added);

	if (!added)
		fail("calloc");
	added->due = now() + delay;
	added->header = *in;
	if (in->opcode == FUSE_READ)
		memcpy(&added->read, in + 1, sizeof added->read);
	*last = added;
	last = &added->next;
}

static void answer_those_due(void)
{
	while (first && first->due <= now()) {
		struct waiting *done = first;

		if (!(first = done->next))
			last = &first;
		if (done->header.opcode == FUSE_OPEN)
			answer_open(done->header.unique, done->header.nodeid);
		else
			answer_read(done->header.unique, &done->read);
		free(done);
	}
}

static void take(const struct fuse_in_header *in)
{
	const void *rest = in + 1;

	switch (in->opcode) {
	case FUSE_INIT:
		answer_init(in->unique, rest);
		break;
	case FUSE_LOOKUP:
		answer_lookup(in->unique, in->nodeid, rest);
		break;
	case FUSE_GETATTR:
		answer_getattr(in->unique, in->nodeid);
		break;
	case FUSE_OPEN:
	case FUSE_READ:
		let_wait(in);
		break;
	case FUSE_OPENDIR:
		answer_opendir(in->unique, in->nodeid);
		break;
	case FUSE_READDIR:
		answer_readdir(in->unique, rest);
		break;
	case FUSE_RELEASE:
		close(((const struct fuse_release_in *)rest)->fh);
		answer(in->unique, 0, NULL, 0);
		break;
	case FUSE_RELEASEDIR:
		closedir((DIR *)(uintptr_t)((const struct fuse_release_in *)rest)->fh);
		answer(in->unique, 0, NULL, 0);
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		break; /* expects no answer */
	default:
		answer(in->unique, ENOSYS, NULL, 0);
	}
}

static void *serve(void *unused)
{
	struct pollfd ready = { .fd = device, .events = POLLIN };

	for (;;) {
		ssize_t got = read(device, request, sizeof request);

		if (got > 0) {
			take((struct fuse_in_header *)request);
		} else if (errno == EAGAIN) {
			int64_t left = first ? first->due - now() : INT64_C(1000000000);
			struct timespec wait = { left / 1000000000, left % 1000000000 };

			if (left > 0)
				ppoll(&ready, 1, &wait, NULL);
		} else if (errno == ENODEV) {
			exit(0); /* unmounted */
		} else if (errno != EINTR && errno != ENOENT) {
			fail("/dev/fuse");
		}
		answer_those_due();
	}
	return unused;
}

static pid_t start_helper(const char *option, int socket)
{
	pid_t child = fork();

	if (child == 0) {
		char number[16];

		snprintf(number, sizeof number, "%d", socket);
		setenv("_FUSE_COMMFD", number, 1);
		execlp("fusermount3", "fusermount3", option, option[1] == 'o' ? "ro" : "-z", "--",
		       mount_point, NULL);
		_exit(127);
	}
	return child;
}

/* Receive the descriptor that fusermount3 sends through a socket. */
static int mount_by_helper(void)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof control,
	};
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		fail("socketpair");
	start_helper("-o", pair[0]);
	close(pair[0]);
	by_helper = 1;
	if (recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) <= 0 || !CMSG_FIRSTHDR(&message)) {
		fprintf(stderr, "slow: mounting needs root or fusermount3\n");
		exit(1);
	}
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
	return fd; /* pair[1] stays open: the helper unmounts when it is closed */
}

static int mount_here(void)
{
	char options[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return mount_by_helper();
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other", fd,
		 getuid(), getgid());
	if (mount("slow", mount_point, "fuse", MS_RDONLY | MS_NOSUID | MS_NODEV, options) == 0)
		return fd;
	close(fd);
	return mount_by_helper();
}

static void unmount(void)
{
	if (by_helper)
		waitpid(start_helper("-u", -1), NULL, 0);
	else
		umount2(mount_point, MNT_DETACH);
}

int main(int argc, char **argv)
{
	sigset_t signals;
	pthread_t thread;
	long micros;
	int number;

	if (argc != 4 || (micros = atol(argv[1])) < 0) {
		fprintf(stderr, "usage: slow MICROSECONDS SOURCE MOUNT\n");
		return 2;
	}
	delay = micros * 1000;
	source = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (source < 0)
		fail(argv[2]);
	mount_point = argv[3];
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_TIMERSLACK, 1); /* else each wait is up to 50 us longer */
	device = mount_here();
	fcntl(device, F_SETFL, O_NONBLOCK);
	if ((errno = pthread_create(&thread, NULL, serve, NULL)))
		fail("pthread_create");
	sigwait(&signals, &number);
	unmount();
	return 0;
}
