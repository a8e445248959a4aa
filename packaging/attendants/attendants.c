// The two small processes beside the tool, in C so that they are there at once and leave the processors to the verifier:
//
//   __launch     waits to be released, then becomes the governed command   (src/kernel/launch.ts)
//   __guardian   keeps the rules in force when the tool is killed          (src/kernel/guardian.ts)
//
// Linked statically: it runs on whatever C library the machine has. What they are told comes as words of 32 bits.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// Where the pipes are; of the launcher, inherited descriptors follow.
enum { ORDERS = 3, ANSWERS = 4, FIRST_INHERITED = 5 };

static void write_all(int fd, const char *bytes, size_t count) {
	while (count) {
		ssize_t written = write(fd, bytes, count);
		if (written < 0 && errno != EINTR) return;
		if (written < 0) continue;
		bytes += written;
		count -= written;
	}
}

// How many of `count` bytes came before the end.
static size_t read_all(int fd, void *into, size_t count) {
	size_t at = 0;
	while (at < count) {
		ssize_t bytes = read(fd, (char *)into + at, count - at);
		if (bytes == 0 || (bytes < 0 && errno != EINTR)) break;
		if (bytes > 0) at += bytes;
	}
	return at;
}

static void answer(void) {
	write_all(ANSWERS, "", 1);
	close(ANSWERS);
}

// A name that somebody chose moves no cursor: control characters, those of two bytes in UTF-8 included, become `?`.
static void make_printable(char *text, int bytes) {
	for (int i = 0; i < bytes; i++) {
		unsigned char byte = text[i], next = i + 1 < bytes ? text[i + 1] : 0;
		if (byte < 0x20 || byte == 0x7f) text[i] = '?';
		if (byte == 0xc2 && next >= 0x80 && next < 0xa0) text[i] = text[i + 1] = '?';
	}
}

// One line, with its end.
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
	char *text;
	va_list values;
	va_start(values, format);
	int bytes = vasprintf(&text, format, values);
	va_end(values);
	if (bytes < 0) return;
	make_printable(text, bytes - 1);
	write_all(2, text, bytes);
	free(text);
}

// ---- the launcher ----

enum { FAILED = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127 };

// As src/kernel/launch.ts writes it; then groups, descriptors and the filter's instructions, then strings, each with its NUL.
struct orders {
	uint32_t bytes; // all of it
	uint32_t has_limit;
	uint32_t open_files_soft;
	uint32_t ignored[2]; // signals, from 1
	uint32_t has_identity;
	uint32_t uid;
	uint32_t gid;
	uint32_t groups;
	uint32_t descriptors;
	uint32_t filter;
	uint32_t arguments;
	uint32_t variables;
};

static const char *command = "";

static _Noreturn void fail(const char *call) {
	say("actplane: cannot start %s: %s: %s\n", command, call, strerrorname_np(errno));
	_exit(FAILED);
}

// Null when the tool went away, or changed its mind, before it gave all of them.
static struct orders *await_orders(void) {
	struct orders head;
	answer();
	if (read_all(ORDERS, &head, sizeof(head)) < sizeof(head) || head.bytes < sizeof(head)) return NULL;
	char *all = malloc(head.bytes);
	if (!all) return NULL;
	memcpy(all, &head, sizeof(head));
	if (read_all(ORDERS, all + sizeof(head), head.bytes - sizeof(head)) < head.bytes - sizeof(head)) return NULL;
	close(ORDERS);
	return (struct orders *)all;
}

// Handlers need no care, exec resets them; what is ignored or blocked stays so.
static void restore_signals(const struct orders *orders) {
	for (int number = 1; number <= 64; number++) {
		int is_ignored = orders->ignored[(number - 1) / 32] >> ((number - 1) % 32) & 1;
		signal(number, is_ignored ? SIG_IGN : SIG_DFL); // not to be had for some: those keep their default
	}
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void restore_limit(const struct orders *orders) {
	struct rlimit limit;
	if (!orders->has_limit) return;
	if (getrlimit(RLIMIT_NOFILE, &limit)) fail("getrlimit");
	limit.rlim_cur = orders->open_files_soft < limit.rlim_max ? orders->open_files_soft : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit)) fail("setrlimit");
}

// Before the identity: as another user it would take no_new_privs, which breaks sudo for the command.
static void confine(struct sock_filter *filter, uint32_t count) {
	struct sock_fprog program = { .len = count, .filter = filter };
	if (count && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) fail("prctl");
}

// Groups first: without being root they cannot be changed.
static void become(const struct orders *orders, const gid_t *groups) {
	if (!orders->has_identity) return;
	if (setgroups(orders->groups, groups)) fail("setgroups");
	if (setresgid(orders->gid, orders->gid, orders->gid)) fail("setresgid");
	if (setresuid(orders->uid, orders->uid, orders->uid)) fail("setresuid");
}

// Moves the inherited descriptors from where they were put to the numbers they had: first out of the way of every
// target, then each to its own. What lies there is ours and no longer needed.
static void place_descriptors(const uint32_t *numbers, uint32_t count) {
	uint32_t aside = FIRST_INHERITED + count;
	for (uint32_t i = 0; i < count; i++)
		if (numbers[i] >= aside) aside = numbers[i] + 1;
	int *moved = calloc(count + 1, sizeof(*moved));
	if (!moved) fail("calloc");
	for (uint32_t i = 0; i < count; i++) {
		moved[i] = fcntl(FIRST_INHERITED + i, F_DUPFD_CLOEXEC, aside);
		if (moved[i] < 0) fail("fcntl");
		close(FIRST_INHERITED + i);
	}
	for (uint32_t i = 0; i < count; i++)
		if (dup2(moved[i], numbers[i]) < 0) fail("dup2");
}

// `count` strings from `at` on, as execve(2) takes them; `at` is then behind them.
static char **strings(char **at, uint32_t count) {
	char **array = calloc(count + 1, sizeof(*array));
	if (!array) fail("calloc");
	for (uint32_t i = 0; i < count; i++) {
		array[i] = *at;
		*at += strlen(*at) + 1;
	}
	return array;
}

static _Noreturn void launch(void) {
	struct orders *orders = await_orders();
	if (!orders) _exit(FAILED);
	gid_t *groups = (void *)(orders + 1);
	uint32_t *descriptors = groups + orders->groups;
	struct sock_filter *filter = (void *)(descriptors + orders->descriptors);
	char *at = (char *)(filter + orders->filter);
	char **arguments = strings(&at, orders->arguments), **variables = strings(&at, orders->variables);
	command = arguments[0] ? arguments[0] : "";
	restore_signals(orders);
	restore_limit(orders);
	confine(filter, orders->filter);
	become(orders, groups);
	place_descriptors(descriptors, orders->descriptors);
	// execvpe searches the PATH of the calling process, not of the new one.
	for (char **each = variables; *each; each++)
		if (!strncmp(*each, "PATH=", 5)) setenv("PATH", *each + 5, 1);
	execvpe(command, arguments, variables);
	int failure = errno;
	if (failure == ENOENT && !strchr(command, '/')) {
		say("actplane: %s: command not found\n", command);
		_exit(NOT_FOUND);
	}
	say("actplane: %s: %s\n", command, strerror(failure));
	_exit(failure == ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
}

// ---- the guardian ----

// As src/kernel/guardian.ts writes them.
enum { GUARD = 1, LEAVE = 2, STAY = 3 };

static int bpf(int command, union bpf_attr *attributes) {
	return syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static int has_next(int map, const uint32_t *key, uint32_t *next) {
	union bpf_attr attributes = { .map_fd = map, .key = (uintptr_t)key, .next_key = (uintptr_t)next };
	return !bpf(BPF_MAP_GET_NEXT_KEY, &attributes);
}

static void hold_or_fail(int descriptor) {
	if (descriptor >= 0) return;
	say("actplane: the guardian cannot hold the rules: %s\n", strerror(errno));
	exit(1);
}

// The descriptors of the links stay open until this process ends; nothing else is needed to keep the rules. The map of
// governed processes, by their numbers.
static int hold(void) {
	uint32_t head[2], id;
	if (read_all(ORDERS, head, sizeof(head)) < sizeof(head)) exit(1);
	union bpf_attr members = { .map_id = head[0] };
	int map = bpf(BPF_MAP_GET_FD_BY_ID, &members);
	hold_or_fail(map);
	for (uint32_t i = 0; i < head[1]; i++) {
		if (read_all(ORDERS, &id, sizeof(id)) < sizeof(id)) exit(1);
		union bpf_attr link = { .link_id = id };
		hold_or_fail(bpf(BPF_LINK_GET_FD_BY_ID, &link));
	}
	answer();
	return map;
}

static void say_farewell(uint32_t end, pid_t supervisor, unsigned count) {
	const char *noun = count == 1 ? "process" : "processes";
	if (end == STAY)
		say("actplane: the command has ended; the rules stay in force for %u %s it left behind, but refusals are no longer explained here\n",
		    count, noun);
	else
		say("actplane: the supervisor (pid %d) is gone; the rules stay in force for %u %s, but refusals are no longer explained here\n",
		    supervisor, count, noun);
}

// It blocks in read and sleep, so it costs no time. After the tool's death a SIGTERM to it is the way to lift the rules by hand.
static _Noreturn void guard(void) {
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE };
	pid_t supervisor = getppid();
	uint32_t order, end = 0, key, next;
	unsigned count = 0;
	int members = -1;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) signal(ignored[i], SIG_IGN);
	// Until the tool closes the pipe or dies.
	while (read_all(ORDERS, &order, sizeof(order)) == sizeof(order)) {
		if (order == GUARD) members = hold();
		else end = order;
	}
	if (end == LEAVE || members < 0) exit(0);
	signal(SIGTERM, SIG_DFL);
	for (int more = has_next(members, NULL, &next); more; more = has_next(members, &key, &next)) {
		key = next;
		count++;
	}
	if (count) say_farewell(end, supervisor, count);
	while (has_next(members, NULL, &next)) usleep(250 * 1000);
	exit(0);
}

int main(int count, char **arguments) {
	const char *part = count > 1 ? arguments[1] : "";
	prctl(PR_SET_NAME, "actplane");
	if (!strcmp(part, "__launch")) launch();
	if (!strcmp(part, "__guardian")) guard();
	return 1;
}
