/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * trust.h: whether an exec earns what its program would let pass: a gate that opens, an endorsement, a
 * declassification, a place in `lineage-includes`. All of them say "this program did it", so the program
 * has to be the file that the policy names and to run its own code. Who starts it chooses the mounts, the
 * environment and the tracer; where one of those could have put other code in, nothing is earned.
 */
#ifndef ACTPLANE_TRUST_H
#define ACTPLANE_TRUST_H

/* 1 MiB of arguments and environment are looked at; more than that earns nothing. */
#define ENVIRONMENT_CHUNKS_MAX 2048
#define ENVIRONMENT_BYTES_MAX (1024 * 1024)

enum steered {
	STEERED_LOADER = 1,      /* the loader of every program runs code that the variable names */
	STEERED_INTERPRETER = 2, /* an interpreter or a library does */
	STEERED_UNKNOWN = 4,     /* the environment could not be read */
	STEERED_TRACED = 8,      /* another process can change the program while it runs */
};

/* The first eight bytes of a variable's name, with the `=` of a short one. */
#define HEAD_BYTES 8
struct steering {
	char head[HEAD_BYTES];
	__u32 bytes; /* of `head` that count */
	__u32 steers;
};

#define STEERING(name, steers) { name, sizeof(name) - 1, steers }

/* As long as eight bytes, or to be matched by their beginning. docs/language.md has the list for people. */
static const struct steering steerings[] = {
	STEERING("LD_", STEERED_LOADER),
	STEERING("GCONV_PA", STEERED_LOADER),
	STEERING("GLIBC_TU", STEERED_LOADER),
	STEERING("LOCPATH=", STEERED_LOADER),
	STEERING("BASH_ENV", STEERED_INTERPRETER),
	STEERING("BASH_FUN", STEERED_INTERPRETER),
	STEERING("BASHOPTS", STEERED_INTERPRETER),
	STEERING("SHELLOPT", STEERED_INTERPRETER),
	STEERING("ENV=", STEERED_INTERPRETER),
	STEERING("PS4=", STEERED_INTERPRETER),
	STEERING("PYTHONBR", STEERED_INTERPRETER),
	STEERING("PYTHONEX", STEERED_INTERPRETER),
	STEERING("PYTHONHO", STEERED_INTERPRETER),
	STEERING("PYTHONIN", STEERED_INTERPRETER),
	STEERING("PYTHONPA", STEERED_INTERPRETER),
	STEERING("PYTHONPL", STEERED_INTERPRETER),
	STEERING("PYTHONPY", STEERED_INTERPRETER),
	STEERING("PYTHONST", STEERED_INTERPRETER),
	STEERING("PYTHONUS", STEERED_INTERPRETER),
	STEERING("PYTHONWA", STEERED_INTERPRETER),
	STEERING("PERL", STEERED_INTERPRETER),
	STEERING("RUBYLIB=", STEERED_INTERPRETER),
	STEERING("RUBYOPT=", STEERED_INTERPRETER),
	STEERING("NODE_OPT", STEERED_INTERPRETER),
	STEERING("NODE_PAT", STEERED_INTERPRETER),
	STEERING("BUN_", STEERED_INTERPRETER),
	STEERING("DENO_", STEERED_INTERPRETER),
	STEERING("JAVA_TOO", STEERED_INTERPRETER),
	STEERING("JDK_JAVA", STEERED_INTERPRETER),
	STEERING("_JAVA_OP", STEERED_INTERPRETER),
	STEERING("CLASSPAT", STEERED_INTERPRETER),
	STEERING("DOTNET_S", STEERED_INTERPRETER),
	STEERING("CORECLR_", STEERED_INTERPRETER),
	STEERING("LUA_", STEERED_INTERPRETER),
	STEERING("PHPRC=", STEERED_INTERPRETER),
	STEERING("PHP_INI_", STEERED_INTERPRETER),
	STEERING("AWKPATH=", STEERED_INTERPRETER),
	STEERING("AWKLIBPA", STEERED_INTERPRETER),
	STEERING("TCLLIBPA", STEERED_INTERPRETER),
	STEERING("GUILE_LO", STEERED_INTERPRETER),
	STEERING("OPENSSL_", STEERED_INTERPRETER),
	STEERING("MAKEFILE", STEERED_INTERPRETER),
	STEERING("MAKEFLAG", STEERED_INTERPRETER),
};
#define STEERINGS (sizeof(steerings) / sizeof(steerings[0]))

struct environment_scan {
	struct scratch *scratch;
	struct args_source *source;
};

/* Does the variable that is being looked at begin as this one? */
static long steering_step(__u32 index, struct environment_scan *scan)
{
	struct variable *variable = &scan->scratch->variable;
	const struct steering *steering;
	__u64 mask;

	if (index >= STEERINGS)
		return 1;
	steering = &steerings[index];
	mask = ~0ull >> (8 * (HEAD_BYTES - steering->bytes) & 63);
	if (!((*(__u64 *)steering->head ^ variable->head) & mask))
		variable->steered |= steering->steers;
	return 0;
}

/* What one byte hands to the next stays in map memory, of which the verifier assumes nothing. */
static long environment_byte_step(__u32 index, struct environment_scan *scan)
{
	struct variable *variable = &scan->scratch->variable;
	__u32 position = variable->position;
	__u8 byte;

	if (index >= CHUNK_BYTES || index >= scan->scratch->args.bytes)
		return 1;
	byte = scan->scratch->chunk[index];
	if (variable->left) {
		variable->left -= !byte;
		return 0;
	}
	if (byte && position < HEAD_BYTES) {
		variable->head |= (__u64)byte << (position * 8 & 63);
		variable->position = position + 1;
	}
	if (byte ? position == HEAD_BYTES - 1 : position < HEAD_BYTES)
		bpf_loop(STEERINGS, steering_step, scan, 0);
	if (!byte) {
		variable->head = 0;
		variable->position = 0;
	}
	return 0;
}

static long environment_chunk_step(__u32 index, struct environment_scan *scan)
{
	struct args_walk *walk = &scan->scratch->args;

	if (walk->address >= scan->source->end)
		return 1;
	walk->bytes = args_copy(scan->scratch, scan->source, walk->address);
	if (!walk->bytes) {
		scan->scratch->variable.steered |= STEERED_UNKNOWN;
		return 1;
	}
	bpf_loop(CHUNK_BYTES, environment_byte_step, scan, 0);
	walk->address += walk->bytes;
	return 0;
}

/* What could have put other code into the program that is about to run: bits of enum steered. */
GLOBAL int exec_steered(struct scratch *scratch, struct args_source *source)
{
	struct environment_scan scan = { .scratch = scratch };
	struct task_struct *task = (void *)bpf_get_current_task();
	struct proc *proc = current_proc();
	struct args_source environment;

	if (!with_earnings || !scratch || !source)
		return STEERED_UNKNOWN;
	environment = *source;
	__builtin_memset(&scratch->variable, 0, sizeof(scratch->variable));
	/* Before the switch the environment stands behind the arguments; after it the new memory says where it is. */
	if (source->mm) {
		scratch->variable.left = source->count;
	} else {
		environment.from = BPF_CORE_READ(task, mm, env_start);
		environment.end = BPF_CORE_READ(task, mm, env_end);
	}
	if (BPF_CORE_READ(task, ptrace) || (proc && proc->flags & PROC_WATCHED))
		scratch->variable.steered = STEERED_TRACED;
	if (environment.end - environment.from > ENVIRONMENT_BYTES_MAX)
		return STEERED_UNKNOWN;
	scan.source = &environment;
	scratch->args.address = environment.from;
	bpf_loop(ENVIRONMENT_CHUNKS_MAX, environment_chunk_step, &scan, 0);
	return scratch->variable.steered;
}

/* The caller sees files as the tool does: a path as it wrote it means what the policy's author meant. */
static __always_inline bool sees_as_the_tool(struct task_struct *task)
{
	return (__u64)BPF_CORE_READ(task, nsproxy, mnt_ns) == tool_mounts &&
	       (__u64)BPF_CORE_READ(task, fs, root.dentry) == tool_root;
}

/*
 * By which of its names a program earns: by its canonical path, or by the one it was found by where that is
 * the same to everybody; by the path it was invoked by only where links are what the tool sees.
 */
static __always_inline __u32 earning_names(struct dentry *dentry, bool has_canonical)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	bool sees = sees_as_the_tool(task);
	__u32 device = BPF_CORE_READ(dentry, d_sb, s_dev), names = 0;

	if (has_canonical)
		names = 1 << NAME_CANONICAL;
	else if (sees || bpf_map_lookup_elem(&mounts, &device))
		names = 1 << NAME_RESOLVED;
	return sees ? names | 1 << NAME_INVOKED : names;
}

/* Is there something to earn? It stands in `v` and, as far as labels go, in the scratch. */
static __always_inline bool has_earnings(struct scratch *scratch, struct verdict *v)
{
	__u32 any = 0;

	if (!with_earnings)
		return false;
	EACH_LABEL_WORD(i)
		any |= scratch->labels.words[i] | v->cleans[i];
	return any || v->opens;
}

/* Give it, or take it back. */
GLOBAL int earnings_settle(struct scratch *scratch, struct verdict *v, __u32 steered)
{
	bool loader = steered & ~STEERED_INTERPRETER;
	struct image_header *image;
	__u32 endorsed = 0;

	if (!with_earnings || !scratch || !v)
		return 0;
	image = image_of(v);
	if (!image)
		return 0;
	EACH_LABEL_WORD(i)
		endorsed |= v->cleans[i] | (scratch->labels.words[i] & image->flowing[i]);
	/* Test runs are often told where their modules are; what cleans data is not. */
	if (loader || (steered && endorsed)) {
		v->flags |= loader ? EVENT_STEERED_LOADER : EVENT_STEERED_INTERPRETER;
		EACH_LABEL_WORD(i) {
			scratch->labels.words[i] &= loader ? 0 : ~image->flowing[i];
			v->cleans[i] = 0;
		}
	}
	EACH_LABEL_WORD(i)
		v->seen[i] |= scratch->labels.words[i];
	return 0;
}

#endif
