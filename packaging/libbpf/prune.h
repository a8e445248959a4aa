// Taking out of a program what its constants say is never run, before the kernel sees it.
#pragma once

#include <stddef.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

// The constants of an object that has made its maps.
struct constants {
	int map;             // descriptor, as instructions name it
	const char *content; // NULL: there are none
	size_t bytes;
};

// Instructions for the kernel, and what goes with them. All of it is owned by who asked.
struct pruned {
	struct bpf_insn *insns;
	size_t count;
	void *functions; // of options.func_info
	size_t functions_count;
};

struct constants constants_of(struct bpf_object *object);

// 0: nothing was pruned, and `out` holds nothing.
int prune(const struct constants *constants, const struct bpf_insn *insns, size_t count, const struct bpf_prog_load_opts *options,
	  struct pruned *out);
