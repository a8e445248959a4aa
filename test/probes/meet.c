/*
 * meet: starts a program and does something to it that a rule may be about. The program is a copy of
 * this one that waits, under the name that the rule names.
 *
 *     meet OPERATION PROGRAM
 *
 * With `deep` before OPERATION the program is run from where no path of PATH_MAX bytes leads. Leaves the file `done` where the operation came through: the program ended by the signal, or was traced.
 * Exit code: 0, or the errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define IS(text) (!strcmp(op, text))

/* At the same place in every process that runs this program: it is linked statically. */
static char word[8] = "before";

static int fail(const char *what)
{
	int code = errno;

	fprintf(stderr, "meet: %s: %s\n", what, strerror(code));
	return code;
}

static int done(void)
{
	int fd = open("done", O_WRONLY | O_CREAT, 0644);

	return fd < 0 ? fail("done") : 0;
}

/* Runs until the one who started it closes the pipe; the byte says that the program is the one of its name. */
static int wait_for_end(void)
{
	char none;

	if (write(1, "r", 1) != 1)
		return 1;
	while (read(0, &none, 1) > 0)
		;
	return 0;
}

static pid_t start(const char *program, int *end, int traced)
{
	int input[2], output[2];
	pid_t child;
	char byte;

	if (pipe2(input, O_CLOEXEC) || pipe2(output, O_CLOEXEC))
		return -1;
	child = fork();
	if (child == 0) {
		setpgid(0, 0);
		dup2(input[0], 0);
		dup2(output[1], 1);
		if (traced && ptrace(PTRACE_TRACEME, 0, 0, 0))
			_exit(errno);
		execl(program, program, "wait", NULL);
		_exit(errno);
	}
	close(input[0]);
	close(output[1]);
	*end = input[1];
	if (traced) /* it stops at its exec, before it can say anything */
		return child;
	if (read(output[0], &byte, 1) != 1)
		return -1;
	return child;
}

/* A descriptor that sends its owner a signal when it can be read. */
static int signal_by_descriptor(const char *op, pid_t owner)
{
	struct f_owner_ex named = { F_OWNER_PID, owner };
	int fds[2];

	if (IS("set-owner-ioctl") ? socketpair(AF_UNIX, SOCK_STREAM, 0, fds) : pipe(fds))
		return fail("pipe");
	if (IS("set-owner-ex") ? fcntl(fds[0], F_SETOWN_EX, &named)
	    : IS("set-owner-ioctl") ? ioctl(fds[0], FIOSETOWN, &owner)
				    : fcntl(fds[0], F_SETOWN, owner))
		return fail(op);
	if (fcntl(fds[0], F_SETSIG, SIGTERM) || fcntl(fds[0], F_SETFL, O_ASYNC) || write(fds[1], "x", 1) != 1)
		return fail("write");
	return 0;
}

static int got_signal;

static void take_signal(int number)
{
	got_signal = number;
}

/* Its own process may always be signalled. */
static int signal_self(void)
{
	signal(SIGTERM, take_signal);
	return signal_by_descriptor("set-owner", getpid()) || !got_signal ? fail("own-descriptor") : 0;
}

static int send_signal(const char *op, pid_t child)
{
	if (IS("kill"))
		return kill(child, SIGTERM) ? fail(op) : 0;
	if (IS("kill-group"))
		return kill(-child, SIGTERM) ? fail(op) : 0;
	if (IS("tgkill"))
		return syscall(SYS_tgkill, child, child, SIGTERM) ? fail(op) : 0;
	if (IS("sigqueue"))
		return sigqueue(child, SIGTERM, (union sigval){ 0 }) ? fail(op) : 0;
	if (IS("pidfd-send")) {
		int fd = syscall(SYS_pidfd_open, child, 0);

		return syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0) ? fail(op) : 0;
	}
	if (!strncmp(op, "set-owner", 9))
		return signal_by_descriptor(op, child);
	return -1;
}

static int trace(const char *op, pid_t child)
{
	char text[8] = "after", path[64];
	struct iovec here = { text, sizeof(text) }, there = { word, sizeof(word) };
	int fd, status;

	if (IS("attach"))
		return ptrace(PTRACE_ATTACH, child, 0, 0) || waitpid(child, &status, 0) < 0 || ptrace(PTRACE_DETACH, child, 0, 0)
			       ? fail(op)
			       : 0;
	if (IS("seize"))
		return ptrace(PTRACE_SEIZE, child, 0, 0) ? fail(op) : 0;
	if (IS("write-memory"))
		return process_vm_writev(child, &here, 1, &there, 1, 0) < 0 ? fail(op) : 0;
	if (IS("read-memory"))
		return process_vm_readv(child, &here, 1, &there, 1, 0) < 0 ? fail(op) : 0;
	if (IS("memory-file")) {
		snprintf(path, sizeof(path), "/proc/%d/mem", child);
		fd = open(path, O_RDWR);
		return fd < 0 || pwrite(fd, text, sizeof(text), (off_t)word) < 0 ? fail(op) : 0;
	}
	if (IS("take-descriptor")) {
		fd = syscall(SYS_pidfd_open, child, 0);
		return syscall(SYS_pidfd_getfd, fd, 0, 0) < 0 ? fail(op) : 0;
	}
	return -1;
}

/* The program is started by its tracer, which has it in its hands before the first instruction. */
static int start_traced(const char *program)
{
	int end, status;
	pid_t child = start(program, &end, 1);

	if (child < 0 || waitpid(child, &status, 0) < 0)
		return fail("start");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	if (ptrace(PTRACE_POKEDATA, child, word, 0))
		return fail("poke");
	ptrace(PTRACE_KILL, child, 0, 0);
	return done();
}

/* The program is traced because it asks for it. */
static int ask_for_tracing(const char *program)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		execl(program, program, "trace-me", NULL);
		_exit(errno);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return fail("start");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Copies the program to where no path of PATH_MAX bytes leads, and goes there. */
static int copy_deep(const char *program)
{
	int from = open(program, O_RDONLY | O_CLOEXEC), to;
	char name[201] = { 0 };

	memset(name, 'd', 200);
	for (int i = 0; i < 25; i++)
		if (mkdir(name, 0755) || chdir(name))
			return fail("mkdir");
	to = open("deep", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (from < 0 || to < 0 || sendfile(to, from, 0, 1 << 28) <= 0)
		return fail("copy");
	return close(to) ? fail("copy") : 0;
}

/* To a process that runs already, by its number: `meet OPERATION-of PID`. */
static int to_process(const char *op, pid_t pid)
{
	int code = send_signal(op, pid);

	return code < 0 ? trace(op, pid) : code;
}

int main(int argc, char **argv)
{
	const char *op = argc > 1 ? argv[1] : "";
	int end, status, code, ended;
	pid_t child;

	if (IS("wait"))
		return wait_for_end();
	if (argc == 4 && IS("process"))
		return to_process(argv[2], atoi(argv[3]));
	if (IS("trace-me"))
		return ptrace(PTRACE_TRACEME, 0, 0, 0) ? fail(op) : done();
	if (argc == 4 && IS("deep")) {
		op = argv[2];
		if (copy_deep(argv[3]))
			return 4;
		argv[2] = "./deep";
		argc = 3;
	}
	if (argc != 3)
		return 95;
	if (IS("ask-for-tracing"))
		return ask_for_tracing(argv[2]);
	if (IS("own-descriptor"))
		return signal_self() ? EPERM : done();
	if (IS("start-traced"))
		return start_traced(argv[2]);
	child = start(argv[2], &end, 0);
	if (child < 0)
		return fail("start");
	if (IS("ask")) /* signal 0 does nothing to the process */
		code = kill(child, 0) ? fail(op) : done();
	else
		code = send_signal(op, child);
	ended = code == 0 && !IS("ask");
	if (code < 0) {
		ended = 0;
		code = trace(op, child);
		if (code == 0)
			code = done();
	}
	if (code < 0)
		return 95;
	/* A signal that was sent but not let through: the pipe's end lets the program go. */
	if (ended)
		usleep(100000);
	close(end);
	if (waitpid(child, &status, 0) < 0)
		return fail("waitpid");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
		return done();
	return code ? code : ended ? EPERM : 0;
}
