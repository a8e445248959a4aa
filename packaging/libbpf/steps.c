// Loading an object in steps (src/kernel/libbpf/steps.ts): most of it before it is known what is wanted of it, and what takes
// longest on several processors at once.
//
//   prepare   opens the object, makes its maps and places the kernel's fields in its programs; on any thread
//   settle    its constants are what they are now; of its programs those remain that are wanted
//   load      hands one program after another to the verifier, without what it never runs, the largest first; on several threads
//   place     what was loaded becomes the object's programs
//
// libbpf does all this in one call and asks for one program after another. What it asks for is put off, and it gets a
// descriptor to go on with, of which the program takes the place in the end. build.sh has the linker send its calls here.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "prune.h"

#define HIDDEN __attribute__((visibility("hidden")))

#define PROGRAMS_MAX 1024
#define CONSTANTS_MAX 8

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
static int deferred_count, deferred_next;
// What the programs that are to be loaded go by.
static struct constants constants;
// Maps whose content the programs may rely on once it is sealed.
static int unsealed[CONSTANTS_MAX];
static int unsealed_count;
// Of this thread, so that another object may be loaded on another one meanwhile.
static __thread int is_deferring __attribute__((tls_model("global-dynamic")));

int __real_bpf_prog_load(enum bpf_prog_type, const char *, const char *, const struct bpf_insn *, size_t, const struct bpf_prog_load_opts *);
int __real_bpf_prog_bind_map(int, int, const struct bpf_prog_bind_opts *);
int __real_bpf_map_freeze(int);

// Programs of an object have function information, and libbpf's own tries have none: their answers are waited for.
HIDDEN int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
				size_t insns_count, const struct bpf_prog_load_opts *options) {
	if (!is_deferring || !options || !options->func_info_cnt)
		return __real_bpf_prog_load(type, name, license, insns, insns_count, options);
	if (options->fd_array || deferred_count == PROGRAMS_MAX) return -EOPNOTSUPP;
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

HIDDEN int __wrap_bpf_map_freeze(int map) {
	if (!is_deferring) return __real_bpf_map_freeze(map);
	if (unsealed_count == CONSTANTS_MAX) return -EOPNOTSUPP;
	unsealed[unsealed_count++] = map;
	return 0;
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

// To be called before the first step, by who does not run JavaScript meanwhile or runs the steps elsewhere.
void actplane_keep_warnings(void) {
	said_bytes = 0;
	said[0] = 0;
	libbpf_set_print(keep_warning);
}

const char *actplane_kept_warnings(void) { return said; }

// ---- prepare ----

struct map_size {
	const char *name;
	__u32 entries;
};

struct preparation {
	const void *content;
	size_t bytes;
	const struct bpf_object_open_opts *options;
	const char *programs; // names, each ended by a NUL, with an empty one at the end
	const struct map_size *sizes;
	size_t sizes_count;
	// Out. NULL: it could not be opened. `result`: as of actplane_put_off.
	struct bpf_object *object;
	int result;
};

static int is_any(const char *name, const char *list) {
	for (; *list; list += strlen(list) + 1)
		if (!strcmp(name, list)) return 1;
	return 0;
}

// Not 0: an error of libbpf. What was put off has then been closed with the object.
int actplane_put_off(struct bpf_object *object) {
	deferred_count = deferred_next = unsealed_count = 0;
	is_deferring = 1;
	int result = bpf_object__load(object);
	is_deferring = 0;
	if (result) deferred_count = unsealed_count = 0;
	return result;
}

static void *prepare(void *argument) {
	struct preparation *given = argument;
	struct bpf_program *program;
	given->object = bpf_object__open_mem(given->content, given->bytes, given->options);
	if (!given->object) return NULL;
	bpf_object__for_each_program(program, given->object)
		bpf_program__set_autoload(program, is_any(bpf_program__name(program), given->programs));
	for (size_t i = 0; i < given->sizes_count; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(given->object, given->sizes[i].name);
		if (map) bpf_map__set_max_entries(map, given->sizes[i].entries);
	}
	given->result = actplane_put_off(given->object);
	return NULL;
}

// For pthread_create, which the caller looks up: where it lies depends on the glibc.
void *actplane_preparer(void) { return (void *)prepare; }

// ---- between prepare and settle ----

// Another map of that size in the place of the one that was made. Not 0: an error.
int actplane_resize(struct bpf_map *map, __u32 entries) {
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = bpf_map__map_flags(map));
	int made = bpf_map_create(bpf_map__type(map), bpf_map__name(map), bpf_map__key_size(map), bpf_map__value_size(map), entries, &options);
	if (made < 0) return made;
	// Programs name it by the descriptor, which stays the same.
	int result = dup3(made, bpf_map__fd(map), O_CLOEXEC) < 0 ? -errno : 0;
	close(made);
	return result;
}

// ---- settle ----

static int larger_first(const void *a, const void *b) {
	size_t one = ((const struct deferred *)a)->insns_count, other = ((const struct deferred *)b)->insns_count;
	return one < other ? 1 : one > other ? -1 : 0;
}

static int seal(struct bpf_object *object, int fd) {
	const __u32 only = 0;
	struct bpf_map *map;
	bpf_object__for_each_map(map, object) {
		size_t bytes;
		const void *content = bpf_map__initial_value(map, &bytes);
		if (bpf_map__fd(map) != fd || !content) continue;
		int result = bpf_map_update_elem(fd, &only, content, 0);
		return result ? result : __real_bpf_map_freeze(fd);
	}
	return -ENOENT;
}

// `wanted`: names, each ended by a NUL, with an empty one at the end; NULL: all. Not 0: an error.
int actplane_settle(struct bpf_object *object, const char *wanted) {
	int kept = 0;
	for (int i = 0; i < unsealed_count; i++) {
		int result = seal(object, unsealed[i]);
		if (result) return result;
	}
	unsealed_count = 0;
	for (int i = 0; i < deferred_count; i++)
		if (!wanted || is_any(deferred[i].name, wanted)) deferred[kept++] = deferred[i];
	deferred_count = kept;
	constants = constants_of(object);
	qsort(deferred, deferred_count, sizeof(deferred[0]), larger_first);
	return 0;
}

// ---- load ----

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
		prune(&constants, each->insns, each->insns_count, &each->options, &each->pruned);
		each->result = each->pruned.count ? load_pruned(each) : -EINVAL;
		// As libbpf made it, so that what the kernel has against it is told of that.
		if (each->result < 0)
			each->result = __real_bpf_prog_load(each->type, each->name, each->license, each->insns, each->insns_count, &each->options);
	}
}

void *actplane_loader(void) { return (void *)actplane_load_programs; }

// ---- place ----

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
