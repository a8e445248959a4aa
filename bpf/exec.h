/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * exec.h: running a program, decided. A program is matched by the resolved file and by the path it
 * was invoked by, its arguments by one automaton over argv joined by NUL. Names that the caller
 * chooses (argv[0], comm) play no part.
 */
#ifndef ACTPLANE_EXEC_H
#define ACTPLANE_EXEC_H

/* 512 KiB of arguments are matched; more than that takes the strict side. */
#define ARG_CHUNKS_MAX 1024
#define ARG_BYTES_MAX (512 * 1024)

/* Where the arguments of the new image are. */
struct args_source {
	__u64 bprm;    /* a scalar here: global functions take no kernel pointers */
	__u64 from;    /* user address of argv[0] */
	__u64 end;     /* first address that is certainly no argument */
	__u64 mm;      /* not 0: the memory of that mm, read through its page tables; 0: the caller's own memory */
	__u32 count;   /* argc */
	__u32 skip;    /* of this walk: arguments before the one that plays argv[0]'s part */
	__u32 invoked; /* 1: the path it was invoked by is judged too */
	__u32 invoked_skip;
};

#define PAGE_PRESENT 1ull
#define PAGE_HUGE 0x80ull
#define PAGE_FRAME 0x000ffffffffff000ull

static __always_inline __u64 read_word(__u64 at)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)at);
	return value;
}

/*
 * Kernel address of a user page of another mm, 0 if it is not there. The arguments were just copied
 * in by the kernel, so their pages are there, small and nobody else's: no race, unlike reading the
 * caller's memory again (0 against 452 of 1,000 attempts lost, measured).
 */
GLOBAL __u64 page_of(__u64 mm, __u64 address)
{
	__u64 direct = direct_map, encrypted = encryption_mask, entry, table;

	table = (__u64)BPF_CORE_READ((struct mm_struct *)mm, pgd);
	if (top_shift == 48) {
		entry = read_word(table + (address >> 48 & 511) * 8);
		if (!(entry & PAGE_PRESENT))
			return 0;
		table = direct + (entry & PAGE_FRAME & ~encrypted);
	}
	entry = read_word(table + (address >> 39 & 511) * 8);
	if (!(entry & PAGE_PRESENT))
		return 0;
	entry = read_word(direct + (entry & PAGE_FRAME & ~encrypted) + (address >> 30 & 511) * 8);
	if (!(entry & PAGE_PRESENT) || entry & PAGE_HUGE)
		return 0;
	entry = read_word(direct + (entry & PAGE_FRAME & ~encrypted) + (address >> 21 & 511) * 8);
	if (!(entry & PAGE_PRESENT) || entry & PAGE_HUGE)
		return 0;
	entry = read_word(direct + (entry & PAGE_FRAME & ~encrypted) + (address >> 12 & 511) * 8);
	if (!(entry & PAGE_PRESENT))
		return 0;
	return direct + (entry & PAGE_FRAME & ~encrypted);
}

/* Copy the piece at `address` into the scratch's chunk; it ends at a page's end at the latest. Bytes copied, 0: failed. */
static __always_inline __u32 args_copy(struct scratch *scratch, struct args_source *source, __u64 address)
{
	__u64 left = source->end - address;
	__u32 bytes = 4096 - (address & 4095);
	long failed;

	if (bytes > CHUNK_BYTES)
		bytes = CHUNK_BYTES;
	if (bytes > left)
		bytes = left;
	asm volatile("" : "+r"(bytes));
	if (!bytes || bytes > CHUNK_BYTES)
		return 0;
	if (source->mm) {
		__u64 page = page_of(source->mm, address);

		if (!page)
			return 0;
		failed = bpf_probe_read_kernel(scratch->chunk, bytes, (void *)(page + (address & 4095)));
	} else {
		failed = bpf_probe_read_user(scratch->chunk, bytes, (void *)address);
	}
	return failed ? 0 : bytes;
}

/*
 * Copy the start of the arguments into the scratch's chunk, across the end of one page. Runs into the
 * atoms for the verifier only: both parts together are at most the chunk.
 */
static __always_inline __u32 args_copy_start(struct scratch *scratch, struct args_source *source)
{
	__u32 bytes = args_copy(scratch, source, source->from), more;
	__u64 page;

	if (!bytes || bytes >= CHUNK_BYTES || source->from + bytes >= source->end)
		return bytes;
	more = CHUNK_BYTES - bytes;
	if (more > source->end - source->from - bytes)
		more = source->end - source->from - bytes;
	page = page_of(source->mm, source->from + bytes);
	more &= CHUNK_BYTES - 1;
	if (!page || bpf_probe_read_kernel(&scratch->chunk[bytes & (CHUNK_BYTES - 1)], more, (void *)page))
		return bytes;
	return bytes + more;
}

struct args_match {
	struct walker *walker;
	struct scratch *scratch;
	struct verdict *v;
	struct args_source *source;
	__u64 address;
	__u32 bytes;   /* in the chunk */
	__u32 left;    /* arguments not yet ended, argv[0] included */
	__u32 skip;
	__u32 failed;
};

static long atoms_set_step(__u32 index, struct atoms_scan *scan)
{
	__u32 atom = table_word(scan->at + index);

	scan->atoms[(atom >> 5) & (ATOM_WORDS_MAX - 1)] |= 1u << (atom & 31);
	return 0;
}

/* Set every atom of the list at `at` (relative). */
static __always_inline void atoms_set(struct scratch *scratch, struct verdict *v, __u32 at)
{
	struct atoms_scan scan = { .atoms = scratch->atoms, .at = v->base + at + 1 };

	bpf_loop(table_word(v->base + at), atoms_set_step, &scan, 0);
}

/* As atoms_set, as a function of its own: the stack of its callers is short. */
GLOBAL int atoms_set_list(struct scratch *scratch, struct verdict *v, __u32 at)
{
	if (!scratch || !v)
		return 0;
	atoms_set(scratch, v, at);
	return 0;
}

static long args_byte_step(__u32 index, struct args_match *m)
{
	__u8 byte;

	if (index >= CHUNK_BYTES || index >= m->bytes || !m->left)
		return 1;
	byte = m->scratch->chunk[index];
	if (!byte)
		m->left--;
	if (!byte && m->skip) {
		m->skip--;
		return 0; /* still where argv[0] is */
	}
	/* Dead means no argument can matter any more; the walk still has to find the end. */
	if (!m->walker->number)
		return 1;
	walker_step(m->walker, byte);
	if (!byte && m->walker->number && m->walker->state.accept)
		atoms_set(m->scratch, m->v, m->walker->state.accept);
	return m->walker->failed ? 1 : 0;
}

static long args_chunk_step(__u32 index, struct args_match *m)
{
	if (!m->left || m->address >= m->source->end || !m->walker->number)
		return 1;
	m->bytes = args_copy(m->scratch, m->source, m->address);
	if (!m->bytes) {
		m->failed = 1;
		return 1;
	}
	bpf_loop(CHUNK_BYTES, args_byte_step, m, 0);
	m->address += m->bytes;
	return 0;
}

/* Walk the arguments from state `start` (0: the automaton's own), setting atoms. 0: not all could be read. */
GLOBAL int args_walk(struct scratch *scratch, struct verdict *v, struct args_source *source, __u32 start)
{
	struct args_match m = { .scratch = scratch, .v = v, .source = source };

	if (!scratch || !v || !source)
		return 0;
	m.walker = &scratch->args_walker;
	m.address = source->from;
	m.left = source->count;
	m.skip = source->skip;
	if (!walker_begin(m.walker, v, AUTOMATON_ARGS, 0))
		return 1;
	if (source->end - source->from > ARG_BYTES_MAX)
		return 0;
	if (start)
		walker_enter(m.walker, start);
	bpf_loop(ARG_CHUNKS_MAX, args_chunk_step, &m, 0);
	return !m.failed && !m.walker->failed;
}

/* Apply the entries of a program's accept list. */
GLOBAL int exec_scan(struct scratch *scratch, struct verdict *v, __u32 at, __u32 wanted)
{
	struct entries_scan scan = { .v = v, .wanted = wanted };
	struct image_header *image;

	if (!scratch || !v || !at)
		return 0;
	image = image_of(v);
	if (!image)
		return 0;
	scan.at = v->base + at + 1;
	scan.atoms = scratch->atoms;
	scan.strict_args = v->flags & EVENT_STRICT_ARGS;
	for (int i = 0; i < LABEL_WORDS; i++)
		scan.flowing[i] = image->flowing[i];
	scan.entries_at = v->base + image->entries_at;
	if (wanted & CLAUSES)
		gates_look(v);
	bpf_loop(table_word(v->base + at), entries_scan_step, &scan, 0);
	return 0;
}

static long atoms_clear_step(__u32 index, struct atoms_scan *scan)
{
	scan->atoms[index & (ATOM_WORDS_MAX - 1)] = 0;
	return 0;
}

/* Walk every EXEC group over the name in the scratch and keep what accepts it as name `which`. */
GLOBAL int exec_name(struct scratch *scratch, struct verdict *v, __u32 which, __u32 skip)
{
	struct exec_name *name;

	if (!scratch || !v)
		return 0;
	name = &scratch->names[which & 1];
	__builtin_memset(name, 0, sizeof(*name));
	name->skip = skip;
	for (int i = 0; i < GROUPS_MAX; i++) {
		int accept = path_accept(scratch, v, AUTOMATON_EXEC, i);

		if (accept < 0)
			break;
		name->accepts[i] = accept;
		name->extras[i] = scratch->extra;
		name->any |= accept;
	}
	return 0;
}

/* Set the atoms that hold for name `which`: its arguments', and the resolved program's `target`s. */
GLOBAL int exec_atoms(struct scratch *scratch, struct verdict *v, struct args_source *source, __u32 which)
{
	struct atoms_scan clear = {};
	struct image_header *image;
	struct exec_name *name;
	__u32 start = 0;

	if (!scratch || !v || !source)
		return 0;
	clear.atoms = scratch->atoms;
	image = image_of(v);
	name = &scratch->names[which & 1];
	if (!image || !image->atom_words)
		return 0;
	bpf_loop(image->atom_words, atoms_clear_step, &clear, 0);
	for (int i = 0; i < GROUPS_MAX; i++) {
		if (scratch->names[0].extras[i])
			atoms_set_list(scratch, v, scratch->names[0].extras[i] + 1);
		if (name->extras[i] && !start)
			start = table_word(v->base + name->extras[i]);
	}
	source->skip = name->skip;
	if (!args_walk(scratch, v, source, start)) {
		v->flags |= EVENT_STRICT_ARGS;
		count(COUNTER_STRICT_ARGS);
	}
	return 0;
}

static __always_inline void exec_lists(struct scratch *scratch, struct verdict *v, __u32 which, __u32 wanted)
{
	for (int i = 0; i < GROUPS_MAX; i++)
		exec_scan(scratch, v, scratch->names[which & 1].accepts[i], wanted);
}

/*
 * Judge the program whose two names have been walked: first everything that changes state, by either
 * name, then the clauses. The arguments are walked once where one name is enough.
 */
GLOBAL int exec_judge(struct scratch *scratch, struct verdict *v, struct args_source *source)
{
	__u32 resolved, invoked;

	if (!scratch || !v || !source)
		return 0;
	resolved = scratch->names[0].any;
	invoked = scratch->names[1].any;
	if (resolved) {
		exec_atoms(scratch, v, source, 0);
		exec_lists(scratch, v, 0, CHANGES);
	}
	if (invoked) {
		exec_atoms(scratch, v, source, 1);
		exec_lists(scratch, v, 1, CHANGES);
		exec_lists(scratch, v, 1, CLAUSES);
		if (resolved)
			exec_atoms(scratch, v, source, 0);
	}
	if (resolved)
		exec_lists(scratch, v, 0, CLAUSES);
	return 0;
}

/* Two names that are accepted alike, with the same arguments, need judging once. */
static __always_inline void exec_names_merge(struct scratch *scratch)
{
	__u32 differ = scratch->names[0].skip ^ scratch->names[1].skip;

	for (int i = 0; i < GROUPS_MAX; i++) {
		differ |= scratch->names[0].accepts[i] ^ scratch->names[1].accepts[i];
		differ |= scratch->names[0].extras[i] ^ scratch->names[1].extras[i];
	}
	if (!differ)
		scratch->names[1].any = 0;
}

/*
 * Put the path a program was invoked by into the scratch; a relative one as it is (a pattern for a
 * name or with a leading `**` matches it, others match the resolved file). 0: none.
 */
GLOBAL int invoked_name(struct scratch *scratch, __u64 filename)
{
	long bytes;

	if (!scratch)
		return 0;
	bytes = bpf_probe_read_kernel_str(scratch->path, PATH_BYTES, (void *)filename);
	if (bytes <= 1)
		return 0;
	scratch->path_at = 0;
	scratch->path_end = bytes - 1;
	return 1;
}

static __always_inline bool is_script(struct linux_binprm *bprm)
{
	return BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename);
}

struct same_text {
	struct scratch *scratch;
	__u32 differs;
};

static long same_text_step(__u32 index, struct same_text *same)
{
	__u8 a = same->scratch->chunk[index & (CHUNK_BYTES - 1)];
	__u8 b = same->scratch->path[index & (CHUNK_BYTES - 1)];

	if (a != b) {
		same->differs = 1;
		return 1;
	}
	return !a;
}

/*
 * For an interpreter that runs a script the kernel puts its own name, perhaps one option, and the
 * script's path in place of argv[0]. How many arguments stand before the one that plays argv[0]'s part
 * for the script: 1, or 2 with an option.
 */
GLOBAL int script_skip(struct scratch *scratch, struct args_source *source)
{
	struct same_text same = { .scratch = scratch };
	struct linux_binprm *bprm;
	long bytes;

	if (!scratch || !source)
		return 1;
	bprm = (void *)source->bprm;
	bytes = bpf_probe_read_user_str(scratch->chunk, CHUNK_BYTES, (void *)source->from);
	if (bytes <= 0)
		return 1;
	bpf_probe_read_user_str(scratch->chunk, CHUNK_BYTES, (void *)(source->from + bytes));
	bpf_probe_read_kernel_str(scratch->path, CHUNK_BYTES, BPF_CORE_READ(bprm, filename));
	bpf_loop(CHUNK_BYTES, same_text_step, &same, 0);
	return same.differs ? 2 : 1;
}

/*
 * Judge the program that `bprm` is about to run or has begun to run: by its file and, where
 * `source->invoked`, by the path it was invoked by.
 */
GLOBAL int exec_event(struct scratch *scratch, struct verdict *v, struct args_source *source)
{
	struct linux_binprm *bprm;
	struct image_header *image;
	struct file *file;

	if (!scratch || !v || !source)
		return 0;
	bprm = (void *)source->bprm;
	image = image_of(v);
	if (!image)
		return 0;
	file = BPF_CORE_READ(bprm, file);
	object_read(v, (__u64)BPF_CORE_READ(file, f_inode));
	__builtin_memset(&scratch->names, 0, sizeof(scratch->names));
	if (!(image->exec_ops & OP_EXEC) && !(image->path_ops & OP_READ))
		return 1;
	if (!path_resolve(scratch, (__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry))) {
		count(COUNTER_STRICT_PATH);
		v->flags |= EVENT_STRICT_PATH;
		scan_all(v);
		return 1;
	}
	if (image->path_ops & OP_READ) {
		path_sources(scratch, v, &scratch->labels, 0);
		for (int i = 0; i < LABEL_WORDS; i++)
			v->seen[i] |= scratch->labels.words[i];
	}
	exec_name(scratch, v, 0, 0);
	if (source->invoked && invoked_name(scratch, (__u64)BPF_CORE_READ(bprm, filename))) {
		exec_name(scratch, v, 1, source->invoked_skip);
		exec_names_merge(scratch);
	}
	exec_judge(scratch, v, source);
	return 1;
}

/* The event's data: the program's path, then its arguments. */
GLOBAL int exec_data(struct scratch *scratch, struct args_source *source, struct event_data *d)
{
	struct linux_binprm *bprm;
	struct file *file;
	__u32 script = 0;
	__u64 bytes;

	if (!scratch || !source || !d)
		return 0;
	bprm = (void *)source->bprm;
	file = BPF_CORE_READ(bprm, file);
	bytes = source->end - source->from;
	__builtin_memset(d, 0, sizeof(*d));
	/* Before the point of no return the arguments are not yet the caller's memory. */
	if (is_script(bprm) && !source->mm)
		script = script_skip(scratch, source);
	if (path_resolve(scratch, (__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry)))
		data_of_path(d, scratch);
	d->script = script;
	d->words = source->count;
	if (source->mm) {
		d->second_bytes = args_copy_start(scratch, source);
		d->second = (__u64)scratch->chunk;
	} else {
		d->second = source->from;
		d->second_bytes = bytes > EVENT_ARGV_MAX ? EVENT_ARGV_MAX : bytes;
		d->second_user = 1;
	}
	return 0;
}

#endif
