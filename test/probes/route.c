/*
 * route: other ways to a file than opening it by its name, and system calls that change one without
 * opening it at all. `act` has the plain ones.
 *
 *     route OPERATION ARGUMENT...
 *
 * What an operation read it leaves in the file `leak` of the working directory. Exit code: 0, or the errno.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define IS(text) (!strcmp(op, text))

static int fail(const char *what)
{
	int code = errno;

	fprintf(stderr, "route: %s: %s\n", what, strerror(code));
	return code;
}

static int or_fail(long result, const char *what)
{
	return result < 0 ? fail(what) : 0;
}

static int leak(const void *bytes, size_t size)
{
	int fd = open("leak", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	return fd < 0 || write(fd, bytes, size) < 0 ? fail("leak") : 0;
}

static int read_from(int fd)
{
	char bytes[256];
	ssize_t size;

	if (fd < 0)
		return fail("open");
	size = read(fd, bytes, sizeof(bytes));
	return size < 0 ? fail("read") : leak(bytes, size);
}

static int write_to(int fd)
{
	return fd < 0 ? fail("open") : or_fail(write(fd, "changed", 7), "write");
}

/* ---- names and descriptors ---- */

static int again(int fd, int flags)
{
	char self[64];

	if (fd < 0)
		return fd;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return open(self, flags);
}

static int by_handle(const char *path)
{
	struct {
		struct file_handle head;
		char bytes[128];
	} handle = { .head = { .handle_bytes = 128 } };
	int mount, folder = open(".", O_RDONLY | O_DIRECTORY);

	if (name_to_handle_at(AT_FDCWD, path, &handle.head, &mount, 0))
		return fail("name_to_handle_at");
	return read_from(open_by_handle_at(folder, &handle.head, O_RDONLY));
}

static int through_descriptors(const char *op, char **a)
{
	if (IS("reopen"))
		return read_from(again(open(a[0], O_PATH), O_RDONLY));
	if (IS("reopen-write"))
		return write_to(again(open(a[0], O_RDONLY), O_WRONLY));
	if (IS("by-handle"))
		return by_handle(a[0]);
	if (IS("link-descriptor"))
		return or_fail(linkat(open(a[0], O_PATH), "", AT_FDCWD, a[1], AT_EMPTY_PATH), "linkat");
	if (IS("tmpfile-link"))
		return or_fail(linkat(open(".", O_TMPFILE | O_WRONLY, 0644), "", AT_FDCWD, a[0], AT_EMPTY_PATH), "linkat");
	if (IS("fallocate"))
		return or_fail(fallocate(open(a[0], O_WRONLY), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4), "fallocate");
	if (IS("copy-range")) {
		int from = open(a[0], O_RDONLY), to = open(a[1], O_WRONLY);

		return to < 0 ? fail("open") : or_fail(copy_file_range(from, 0, to, 0, 4, 0), "copy_file_range");
	}
	if (IS("splice")) {
		int fds[2], to = open(a[0], O_WRONLY);

		if (to < 0 || pipe(fds) || write(fds[1], "changed", 7) != 7)
			return fail("open");
		return or_fail(splice(fds[0], 0, to, 0, 7, 0), "splice");
	}
	if (IS("map-write")) {
		int fd = open(a[0], O_RDWR);
		char *map = fd < 0 ? MAP_FAILED : mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (map == MAP_FAILED)
			return fail("mmap");
		memcpy(map, "changed", 6);
		return 0;
	}
	return -1;
}

static int by_names(const char *op, char **a)
{
	if (IS("whiteout"))
		return or_fail(renameat2(AT_FDCWD, a[0], AT_FDCWD, a[1], RENAME_WHITEOUT), "renameat2");
	if (IS("exchange-read")) { /* of the other name, which is the first file's then */
		if (renameat2(AT_FDCWD, a[1], AT_FDCWD, a[0], RENAME_EXCHANGE))
			return fail("renameat2");
		return read_from(open(a[1], O_RDONLY));
	}
	if (IS("mknod"))
		return or_fail(mknod(a[0], S_IFCHR | 0600, 0x103), "mknod");
	if (IS("chroot-read"))
		return chroot(a[0]) || chdir("/") ? fail("chroot") : read_from(open(a[1], O_RDONLY));
	/* A copy of a folder's mount put on another folder by the newer calls, then a file made through it. */
	if (IS("mount-anew")) {
		int tree;

		if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0))
			return fail("unshare");
		tree = syscall(428 /* open_tree */, AT_FDCWD, a[0], 1 /* OPEN_TREE_CLONE */);
		if (syscall(429 /* move_mount */, tree, "", AT_FDCWD, a[1], 4 /* MOVE_MOUNT_F_EMPTY_PATH */))
			return fail("move_mount");
		return chdir(a[1]) ? fail("chdir") : or_fail(open("file", O_WRONLY | O_CREAT, 0644), "open");
	}
	return -1;
}

/* ---- what is not content ---- */

static int metadata(const char *op, char **a)
{
	struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	int flags = 0, fd;

	if (IS("setxattr"))
		return or_fail(setxattr(a[0], "user.mark", "x", 1, 0), op);
	if (IS("removexattr"))
		return or_fail(removexattr(a[0], "user.mark"), op);
	if (IS("utimes"))
		return or_fail(utimensat(AT_FDCWD, a[0], times, 0), op);
	if (IS("futimes"))
		return or_fail(futimens(open(a[0], O_RDONLY), times), op);
	if (IS("chown"))
		return or_fail(chown(a[0], 12, -1), op);
	if (IS("chown-descriptor"))
		return or_fail(fchownat(open(a[0], O_PATH), "", 12, -1, AT_EMPTY_PATH), op);
	if (IS("set-acl")) { /* version 2; owner, group, others, each with its permissions */
		static const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 4, 0, 0, 0,
						     255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255 };

		return or_fail(setxattr(a[0], "system.posix_acl_access", acl, sizeof(acl), 0), op);
	}
	if (IS("set-flags")) {
		fd = open(a[0], O_RDONLY);
		if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags))
			return fail("FS_IOC_GETFLAGS");
		flags ^= FS_NODUMP_FL;
		return or_fail(ioctl(fd, FS_IOC_SETFLAGS, &flags), op);
	}
	return -1;
}

/* ---- io_uring: the kernel's own worker does it ---- */

static int uring(const struct io_uring_sqe *entry)
{
	struct io_uring_params params = { 0 };
	int ring = syscall(SYS_io_uring_setup, 4, &params), result;
	struct io_uring_sqe *entries;
	unsigned *tail;
	char *sq, *cq;

	if (ring < 0)
		return fail("io_uring_setup");
	sq = mmap(0, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(0, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE, MAP_SHARED,
		  ring, IORING_OFF_CQ_RING);
	entries = mmap(0, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || entries == MAP_FAILED)
		return fail("mmap");
	entries[0] = *entry;
	*(unsigned *)(sq + params.sq_off.array) = 0;
	tail = (unsigned *)(sq + params.sq_off.tail);
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) < 0)
		return fail("io_uring_enter");
	result = ((struct io_uring_cqe *)(cq + params.cq_off.cqes))->res;
	if (result < 0) {
		errno = -result;
		fail("io_uring");
		return -errno;
	}
	return result;
}

static int by_uring(const char *op, char **a)
{
	struct io_uring_sqe entry = { .fd = AT_FDCWD, .addr = (unsigned long)a[0] };
	struct sockaddr_in address = { .sin_family = AF_INET };
	int result;

	if (IS("uring-write")) {
		entry.opcode = IORING_OP_OPENAT;
		entry.open_flags = O_WRONLY;
		/* A worker's thread, not the caller's, does it then. */
		entry.flags = IOSQE_ASYNC;
		result = uring(&entry);
		return result < 0 ? -result : write_to(result);
	}
	if (IS("uring-connect")) {
		inet_pton(AF_INET, a[0], &address.sin_addr);
		address.sin_port = htons(atoi(a[1]));
		entry.opcode = IORING_OP_CONNECT;
		entry.fd = socket(AF_INET, SOCK_STREAM, 0);
		entry.addr = (unsigned long)&address;
		entry.off = sizeof(address);
		result = uring(&entry);
		return result < 0 ? -result : leak("connected", 9);
	}
	entry.addr2 = (unsigned long)a[1];
	entry.len = AT_FDCWD;
	if (IS("uring-unlink"))
		entry.opcode = IORING_OP_UNLINKAT, entry.len = 0;
	else if (IS("uring-rename"))
		entry.opcode = IORING_OP_RENAMEAT;
	else if (IS("uring-link"))
		entry.opcode = IORING_OP_LINKAT;
	else if (IS("uring-mkdir"))
		entry.opcode = IORING_OP_MKDIRAT, entry.len = 0755;
	else
		return -1;
	result = uring(&entry);
	return result < 0 ? -result : 0;
}

/* ---- the 32-bit way into the kernel, which takes addresses below 4 GiB only: the program is linked there ---- */

static long compat(long number, long a, long b, long c, long d, long e)
{
	long result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
		     : "memory", "r8", "r9", "r10", "r11");
	if (result < 0 && result > -4096) {
		errno = -result;
		return -1;
	}
	return result;
}

static char first[4096], second[4096];

static int by_compat(const char *op, char **a)
{
	static unsigned argv32[3];
	static struct sockaddr_in address = { .sin_family = AF_INET };
	long x = (long)first, y = (long)second;

	snprintf(first, sizeof(first), "%s", a[0] ? a[0] : "");
	snprintf(second, sizeof(second), "%s", a[0] && a[1] ? a[1] : "");
	if (IS("compat-write"))
		return write_to(compat(295, AT_FDCWD, x, O_WRONLY, 0, 0));
	if (IS("compat-create"))
		return write_to(compat(8, x, 0644, 0, 0, 0));
	if (IS("compat-truncate"))
		return or_fail(compat(92, x, 0, 0, 0, 0), op);
	if (IS("compat-unlink"))
		return or_fail(compat(10, x, 0, 0, 0, 0), op);
	if (IS("compat-unlinkat"))
		return or_fail(compat(301, AT_FDCWD, x, 0, 0, 0), op);
	if (IS("compat-rename"))
		return or_fail(compat(38, x, y, 0, 0, 0), op);
	if (IS("compat-renameat2"))
		return or_fail(compat(353, AT_FDCWD, x, AT_FDCWD, y, 0), op);
	if (IS("compat-link"))
		return or_fail(compat(9, x, y, 0, 0, 0), op);
	if (IS("compat-mkdir"))
		return or_fail(compat(39, x, 0755, 0, 0, 0), op);
	if (IS("compat-symlink"))
		return or_fail(compat(83, y, x, 0, 0, 0), op);
	if (IS("compat-chmod"))
		return or_fail(compat(15, x, 0600, 0, 0, 0), op);
	if (IS("compat-exec")) {
		argv32[0] = (unsigned)x;
		argv32[1] = (unsigned)y;
		/* An environment of 64-bit pointers means nothing here: the one variable that is needed. */
		static char variable[4200];
		static unsigned environment[2];
		snprintf(variable, sizeof(variable), "MARK=%s", getenv("MARK"));
		environment[0] = (unsigned)(long)variable;
		compat(11, x, (long)argv32, (long)environment, 0, 0);
		return fail(op);
	}
	if (IS("compat-connect")) {
		inet_pton(AF_INET, first, &address.sin_addr);
		address.sin_port = htons(atoi(second));
		return compat(362, socket(AF_INET, SOCK_STREAM, 0), (long)&address, sizeof(address), 0, 0) ? fail(op)
													  : leak("connected", 9);
	}
	return -1;
}

int main(int argc, char **argv)
{
	const char *op = argc > 1 ? argv[1] : "";
	char **a = argv + 2;
	int code = -1;

	if (argc < 3)
		return 95;
	if (code == -1)
		code = through_descriptors(op, a);
	if (code == -1)
		code = by_names(op, a);
	if (code == -1)
		code = metadata(op, a);
	if (code == -1)
		code = by_uring(op, a);
	if (code == -1)
		code = by_compat(op, a);
	if (code == -1)
		fprintf(stderr, "route: no operation %s\n", op);
	return code == -1 ? 95 : code;
}
