// Loading an object in steps (src/kernel/libbpf/steps.ts): most of it before it is known what is wanted of it, and what takes
// longest on several processors at once.
//
//   prepare   opens the object, makes its maps and places the kernel's fields in its programs; on any thread
//   settle    its constants are what they are now; of its programs those are to be loaded that are wanted
//   load      hands one program after another to the verifier, without what it never runs, the largest first; on several threads
//   place     what was loaded becomes the object's programs
//
// Who guesses what will be settled has the threads go on from preparing to loading; what a wrong guess has loaded is thrown away.
//
// libbpf does all this in one call and asks for one program after another. What it asks for is put off, and it gets a
// descriptor to go on with, of which the program takes the place in the end. build.sh has the linker send its calls here.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
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
	int placeholder;
	int result; // of the run: a descriptor, or an error
};

static struct deferred deferred[PROGRAMS_MAX];
static int deferred_count;

// Programs that are loaded by the same constants. `number` tells what a thread brings from the run before.
static struct {
	int number;
	struct constants constants;
	int order[PROGRAMS_MAX]; // in `deferred`
	int count, next;
} run;
static int run_lock;

// Maps whose content the programs may rely on once it is sealed.
static struct {
	int fd;
	int is_sealed;
} relied_on[CONSTANTS_MAX];
static int relied_on_count;

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
	if (relied_on_count == CONSTANTS_MAX) return -EOPNOTSUPP;
	relied_on[relied_on_count].fd = map;
	relied_on[relied_on_count++].is_sealed = 0;
	return 0;
}

// For what takes less time than to sleep.
static void lock(int *word) {
	while (__sync_lock_test_and_set(word, 1));
}

static void unlock(int *word) { __sync_lock_release(word); }

// What libbpf says meanwhile must not reach JavaScript, which lives on one thread only: its warnings are kept here.
static char said[16 * 1024];
static size_t said_bytes;
static int said_lock;

static void keep(const char *format, va_list values) {
	lock(&said_lock);
	int bytes = vsnprintf(said + said_bytes, sizeof(said) - said_bytes, format, values);
	if (bytes > 0) said_bytes += bytes;
	if (said_bytes >= sizeof(said)) said_bytes = sizeof(said) - 1;
	unlock(&said_lock);
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

// ---- settle ----

static int is_any(const char *name, const char *list) {
	for (; *list; list += strlen(list) + 1)
		if (!strcmp(name, list)) return 1;
	return 0;
}

static struct bpf_map *map_of(struct bpf_object *object, int fd) {
	struct bpf_map *map;
	bpf_object__for_each_map(map, object) {
		if (bpf_map__fd(map) == fd) return map;
	}
	return NULL;
}

// Another map in the place of one that was made. Not 0: an error.
static int make_again(struct bpf_map *map, __u32 entries) {
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = bpf_map__map_flags(map));
	int made = bpf_map_create(bpf_map__type(map), bpf_map__name(map), bpf_map__key_size(map), bpf_map__value_size(map), entries, &options);
	if (made < 0) return made;
	// Programs name it by the descriptor, which stays the same.
	int result = dup3(made, bpf_map__fd(map), O_CLOEXEC) < 0 ? -errno : 0;
	close(made);
	return result;
}

// The constants are `wanted`, others are what the object has them.
static int seal(struct bpf_object *object, const struct constants *wanted) {
	const __u32 only = 0;
	for (int i = 0; i < relied_on_count; i++) {
		int fd = relied_on[i].fd;
		struct bpf_map *map = map_of(object, fd);
		size_t bytes;
		const void *content = map ? bpf_map__initial_value(map, &bytes) : NULL;
		if (!content) return -ENOENT;
		if (fd == wanted->map) content = wanted->content;
		int result = relied_on[i].is_sealed ? make_again(map, 1) : 0;
		if (!result) result = bpf_map_update_elem(fd, &only, content, 0);
		if (!result) result = __real_bpf_map_freeze(fd);
		if (result) return result;
		relied_on[i].is_sealed = 1;
	}
	return 0;
}

static int larger_first(const void *a, const void *b) {
	size_t one = deferred[*(const int *)a].insns_count, other = deferred[*(const int *)b].insns_count;
	return one < other ? 1 : one > other ? -1 : 0;
}

// What the run has loaded is not wanted. Threads find nothing more to do.
static void end_run(void) {
	lock(&run_lock);
	for (int i = 0; i < run.next && i < run.count; i++) {
		int *result = &deferred[run.order[i]].result;
		if (*result >= 0) close(*result);
		*result = -EINPROGRESS;
	}
	run.number++;
	run.count = run.next = 0;
	unlock(&run_lock);
}

static int begin_run(struct bpf_object *object, const struct constants *constants, const char *wanted) {
	int result = seal(object, constants);
	if (result) return result;
	lock(&run_lock);
	run.constants = *constants;
	for (int i = 0; i < deferred_count; i++) {
		deferred[i].result = -EINPROGRESS;
		if (!wanted || is_any(deferred[i].name, wanted)) run.order[run.count++] = i;
	}
	qsort(run.order, run.count, sizeof(run.order[0]), larger_first);
	unlock(&run_lock);
	return 0;
}

static int is_run_of(const struct constants *constants, const char *wanted) {
	int missing = 0;
	if (!run.count || constants->bytes != run.constants.bytes || memcmp(constants->content, run.constants.content, constants->bytes)) return 0;
	for (int i = 0; i < deferred_count; i++) missing += !wanted || is_any(deferred[i].name, wanted);
	for (int i = 0; i < run.count; i++) {
		if (wanted && !is_any(deferred[run.order[i]].name, wanted)) return 0;
		missing--;
	}
	return !missing;
}

// `wanted`: names, each ended by a NUL, with an empty one at the end; NULL: all. 1: they are being loaded; 0: they are to be;
// else an error.
int actplane_settle(struct bpf_object *object, const char *wanted) {
	struct constants constants = constants_of(object);
	if (is_run_of(&constants, wanted)) return 1;
	end_run();
	return begin_run(object, &constants, wanted);
}

// Between prepare and settle. Not 0: an error.
int actplane_resize(struct bpf_map *map, __u32 entries) {
	end_run();
	return make_again(map, entries);
}

// Of who does not want the object any more: threads that are still at it end soon.
void actplane_give_up(void) { end_run(); }

// ---- load ----

// Without its lines, which only say where the verifier was when it refused.
static int load_pruned(const struct deferred *each, const struct pruned *pruned) {
	struct bpf_prog_load_opts options = each->options;
	options.func_info = pruned->functions;
	options.func_info_cnt = pruned->functions_count;
	options.line_info = NULL;
	options.line_info_cnt = options.line_info_rec_size = 0;
	return __real_bpf_prog_load(each->type, each->name, each->license, pruned->insns, pruned->count, &options);
}

static int load(const struct deferred *each, const struct constants *constants) {
	struct pruned pruned;
	prune(constants, each->insns, each->insns_count, &each->options, &pruned);
	int result = pruned.count ? load_pruned(each, &pruned) : -EINVAL;
	free(pruned.insns);
	free(pruned.functions);
	if (result >= 0) return result;
	// As libbpf made it, so that what the kernel has against it is told of that.
	return __real_bpf_prog_load(each->type, each->name, each->license, each->insns, each->insns_count, &each->options);
}

struct turn {
	int number;
	struct constants constants;
	struct deferred *program;
};

static int take_turn(struct turn *turn) {
	lock(&run_lock);
	int is_any_left = run.next < run.count;
	if (is_any_left) *turn = (struct turn){run.number, run.constants, &deferred[run.order[run.next++]]};
	unlock(&run_lock);
	return is_any_left;
}

static void end_turn(const struct turn *turn, int result) {
	lock(&run_lock);
	int is_wanted = turn->number == run.number;
	if (is_wanted) turn->program->result = result;
	unlock(&run_lock);
	if (!is_wanted && result >= 0) close(result);
}

void *actplane_load_programs(void *unused) {
	struct turn turn;
	while (take_turn(&turn)) end_turn(&turn, load(turn.program, &turn.constants));
	return unused;
}

// For pthread_create, which the caller looks up: where it lies depends on the glibc.
void *actplane_loader(void) { return (void *)actplane_load_programs; }

// ---- prepare ----

struct map_size {
	const char *name;
	__u32 entries;
};

struct preparation {
	const void *content;
	size_t bytes;
	const struct bpf_object_open_opts *options;
	const char *programs; // names, as of actplane_settle
	const struct map_size *sizes;
	size_t sizes_count;
	// What is guessed will be settled; NULL: nothing is. They stay where they are until every thread has ended.
	const void *constants;
	size_t constants_bytes;
	const char *wanted;
	// Out. NULL: it could not be opened. `result`: as of actplane_put_off.
	struct bpf_object *object;
	int result;
	int is_done; // a futex
};

// Not 0: an error of libbpf. What was put off has then been closed with the object.
int actplane_put_off(struct bpf_object *object) {
	end_run();
	deferred_count = relied_on_count = 0;
	is_deferring = 1;
	int result = bpf_object__load(object);
	is_deferring = 0;
	if (result) deferred_count = relied_on_count = 0;
	return result;
}

static int prepare_object(struct preparation *given) {
	struct bpf_program *program;
	given->object = bpf_object__open_mem(given->content, given->bytes, given->options);
	if (!given->object) return -errno;
	bpf_object__for_each_program(program, given->object)
		bpf_program__set_autoload(program, is_any(bpf_program__name(program), given->programs));
	for (size_t i = 0; i < given->sizes_count; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(given->object, given->sizes[i].name);
		if (map) bpf_map__set_max_entries(map, given->sizes[i].entries);
	}
	int result = actplane_put_off(given->object);
	if (result || !given->constants) return result;
	struct constants constants = constants_of(given->object);
	if (constants.bytes != given->constants_bytes) return 0; // of another build
	constants.content = given->constants;
	return begin_run(given->object, &constants, given->wanted);
}

static void *prepare(void *argument) {
	struct preparation *given = argument;
	given->result = prepare_object(given);
	__atomic_store_n(&given->is_done, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &given->is_done, FUTEX_WAKE_PRIVATE, PROGRAMS_MAX, NULL, NULL, 0);
	return actplane_load_programs(NULL);
}

void *actplane_preparer(void) { return (void *)prepare; }

void actplane_await_prepared(struct preparation *given) {
	while (!__atomic_load_n(&given->is_done, __ATOMIC_ACQUIRE)) syscall(SYS_futex, &given->is_done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void *load_prepared(void *argument) {
	actplane_await_prepared(argument);
	return actplane_load_programs(NULL);
}

// A routine for threads beside the one that prepares.
void *actplane_prepared_loader(void) { return (void *)load_prepared; }

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
	for (int i = 0; i < run.count; i++) {
		struct deferred *each = &deferred[run.order[i]];
		if (each->result < 0) {
			if (!result) say_why(each);
			result = result ? result : each->result;
			continue;
		}
		if (dup3(each->result, each->placeholder, O_CLOEXEC) < 0) result = -errno;
		close(each->result);
	}
	run.count = run.next = deferred_count = 0;
	return result;
}
