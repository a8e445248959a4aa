// What must be replaced so that Debian's static libbpf, libelf and libz link into one shared object that runs on old glibc.
//
// The archives are built for executables (PIE), not for shared objects, and against a new glibc. build.sh renames the
// references below with objcopy and drops libelf's elf_error.o; everything else of the archives is used as it is.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "prune.h"

#define HIDDEN __attribute__((visibility("hidden")))

// libbpf addresses libc's `stderr` relative to its own code, which a shared object cannot do: give it a copy of the pointer.
HIDDEN FILE *actplane_stderr;
__attribute__((constructor)) static void copy_stderr(void) { actplane_stderr = stderr; }

// glibc exports these two only since 2.33 and 2.28; the kernel has always had them.
HIDDEN int actplane_fstat(int fd, struct stat *out) { return syscall(SYS_fstat, fd, out); }
HIDDEN int actplane_fcntl64(int fd, int command, long argument) { return fcntl(fd, command, argument); }

// elf_error.o is the only member of libelf.a with local-exec TLS, which a shared object may not have. These three are
// its interface; the texts are dropped because libbpf only ever prints the number beside its own message.
static __thread int last_error __attribute__((tls_model("global-dynamic")));
HIDDEN void __libelf_seterrno(int value) { last_error = value; }
HIDDEN int elf_errno(void) {
	int value = last_error;
	last_error = 0;
	return value;
}
HIDDEN const char *elf_errmsg(int error) {
	(void)error;
	return "libelf error";
}

// Loading the programs of an object on several threads (src/kernel/libbpf/threads.ts). libbpf makes the maps, places the
// kernel's fields and asks for one program after another; what it asks for is put off, and it gets a descriptor to go on
// with. Then the programs are loaded, the largest first, by whoever comes to take one, and take the place of those
// descriptors. build.sh has the linker send libbpf's calls here.

#define PROGRAMS_MAX 256

struct deferred {
	enum bpf_prog_type type;
	const char *name;
	const char *license;
	const struct bpf_insn *insns;
	size_t insns_count;
	struct bpf_prog_load_opts options;
	struct pruned pruned;
	int placeholder;
	int result;
};

static struct deferred deferred[PROGRAMS_MAX];
static int deferred_count, deferred_next, is_deferring;

int __real_bpf_prog_load(enum bpf_prog_type, const char *, const char *, const struct bpf_insn *, size_t, const struct bpf_prog_load_opts *);
int __real_bpf_prog_bind_map(int, int, const struct bpf_prog_bind_opts *);

// Programs of an object have function information, and libbpf's own tries have none: their answers are waited for.
HIDDEN int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
				size_t insns_count, const struct bpf_prog_load_opts *options) {
	if (!is_deferring || !options || !options->func_info_cnt || options->fd_array || deferred_count == PROGRAMS_MAX)
		return __real_bpf_prog_load(type, name, license, insns, insns_count, options);
	int placeholder = fcntl(options->prog_btf_fd, F_DUPFD_CLOEXEC, 3);
	if (placeholder < 0) return -errno;
	deferred[deferred_count++] = (struct deferred){
		.type = type,
		.name = name,
		.license = license,
		.insns = insns,
		.insns_count = insns_count,
		.options = *options,
		.placeholder = placeholder,
	};
	return placeholder;
}

// A program holds the maps that its instructions name, .rodata among them: there is nothing to add to that.
HIDDEN int __wrap_bpf_prog_bind_map(int program, int map, const struct bpf_prog_bind_opts *options) {
	return is_deferring ? 0 : __real_bpf_prog_bind_map(program, map, options);
}

// What libbpf says meanwhile must not reach JavaScript, which lives on one thread only: its warnings are kept here.
static char said[16 * 1024];
static size_t said_bytes;
static int said_lock;

static void keep(const char *format, va_list values) {
	while (__sync_lock_test_and_set(&said_lock, 1));
	int bytes = vsnprintf(said + said_bytes, sizeof(said) - said_bytes, format, values);
	if (bytes > 0) said_bytes += bytes;
	if (said_bytes >= sizeof(said)) said_bytes = sizeof(said) - 1;
	__sync_lock_release(&said_lock);
}

static int keep_warning(enum libbpf_print_level level, const char *format, va_list values) {
	if (level == LIBBPF_WARN) keep(format, values);
	return 0;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
	va_list values;
	va_start(values, format);
	keep(format, values);
	va_end(values);
}

// The verifier says why only when it is asked to, which costs time.
static void say_why(struct deferred *each) {
	enum { LOG_BYTES = 1 << 20 };
	char *log = each->options.log_buf ? NULL : calloc(1, LOG_BYTES);
	if (log) {
		each->options.log_buf = log;
		each->options.log_size = LOG_BYTES;
		each->options.log_level = 1;
		int fd = __real_bpf_prog_load(each->type, each->name, each->license, each->insns, each->insns_count, &each->options);
		if (fd >= 0) close(fd);
	}
	say("prog '%s': BPF program load failed: %s\n%s", each->name, strerror(-each->result), each->options.log_buf ? each->options.log_buf : "");
	free(log);
}

static size_t size_of(const struct deferred *each) { return each->pruned.count ? each->pruned.count : each->insns_count; }

static int larger_first(const void *a, const void *b) {
	size_t one = size_of(a), other = size_of(b);
	return one < other ? 1 : one > other ? -1 : 0;
}

// The four steps, in this order; the first and the last on one thread. Not 0: an error of libbpf, as its own.
int actplane_defer_programs(struct bpf_object *object) {
	said_bytes = 0;
	said[0] = 0;
	libbpf_set_print(keep_warning);
	deferred_count = deferred_next = 0;
	is_deferring = 1;
	int result = bpf_object__load(object);
	is_deferring = 0;
	// What was put off has been closed with the object.
	if (result) deferred_count = 0;
	struct constants constants = constants_of(object);
	for (int i = 0; i < deferred_count; i++) {
		struct deferred *each = &deferred[i];
		prune(&constants, each->insns, each->insns_count, &each->options, &each->pruned);
	}
	qsort(deferred, deferred_count, sizeof(deferred[0]), larger_first);
	return result;
}

// Without its lines, which only say where the verifier was when it refused.
static int load_pruned(struct deferred *each) {
	struct bpf_prog_load_opts options = each->options;
	options.func_info = each->pruned.functions;
	options.func_info_cnt = each->pruned.functions_count;
	options.line_info = NULL;
	options.line_info_cnt = options.line_info_rec_size = 0;
	return __real_bpf_prog_load(each->type, each->name, each->license, each->pruned.insns, each->pruned.count, &options);
}

void *actplane_load_programs(void *unused) {
	for (;;) {
		int index = __sync_fetch_and_add(&deferred_next, 1);
		if (index >= deferred_count) return unused;
		struct deferred *each = &deferred[index];
		each->result = each->pruned.count ? load_pruned(each) : -EINVAL;
		// As libbpf made it, so that what the kernel has against it is told of that.
		if (each->result < 0)
			each->result = __real_bpf_prog_load(each->type, each->name, each->license, each->insns, each->insns_count, &each->options);
	}
}

// For pthread_create, which the caller looks up: where it lies depends on the glibc.
void *actplane_loader(void) { return (void *)actplane_load_programs; }

int actplane_place_programs(void) {
	int result = 0;
	for (int i = 0; i < deferred_count; i++) {
		struct deferred *each = &deferred[i];
		free(each->pruned.insns);
		free(each->pruned.functions);
		if (each->result < 0) {
			if (!result) say_why(each);
			result = result ? result : each->result;
			continue;
		}
		if (dup3(each->result, each->placeholder, O_CLOEXEC) < 0) result = -errno;
		close(each->result);
	}
	deferred_count = 0;
	return result;
}

// Opening an object and making its larger maps on a thread of their own (src/kernel/libbpf/ahead.ts), before it is known what is
// to be loaded: both take milliseconds, and nothing of them depends on that.

struct map_ahead {
	const char *name;
	__u32 entries_max;
	int fd;
};

struct ahead {
	const void *content;
	size_t bytes;
	const struct bpf_object_open_opts *options;
	struct map_ahead *maps;
	size_t maps_count;
	struct bpf_object *object;
};

// Where something fails it is left to be done later, by which it is told.
static void *open_ahead(void *given) {
	struct ahead *ahead = given;
	ahead->object = bpf_object__open_mem(ahead->content, ahead->bytes, ahead->options);
	if (!ahead->object) return NULL;
	for (size_t i = 0; i < ahead->maps_count; i++) {
		struct map_ahead *each = &ahead->maps[i];
		struct bpf_map *map = bpf_object__find_map_by_name(ahead->object, each->name);
		if (!map) continue;
		LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = bpf_map__map_flags(map));
		each->fd = bpf_map_create(bpf_map__type(map), each->name, bpf_map__key_size(map), bpf_map__value_size(map),
					  each->entries_max ? each->entries_max : bpf_map__max_entries(map), &options);
	}
	return NULL;
}

static int keep_nothing(enum libbpf_print_level level, const char *format, va_list values) {
	(void)level, (void)format, (void)values;
	return 0;
}

// To be called before the thread starts: see keep_warning.
void *actplane_ahead(void) {
	libbpf_set_print(keep_nothing);
	return (void *)open_ahead;
}

const char *actplane_kept_warnings(void) { return said; }
