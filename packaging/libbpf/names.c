// Which files below some folders the rules of an image name (src/kernel/libbpf/names.ts). On a thread of its own: a start does
// not wait for it while the programs are loaded.
//
// The image's automata are walked along with the folders, so that a name costs its own bytes only, and what lies below a
// folder where none of them can match any more is not looked at.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/stat.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../bpf/abi.h"

#define ANY_DEPTH UINT32_MAX
#define ENTRIES_BYTES (64 * 1024)
// So often it is asked how late it is.
#define NAMES_A_LOOK 256

struct place {
	const char *path;
	__u32 depth; // levels below it at which names may match; 0: the path itself
	__u32 reserved;
};

// Where the whole of a file system is mounted.
struct whole {
	__u32 major, minor;
	__u32 mount;
	__u32 reserved;
};

struct found {
	char *path;
	__u64 device, inode; // once it is shown
};

struct search {
	const __u32 *image;
	const struct place *places; // in this order
	const struct whole *wholes;
	__u32 places_count, wholes_count;
	__u32 wants_all;   // files with a single name too, and folders whose names mean something
	__u32 skips_plain; // folders where the automata stand as behind any other name mean nothing
	__u32 most;	   // names that are looked at
	__u32 most_found;
	__u32 milliseconds;
	__u32 reserved;
	// Out. As many as `found_count` says may be read while the search goes on.
	struct found *found;
	__u32 found_count;
	__u32 is_complete;
	__u32 should_end;
	__u32 is_done; // a futex
};

struct automata {
	const __u8 *classes[GROUPS_MAX];
	const struct state *states[GROUPS_MAX];
	const struct comb *comb[GROUPS_MAX];
	__u32 start[GROUPS_MAX];
	__u32 plain[GROUPS_MAX]; // behind the slash of a folder that no pattern names; UINT32_MAX: that depends on where it is
	int count;
};

struct folder {
	struct folder *next;
	__u32 depth;		  // levels that are left
	__u32 states[GROUPS_MAX]; // behind its slash
	size_t bytes;
	char path[]; // without a slash at the end: of the root nothing
};

struct look {
	struct search *search;
	struct automata automata;
	const char **roots; // places of any depth, sorted: each is walked once, whatever lies above it
	size_t roots_count;
	__u64 deadline; // ns
	__u32 left;
	// Of the place: its file system, and folders to be read.
	__u32 major, minor;
	struct folder *first, **last;
	// Of the folder that is read: rules may know what is in it by other names, and then all of it counts.
	int is_otherwise;
};

// ---- automata ----

static void open_automata(struct automata *automata, const __u32 *image) {
	const __u32 *offsets = ((const struct image_header *)image)->automata[AUTOMATON_PATH];
	while (automata->count < GROUPS_MAX && offsets[automata->count]) {
		int group = automata->count++;
		const struct automaton *one = (const void *)(image + offsets[group]);
		automata->classes[group] = (const void *)(image + one->classes_at);
		automata->states[group] = (const void *)(image + one->states_at);
		automata->comb[group] = (const void *)(image + one->comb_at);
		automata->start[group] = one->start;
	}
}

static __u32 step(const struct automata *automata, int group, __u32 number, __u8 byte) {
	const struct state *state = &automata->states[group][number];
	const struct comb *comb = &automata->comb[group][state->base + automata->classes[group][byte]];
	return comb->check == number ? comb->next : state->otherwise;
}

// `states` may be `from`. Not 0: some automaton goes on.
static int walk(const struct automata *automata, const __u32 *from, const char *name, __u32 *states) {
	__u32 alive = 0;
	for (int group = 0; group < automata->count; group++) {
		__u32 number = from[group];
		for (const char *at = name; *at && number; at++) number = step(automata, group, number, *at);
		states[group] = number;
		alive |= number;
	}
	return alive != 0;
}

static int is_accepted(const struct automata *automata, const __u32 *states) {
	for (int group = 0; group < automata->count; group++)
		if (states[group] && automata->states[group][states[group]].accept) return 1;
	return 0;
}

static void find_plain(struct automata *automata) {
	__u32 one[GROUPS_MAX], two[GROUPS_MAX];
	walk(automata, automata->start, "/\1/", one);
	walk(automata, one, "\1/", two);
	for (int group = 0; group < automata->count; group++) automata->plain[group] = one[group] == two[group] ? one[group] : UINT32_MAX;
}

// What rules say of names below it does not hang on its own name.
static int is_plain(const struct automata *automata, const __u32 *behind) {
	for (int group = 0; group < automata->count; group++)
		if (behind[group] != automata->plain[group]) return 0;
	return 1;
}

// ---- looking ----

// `name` in the folder `fd`, or, empty, what `fd` is. By its number: an old C library has neither statx nor fstatat.
static int status_of(int fd, const char *name, struct statx *status) {
	return syscall(SYS_statx, fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, status) == 0;
}

static __u64 now(void) {
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int is_over(const struct look *look) {
	if (!look->left) return 1;
	if (look->left % NAMES_A_LOOK) return 0;
	return __atomic_load_n(&look->search->should_end, __ATOMIC_RELAXED) || now() > look->deadline;
}

// Names are left.
static void give_in(struct look *look) { look->left = 0; }

static void keep(struct look *look, const struct folder *folder, const char *name) {
	struct search *search = look->search;
	size_t name_bytes = strlen(name) + 1;
	if (search->found_count == search->most_found) return give_in(look);
	char *path = malloc(folder->bytes + 1 + name_bytes);
	if (!path) return give_in(look);
	memcpy(path, folder->path, folder->bytes);
	path[folder->bytes] = '/';
	memcpy(path + folder->bytes + 1, name, name_bytes);
	search->found[search->found_count].path = path;
	__atomic_store_n(&search->found_count, search->found_count + 1, __ATOMIC_RELEASE);
}

static struct folder *folder_of(const char *path, size_t bytes, const char *name) {
	size_t name_bytes = name ? strlen(name) + 1 : 0;
	struct folder *folder = malloc(sizeof(*folder) + bytes + name_bytes + 1);
	if (!folder) return NULL;
	folder->next = NULL;
	folder->bytes = bytes + name_bytes;
	memcpy(folder->path, path, bytes);
	if (name) {
		folder->path[bytes] = '/';
		memcpy(folder->path + bytes + 1, name, name_bytes);
	}
	folder->path[folder->bytes] = 0;
	return folder;
}

static int by_path(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static int is_root(const struct look *look, const char *path) {
	return bsearch(&path, look->roots, look->roots_count, sizeof(path), by_path) != NULL;
}

// What lies deep comes last, and is what is left out where there is too much.
static void queue(struct look *look, struct folder *folder) {
	*look->last = folder;
	look->last = &folder->next;
}

static int folder_matters(const struct look *look, const __u32 *states, const __u32 *behind, int is_alive) {
	if (!look->search->wants_all) return 0;
	if (look->is_otherwise || is_accepted(&look->automata, states)) return 1;
	return is_alive && !(look->search->skips_plain && is_plain(&look->automata, behind));
}

static void look_at_folder(struct look *look, const struct folder *parent, const char *name, const __u32 *states) {
	__u32 behind[GROUPS_MAX];
	int is_alive = walk(&look->automata, states, "/", behind);
	if (folder_matters(look, states, behind, is_alive)) keep(look, parent, name);
	if (parent->depth == 1 || !(is_alive || look->is_otherwise)) return;
	struct folder *folder = folder_of(parent->path, parent->bytes, name);
	if (!folder) return give_in(look);
	folder->depth = parent->depth == ANY_DEPTH ? ANY_DEPTH : parent->depth - 1;
	memcpy(folder->states, behind, sizeof(behind));
	queue(look, folder);
}

static void look_at_file(struct look *look, int fd, const struct folder *folder, const char *name, const __u32 *states) {
	struct statx status;
	if (!look->is_otherwise && !is_accepted(&look->automata, states)) return;
	if (!look->search->wants_all && (!status_of(fd, name, &status) || status.stx_nlink < 2)) return;
	keep(look, folder, name);
}

// `fd`: of the folder. `type`: of a directory entry.
static void look_at(struct look *look, int fd, const struct folder *folder, const char *name, unsigned char type) {
	__u32 states[GROUPS_MAX];
	struct statx status;
	look->left--;
	if (!walk(&look->automata, folder->states, name, states) && !look->is_otherwise) return;
	if (type == DT_UNKNOWN && status_of(fd, name, &status)) type = IFTODT(status.stx_mode);
	if (type == DT_DIR) look_at_folder(look, folder, name, states);
	if (type == DT_REG) look_at_file(look, fd, folder, name, states);
}

static void look_at_all(struct look *look, const struct folder *folder, int fd, char *entries) {
	long bytes;
	while ((bytes = syscall(SYS_getdents64, fd, entries, ENTRIES_BYTES)) > 0)
		for (const struct dirent64 *entry = (const void *)entries; (const char *)entry < entries + bytes;
		     entry = (const void *)((const char *)entry + entry->d_reclen)) {
			if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
			if (is_over(look)) return give_in(look);
			look_at(look, fd, folder, entry->d_name, entry->d_type);
		}
}

// The kernel half knows a file by its path and, if it is found through another mount than its file system's first one, by
// its path there.
static int is_known_otherwise(const struct search *search, const struct statx *status) {
	if (!(status->stx_mask & STATX_MNT_ID)) return 1;
	for (__u32 i = 0; i < search->wholes_count; i++) {
		const struct whole *whole = &search->wholes[i];
		if (whole->major == status->stx_dev_major && whole->minor == status->stx_dev_minor) return whole->mount != status->stx_mnt_id;
	}
	return 0;
}

// Whether it is to be read: it is the place, or on its file system and no place of its own.
static int enter(struct look *look, const struct folder *folder, int is_place, const struct statx *status) {
	if (is_place) {
		look->major = status->stx_dev_major;
		look->minor = status->stx_dev_minor;
		return 1;
	}
	if (look->major != status->stx_dev_major || look->minor != status->stx_dev_minor) return 0;
	return folder->depth != ANY_DEPTH || !is_root(look, folder->path);
}

static void look_into(struct look *look, const struct folder *folder, int is_place, char *entries) {
	struct statx status;
	int fd = open(folder->bytes ? folder->path : "/", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) return;
	if (status_of(fd, "", &status) && enter(look, folder, is_place, &status)) {
		look->is_otherwise = is_known_otherwise(look->search, &status);
		look_at_all(look, folder, fd, entries);
	}
	close(fd);
}

// As a name in the folder above it. `path`: of the root nothing.
static void begin_place(struct look *look, const char *path, __u32 depth) {
	struct statx status;
	const char *name = strrchr(path, '/');
	struct folder *above = folder_of(path, name ? name - path : 0, NULL);
	if (!above) return give_in(look);
	walk(&look->automata, look->automata.start, above->path, above->states);
	walk(&look->automata, above->states, "/", above->states);
	above->depth = depth;
	if (!name) return queue(look, above);
	above->depth += depth != ANY_DEPTH;
	int fd = open(above->bytes ? above->path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && status_of(fd, "", &status)) {
		// What a rule names without a wildcard counts by whatever name.
		look->is_otherwise = !depth || is_known_otherwise(look->search, &status);
		look_at(look, fd, above, name + 1, DT_UNKNOWN);
	}
	if (fd >= 0) close(fd);
	free(above);
}

static void look_at_place(struct look *look, const char *path, __u32 depth, char *entries) {
	look->first = NULL;
	look->last = &look->first;
	begin_place(look, path, depth);
	for (int is_place = 1; look->first; is_place = 0) {
		struct folder *folder = look->first;
		if (look->left) look_into(look, folder, is_place, entries);
		look->first = folder->next;
		if (!look->first) look->last = &look->first;
		free(folder);
	}
}

// Without symbolic links and without a slash at the end; NULL: it is not there.
static char *real_folder(const char *path) {
	char real[PATH_MAX];
	return realpath(path, real) ? strdup(real[1] ? real : "") : NULL;
}

// As real_folder, of a name that may be a symbolic link itself.
static char *real_name(const char *path) {
	const char *name = strrchr(path, '/');
	char *above = strndup(path, name == path ? 1 : name - path), *folder = above ? real_folder(above) : NULL;
	char *real = folder ? malloc(strlen(folder) + strlen(name) + 1) : NULL;
	if (real) strcat(strcpy(real, folder), name);
	free(above);
	free(folder);
	return real;
}

static void look_at_places(struct look *look, char **paths, char *entries) {
	const struct search *search = look->search;
	for (__u32 i = 0; i < search->places_count; i++) {
		const struct place *place = &search->places[i];
		paths[i] = place->depth ? real_folder(place->path) : real_name(place->path);
		if (paths[i] && place->depth == ANY_DEPTH) look->roots[look->roots_count++] = paths[i];
	}
	qsort(look->roots, look->roots_count, sizeof(look->roots[0]), by_path);
	for (__u32 i = 0; i < search->places_count && look->left; i++)
		if (paths[i]) look_at_place(look, paths[i], search->places[i].depth, entries);
	for (__u32 i = 0; i < search->places_count; i++) free(paths[i]);
}

// ---- what is called ----

static void *search_names(void *argument) {
	struct search *search = argument;
	struct look look = {.search = search, .left = search->most, .deadline = now() + search->milliseconds * 1000000ull};
	char **paths = calloc(search->places_count, sizeof(*paths)), *entries = malloc(ENTRIES_BYTES);
	look.roots = calloc(search->places_count, sizeof(*look.roots));
	search->found = calloc(search->most_found, sizeof(*search->found));
	if (paths && entries && look.roots && search->found) {
		open_automata(&look.automata, search->image);
		find_plain(&look.automata);
		look_at_places(&look, paths, entries);
		search->is_complete = look.left > 0;
	}
	free(paths);
	free(look.roots);
	free(entries);
	__atomic_store_n(&search->is_done, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &search->is_done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	return NULL;
}

// A routine for a thread; or to be called.
void *actplane_name_searcher(void) { return (void *)search_names; }

void actplane_search_names(struct search *search) { search_names(search); }

void actplane_await_names(struct search *search) {
	while (!__atomic_load_n(&search->is_done, __ATOMIC_ACQUIRE)) syscall(SYS_futex, &search->is_done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

// Runs the program with each file that was found, as bpf/file.h has it; -1: there is no program, and files are only told.
// What cannot be opened is left out: its device and inode stay 0. Not 0: an error.
int actplane_show_names(struct search *search, int program, __u32 domain, __u32 folders) {
	__u32 count = __atomic_load_n(&search->found_count, __ATOMIC_ACQUIRE);
	for (__u32 i = 0; i < count; i++) {
		struct found *found = &search->found[i];
		struct statx status;
		int fd = open(found->path, O_PATH | O_NOFOLLOW | O_CLOEXEC), result = 0;
		if (fd < 0) continue;
		if (status_of(fd, "", &status)) {
			found->device = (__u64)status.stx_dev_major << 32 | status.stx_dev_minor;
			found->inode = status.stx_ino;
		}
		if (program >= 0) {
			struct shown_file shown = {.descriptor = fd, .domain = domain, .folders = folders};
			LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &shown, .ctx_size_in = sizeof(shown));
			result = bpf_prog_test_run_opts(program, &options);
		}
		close(fd);
		if (result) return result;
	}
	return 0;
}

// Of a search that is done.
void actplane_forget_names(struct search *search) {
	for (__u32 i = 0; i < search->found_count; i++) free(search->found[i].path);
	free(search->found);
}
