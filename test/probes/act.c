/*
 * act: one system call, made the way a case says, with no shell or library in between.
 *
 *     act [MANNER...] OPERATION ARGUMENT...
 *
 * A manner says which process does it: fork, double-fork, setsid, traced, after,
 * vfork, spawn, clone, thread. What an
 * operation read it leaves in the file `leak` of the working directory. Exit code: 0, or the errno.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <unistd.h>

extern char **environ;

static int fail(const char *what)
{
	int code = errno;

	fprintf(stderr, "act: %s: %s\n", what, strerror(code));
	return code;
}

/* ---- files ---- */

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

static int write_to(int fd, const char *text)
{
	if (fd < 0)
		return fail("open");
	if (write(fd, text, strlen(text)) < 0)
		return fail("write");
	return close(fd) ? fail("close") : 0;
}

/* The directory of `path`, opened, so that the rest is a dirfd-relative name. */
static int directory_of(const char *path, const char **name)
{
	char folder[8192];
	const char *slash = strrchr(path, '/');

	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	*name = slash + 1;
	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* Makes folders below the working directory until no path of PATH_MAX bytes leads there, and reads a file in the last. */
static int read_deep(void)
{
	char name[201] = { 0 };
	int home = open(".", O_RDONLY | O_DIRECTORY), code, fd;

	memset(name, 'd', 200);
	for (int i = 0; i < 25; i++)
		if (mkdir(name, 0755) || chdir(name))
			return fail("mkdir");
	fd = open("file", O_WRONLY | O_CREAT, 0644);
	if (fd < 0 || write(fd, "deep", 4) < 0)
		return fail("write");
	fd = open("file", O_RDONLY);
	code = errno;
	if (fchdir(home))
		return fail("fchdir");
	errno = code;
	return read_from(fd);
}

/* The 32-bit way into the kernel, which takes addresses below 4 GiB only: the program is linked there. */
static int read_compat(const char *path)
{
	static char low[4096];
	int fd;

	snprintf(low, sizeof(low), "%s", path);
	asm volatile("int $0x80" : "=a"(fd) : "a"(5), "b"(low), "c"(O_RDONLY), "d"(0) : "memory", "r8", "r9", "r10", "r11");
	if (fd < 0) {
		errno = -fd;
		return fail("int 0x80 open");
	}
	return read_from(fd);
}

/* Opens by io_uring: no system call of the open family is made. */
static int read_uring(const char *path)
{
	struct io_uring_params params = { 0 };
	int ring = syscall(SYS_io_uring_setup, 4, &params), fd;
	struct io_uring_sqe *entries;
	struct io_uring_cqe *done;
	unsigned *tail;
	char *sq, *cq;

	if (ring < 0)
		return fail("io_uring_setup");
	sq = mmap(0, params.sq_off.array + params.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
	cq = mmap(0, params.cq_off.cqes + params.cq_entries * sizeof(*done), PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_CQ_RING);
	entries = mmap(0, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || entries == MAP_FAILED)
		return fail("mmap");
	memset(entries, 0, sizeof(*entries));
	entries[0].opcode = IORING_OP_OPENAT;
	entries[0].fd = AT_FDCWD;
	entries[0].addr = (unsigned long)path;
	entries[0].open_flags = O_RDONLY;
	*(unsigned *)(sq + params.sq_off.array) = 0;
	tail = (unsigned *)(sq + params.sq_off.tail);
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) < 0)
		return fail("io_uring_enter");
	done = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
	fd = done->res;
	if (fd < 0) {
		errno = -fd;
		return fail("io_uring openat");
	}
	return read_from(fd);
}

/* A program without a name in any folder: copied into memory and run from there. */
static int exec_memfd(char **a)
{
	int fd = memfd_create("nameless", 0), from = open(a[1], O_RDONLY);

	if (fd < 0 || from < 0 || sendfile(fd, from, 0, 1 << 28) <= 0)
		return fail("memfd");
	syscall(SYS_execveat, fd, "", a + 1, environ, AT_EMPTY_PATH);
	return fail("execveat");
}

/* A program whose last name has gone: run by its descriptor, or by that of /proc. */
static int exec_deleted(const char *op, char **a)
{
	int out = open("deleted", O_WRONLY | O_CREAT | O_CLOEXEC, 0755), from = open(a[1], O_RDONLY | O_CLOEXEC), fd;
	char path[32];

	if (out < 0 || from < 0 || sendfile(out, from, 0, 1 << 28) <= 0)
		return fail("copy");
	close(out);
	fd = open("deleted", O_RDONLY);
	if (fd < 0 || unlink("deleted"))
		return fail("unlink");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!strcmp(op, "exec-deleted-by-proc"))
		execv(path, a + 1);
	else
		syscall(SYS_execveat, fd, "", a + 1, environ, AT_EMPTY_PATH);
	return fail("exec");
}

static int map_read(const char *path)
{
	int fd = open(path, O_RDONLY);
	void *map;

	if (fd < 0)
		return fail("open");
	map = mmap(0, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	return map == MAP_FAILED ? fail("mmap") : leak(map, strnlen(map, 256));
}

/* Stores into a shared mapping, through no descriptor, as soon as somebody writes to the FIFO `go`. */
static int map_store(const char *path, const char *go, int protection)
{
	int fd = open(path, O_RDWR), bell;
	char *map = mmap(0, 4096, protection, MAP_SHARED, fd, 0), byte;

	if (fd < 0 || map == MAP_FAILED)
		return fail("mmap");
	close(fd);
	if (leak("mapped", 6))
		return EIO;
	bell = open(go, O_RDONLY);
	if (bell < 0 || read(bell, &byte, 1) < 0)
		return fail("go");
	if (mprotect(map, 4096, PROT_READ | PROT_WRITE))
		return fail("mprotect");
	*map = 'X';
	return 0;
}

static int file_operation(char **a)
{
	const char *op = a[0], *name = 0;
	int dir;

#define IS(text) (!strcmp(op, text))
	if (IS("read"))
		return read_from(open(a[1], O_RDONLY));
	if (IS("read-abort")) {
		read_from(open(a[1], O_RDONLY));
		abort();
	}
	if (IS("read-at")) {
		dir = directory_of(a[1], &name);
		return read_from(openat(dir, name, O_RDONLY));
	}
	if (IS("read-openat2")) {
		struct open_how how = { .flags = O_RDONLY };

		return read_from(syscall(SYS_openat2, AT_FDCWD, a[1], &how, sizeof(how)));
	}
	if (IS("read-deep"))
		return read_deep();
	if (IS("read-compat"))
		return read_compat(a[1]);
	if (IS("read-uring"))
		return read_uring(a[1]);
	if (IS("map"))
		return map_read(a[1]);
	if (IS("map-store"))
		return map_store(a[1], a[2], PROT_READ | PROT_WRITE);
	if (IS("map-protect-store"))
		return map_store(a[1], a[2], PROT_READ);
	if (IS("ftruncate-open"))
		return ftruncate(atoi(a[1]), 0) ? fail("ftruncate") : 0;
	if (IS("open-path"))
		return open(a[1], O_PATH) < 0 ? fail("open") : leak("opened", 6);
	if (IS("write"))
		return write_to(open(a[1], O_WRONLY), "changed");
	if (IS("read-write"))
		return write_to(open(a[1], O_RDWR), "changed");
	if (IS("append"))
		return write_to(open(a[1], O_WRONLY | O_APPEND), "changed");
	if (IS("write-at")) {
		dir = directory_of(a[1], &name);
		return write_to(openat(dir, name, O_WRONLY), "changed");
	}
	if (IS("create"))
		return write_to(open(a[1], O_WRONLY | O_CREAT | O_EXCL, 0644), "made");
	if (IS("open-create"))
		return write_to(open(a[1], O_RDWR | O_CREAT, 0644), "made");
	if (IS("create-at")) {
		dir = directory_of(a[1], &name);
		return write_to(openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, 0644), "made");
	}
	if (IS("tmpfile-link")) {
		char self[64];
		int fd;

		dir = directory_of(a[1], &name);
		fd = openat(dir, ".", O_TMPFILE | O_WRONLY, 0644);
		if (fd < 0 || write(fd, "made", 4) < 0)
			return fail("O_TMPFILE");
		snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
		return linkat(AT_FDCWD, self, dir, name, AT_SYMLINK_FOLLOW) ? fail("linkat") : 0;
	}
	if (IS("open-truncate"))
		return write_to(open(a[1], O_WRONLY | O_TRUNC), "");
	if (IS("truncate"))
		return truncate(a[1], 0) ? fail("truncate") : 0;
	if (IS("ftruncate")) {
		int fd = open(a[1], O_WRONLY);

		return fd < 0 || ftruncate(fd, 0) ? fail("ftruncate") : 0;
	}
	if (IS("unlink"))
		return unlink(a[1]) ? fail("unlink") : 0;
	if (IS("unlink-at")) {
		dir = directory_of(a[1], &name);
		return unlinkat(dir, name, 0) ? fail("unlinkat") : 0;
	}
	if (IS("rmdir"))
		return rmdir(a[1]) ? fail("rmdir") : 0;
	if (IS("rename"))
		return rename(a[1], a[2]) ? fail("rename") : 0;
	if (IS("rename-exchange"))
		return renameat2(AT_FDCWD, a[1], AT_FDCWD, a[2], RENAME_EXCHANGE) ? fail("renameat2") : 0;
	if (IS("mkdir"))
		return mkdir(a[1], 0755) ? fail("mkdir") : 0;
	if (IS("mkfifo"))
		return mkfifo(a[1], 0644) ? fail("mkfifo") : 0;
	if (IS("link"))
		return link(a[1], a[2]) ? fail("link") : 0;
	if (IS("symlink"))
		return symlink(a[1], a[2]) ? fail("symlink") : 0;
	if (IS("chmod"))
		return chmod(a[1], 0600) ? fail("chmod") : 0;
	if (IS("fchmod")) {
		int fd = open(a[1], O_RDONLY);

		return fd < 0 || fchmod(fd, 0600) ? fail("fchmod") : 0;
	}
	return -1;
}

/* ---- addresses ---- */

static int address_of(const char *text, const char *port, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (void *)address;
	struct sockaddr_in6 *v6 = (void *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(atoi(port));
		return sizeof(*v4);
	}
	inet_pton(AF_INET6, text, &v6->sin6_addr);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(atoi(port));
	return sizeof(*v6);
}

/* The server answers, so success means that both ends saw the other. */
static int answered(int fd)
{
	struct timeval patience = { .tv_sec = 10 };
	char bytes[64];
	ssize_t size;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	size = recv(fd, bytes, sizeof(bytes), 0);
	return size < 0 ? fail("recv") : leak(bytes, size);
}

static int address_operation(char **a)
{
	const char *op = a[0];
	struct sockaddr_storage address;
	int size, fd, type = IS("tcp") || IS("tcp-bind") ? SOCK_STREAM : SOCK_DGRAM;

	if (!IS("tcp") && !IS("udp-sendto") && !IS("udp-connect") && !IS("udp-sendmsg") && !IS("tcp-bind") &&
	    !IS("udp-bind"))
		return -1;
	size = address_of(a[1], a[2], &address);
	fd = socket(address.ss_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail("socket");
	if (IS("tcp-bind") || IS("udp-bind"))
		return bind(fd, (void *)&address, size) ? fail("bind") : leak("bound", 5);
	if (IS("udp-sendto"))
		return sendto(fd, a[3], strlen(a[3]), 0, (void *)&address, size) < 0 ? fail("sendto") : answered(fd);
	if (IS("udp-sendmsg")) {
		struct iovec part = { a[3], strlen(a[3]) };
		struct mmsghdr message = {
			.msg_hdr = { .msg_name = &address, .msg_namelen = size, .msg_iov = &part, .msg_iovlen = 1 }
		};

		return sendmmsg(fd, &message, 1, 0) < 0 ? fail("sendmmsg") : answered(fd);
	}
	if (connect(fd, (void *)&address, size))
		return fail("connect");
	if (send(fd, a[3], strlen(a[3]), 0) < 0)
		return fail("send");
	return answered(fd);
}

/* ---- programs ---- */

static int exec_operation(char **a)
{
	const char *op = a[0], *name = 0;
	int fd;

	if (IS("exec")) {
		execv(a[1], a + 1);
		return fail("execve");
	}
	if (IS("execveat")) {
		fd = directory_of(a[1], &name);
		syscall(SYS_execveat, fd, name, a + 1, environ, 0);
		return fail("execveat");
	}
	if (IS("fexecve")) {
		fd = open(a[1], O_PATH | O_CLOEXEC);
		syscall(SYS_execveat, fd, "", a + 1, environ, AT_EMPTY_PATH);
		return fail("execveat");
	}
	if (IS("exec-memfd"))
		return exec_memfd(a);
	if (IS("exec-deleted") || IS("exec-deleted-by-proc"))
		return exec_deleted(op, a);
	if (IS("exec-as")) { /* argv[0] is the caller's to choose */
		execv(a[1], a + 2);
		return fail("execve");
	}
	if (IS("exec-long")) { /* PATH SIZE LAST: that many bytes of arguments before the last */
		long left = atol(a[2]);
		char **argv = calloc(left / 100000 + 4, sizeof(*argv));
		int n = 0;

		argv[n++] = a[1];
		while (left > 0) {
			long size = left > 100000 ? 100000 : left;

			argv[n] = calloc(1, size + 1);
			memset(argv[n++], 'x', size);
			left -= size;
		}
		argv[n++] = a[3];
		execv(a[1], argv);
		return fail("execve");
	}
	return -1;
}

/* ---- manners ---- */

static int act(char **a);

/* Does what lines on standard input say, each in a child, and answers with its exit code: a governed process to talk to. */
static int converse(void)
{
	char line[8192], *words[64];
	int n, code;

	setvbuf(stdout, 0, _IONBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin)) {
		pid_t child;

		n = 0;
		for (char *word = strtok(line, " \n"); word && n < 63; word = strtok(0, " \n"))
			words[n++] = word;
		words[n] = 0;
		child = fork();
		if (child == 0)
			_exit(act(words));
		waitpid(child, &code, 0);
		printf("%d\n", WIFSIGNALED(code) ? 128 + WTERMSIG(code) : WEXITSTATUS(code));
	}
	return 0;
}

/* Connects COUNT times and says how many were not refused with EPERM. */
static int storm(char **a)
{
	struct sockaddr_storage address;
	int size = address_of(a[1], a[2], &address), passed = 0;

	for (int i = 0; i < atoi(a[3]); i++) {
		int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!connect(fd, (void *)&address, size) || errno != EPERM)
			passed++;
		close(fd);
	}
	printf("%d passed\n", passed);
	return 0;
}

/* Reads FILE, then writes to COUNT pipes, socket pairs and files that it throws away. */
static int churn(char **a)
{
	char bytes[256];
	int fd = open(a[1], O_RDONLY);

	if (fd < 0 || read(fd, bytes, sizeof(bytes)) < 0)
		return fail("read");
	close(fd);
	for (int i = 0; i < atoi(a[2]); i++) {
		int ends[2];

		if (pipe(ends) || write(ends[1], "x", 1) != 1)
			return fail("pipe");
		close(ends[0]);
		close(ends[1]);
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || write(ends[1], "x", 1) != 1)
			return fail("socketpair");
		close(ends[0]);
		close(ends[1]);
		fd = open("churned", O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, "x", 1) != 1 || unlink("churned"))
			return fail("churned");
		close(fd);
	}
	return 0;
}

/* Makes COUNT files in FOLDER and writes to each. */
static int fill(const char *folder, int count)
{
	char name[4096];
	int fd;

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/litter-%d-%d", folder, getpid(), i);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		if (fd < 0 || write(fd, "x", 1) != 1)
			return fail(name);
		close(fd);
	}
	return 0;
}

/* Reads FILE, then makes COUNT files in FOLDER, and removes them when all are there. */
static int litter(char **a)
{
	char bytes[256], name[4096];
	int fd = open(a[1], O_RDONLY), count = atoi(a[3]);

	if (fd < 0 || read(fd, bytes, sizeof(bytes)) < 0)
		return fail("read");
	close(fd);
	if (fill(a[2], count))
		return EIO;
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "%s/litter-%d-%d", a[2], getpid(), i);
		if (unlink(name))
			return fail(name);
	}
	return 0;
}

static int ended(pid_t child)
{
	int status;

	if (child < 0)
		return fail("fork");
	if (waitpid(child, &status, 0) < 0)
		return fail("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int child_of_clone(void *a)
{
	return act(a);
}

static void *thread_of(void *a)
{
	_exit(act(a));
}

static int act(char **a)
{
	const char *op = a[0];
	pthread_t thread;
	pid_t child;
	int code;

	if (IS("fork")) {
		child = fork();
		if (child == 0)
			_exit(act(a + 1));
		return ended(child);
	}
	if (IS("double-fork")) {
		child = fork();
		if (child)
			return ended(child);
		child = fork();
		if (child)
			_exit(ended(child));
		_exit(act(a + 1));
	}
	if (IS("setsid")) { /* a daemon: its parent is gone before it acts */
		int gone[2];
		char none;

		if (pipe(gone))
			return fail("pipe");
		child = fork();
		if (child) {
			close(gone[1]);
			return ended(child);
		}
		setsid();
		if (fork())
			_exit(0);
		close(gone[1]);
		while (read(gone[0], &none, 1) > 0)
			;
		_exit(act(a + 1));
	}
	if (IS("traced")) { /* under a tracer that only lets it go on */
		child = fork();
		if (child == 0) {
			ptrace(PTRACE_TRACEME, 0, 0, 0);
			_exit(act(a + 1));
		}
		while (waitpid(child, &code, 0) == child && WIFSTOPPED(code))
			ptrace(PTRACE_CONT, child, 0, WSTOPSIG(code) == SIGTRAP ? 0 : WSTOPSIG(code));
		return WIFSIGNALED(code) ? 128 + WTERMSIG(code) : WEXITSTATUS(code);
	}
	if (IS("after")) { /* somebody has written to a FIFO */
		char none;
		int bell = open(a[1], O_RDONLY);

		if (bell < 0 || read(bell, &none, 1) < 0)
			return fail("open");
		return act(a + 2);
	}
	if (IS("vfork")) {
		child = vfork();
		if (child == 0) {
			execv(a[2], a + 2);
			_exit(errno);
		}
		return ended(child);
	}
	if (IS("spawn")) {
		code = posix_spawn(&child, a[2], 0, 0, a + 2, environ);
		if (code) {
			errno = code;
			return fail("posix_spawn");
		}
		return ended(child);
	}
	if (IS("clone")) {
		char *stack = malloc(1 << 16);

		return ended(clone(child_of_clone, stack + (1 << 16), CLONE_FS | CLONE_FILES | SIGCHLD, a + 1));
	}
	if (IS("thread")) {
		if (pthread_create(&thread, 0, thread_of, a + 1))
			return fail("pthread_create");
		pthread_join(thread, 0);
		return 0;
	}
	if (IS("converse"))
		return converse();
	if (IS("storm"))
		return storm(a);
	if (IS("churn"))
		return churn(a);
	if (IS("litter"))
		return litter(a);
	if (IS("fill"))
		return fill(a[1], atoi(a[2]));
	if (IS("wait")) { /* for somebody to end it */
		leak("waiting", 7);
		pause();
	}
	if (IS("seize"))
		return ptrace(PTRACE_SEIZE, atoi(a[1]), 0, 0) ? fail("ptrace") : 0;
	if (IS("attach"))
		return ptrace(PTRACE_ATTACH, atoi(a[1]), 0, 0) ? fail("ptrace") : leak("attached", 8);
	if (IS("bpf")) { /* an array of one number; the kernel takes a shorter structure than its own */
		unsigned map[4] = { 2, 4, 4, 1 };

		return syscall(SYS_bpf, 0, map, sizeof(map)) < 0 ? fail("bpf") : 0;
	}
	if (IS("kill"))
		return kill(atoi(a[1]), SIGKILL) ? fail("kill") : 0;
	code = file_operation(a);
	if (code < 0)
		code = address_operation(a);
	if (code < 0)
		code = exec_operation(a);
	if (code < 0)
		fprintf(stderr, "act: no operation %s\n", op);
	return code < 0 ? 95 : code;
}

int main(int argc, char **argv)
{
	return argc < 2 ? 95 : act(argv + 1);
}
