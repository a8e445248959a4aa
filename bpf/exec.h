/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * exec.h: running a program, decided. A program is matched by the resolved file and by the path it
 * was invoked by, its arguments by one automaton over argv joined by NUL. Names that the caller
 * chooses (argv[0], comm) play no part.
 */
#ifndef ACTPLANE_EXEC_H
#define ACTPLANE_EXEC_H

struct args_match {
	struct scratch *scratch;
	struct verdict *v;
	struct args_source *source;
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
	if (!scratch || !v || !at)
		return 0;
	atoms_set(scratch, v, at);
	return 0;
}

static long args_byte_step(__u32 index, struct args_match *m)
{
	struct scratch *scratch = m->scratch;
	struct walker *w = &scratch->walker;
	struct args_walk *walk = &scratch->args;
	__u8 byte;

	if (index >= CHUNK_BYTES || index >= walk->bytes || !walk->left)
		return 1;
	byte = scratch->chunk[index];
	if (!byte)
		walk->left--;
	if (!byte && walk->skip) {
		walk->skip--;
		return 0; /* still where argv[0] is */
	}
	/* Dead means no argument can matter any more; the walk still has to find the end. */
	if (!w->number)
		return 1;
	walker_step(w, byte);
	if (!byte && w->number && w->state.accept)
		atoms_set(scratch, m->v, w->state.accept);
	return w->failed & 1;
}

static long args_chunk_step(__u32 index, struct args_match *m)
{
	struct scratch *scratch = m->scratch;
	struct args_walk *walk = &scratch->args;

	if (!walk->left || walk->address >= m->source->end || !scratch->walker.number)
		return 1;
	walk->bytes = args_copy(scratch, m->source, walk->address);
	if (!walk->bytes)
		return 1;
	bpf_loop(CHUNK_BYTES, args_byte_step, m, 0);
	walk->address += walk->bytes;
	return 0;
}

/* Walk the arguments from state `scratch->args.start`, setting atoms. 0: not all could be read. */
GLOBAL int args_walk(struct scratch *scratch, struct verdict *v, struct args_source *source)
{
	struct args_match m = { .scratch = scratch, .v = v, .source = source };
	struct args_walk *walk;

	if (!scratch || !v || !source)
		return 0;
	walk = &scratch->args;
	walk->address = source->from;
	walk->left = source->count;
	walk->skip = source->skip;
	walk->bytes = 1;
	if (!walker_begin(&scratch->walker, v, AUTOMATON_ARGS, 0))
		return 1;
	if (source->end - source->from > ARG_BYTES_MAX)
		return 0;
	if (walk->start)
		walker_enter(&scratch->walker, walk->start);
	bpf_loop(ARG_CHUNKS_MAX, args_chunk_step, &m, 0);
	return walk->bytes && !scratch->walker.failed;
}

struct args_hashing {
	struct scratch *scratch;
	struct args_source *source;
	__u64 address;
	__u64 hash;
	__u32 bytes; /* in the chunk */
	__u32 left;  /* arguments not yet ended */
};

static long hash_byte_step(__u32 index, struct args_hashing *h)
{
	__u8 byte;

	if (index >= CHUNK_BYTES || index >= h->bytes || !h->left)
		return 1;
	byte = h->scratch->chunk[index];
	h->hash = (h->hash ^ byte) * 0x100000001b3ull;
	if (!byte)
		h->left--;
	return 0;
}

static long hash_chunk_step(__u32 index, struct args_hashing *h)
{
	if (!h->left || h->address >= h->source->end)
		return 1;
	h->bytes = args_copy(h->scratch, h->source, h->address);
	if (!h->bytes)
		return 1;
	bpf_loop(CHUNK_BYTES, hash_byte_step, h, 0);
	h->address += h->bytes;
	return 0;
}

/* FNV-1a of all arguments, argv[0] included; 0: they cannot be read, or are more than rules look at. */
GLOBAL __u64 args_hash(struct scratch *scratch, struct args_source *source)
{
	struct args_hashing h = { .scratch = scratch, .source = source, .hash = 0xcbf29ce484222325ull };

	if (!scratch || !source)
		return 0;
	h.address = source->from;
	h.left = source->count;
	bpf_loop(ARG_CHUNKS_MAX, hash_chunk_step, &h, 0);
	return h.left ? 0 : h.hash;
}

/* Whether any rule is about arguments. */
static __always_inline bool matches_arguments(struct verdict *v)
{
	struct image_header *image = image_of(v);

	return image && image->atom_words;
}

/* Does the list at `at` hold an atom that is absent (or, with `absent` 0, present)? */
GLOBAL int list_holds(struct scratch *scratch, struct verdict *v, __u32 at, __u32 absent)
{
	struct atoms_scan scan = { .at = at, .absent = absent };

	if (!scratch || !v || !at)
		return 0;
	scan.atoms = scratch->atoms;
	scan.at += v->base + 1;
	bpf_loop(table_word(v->base + at), atoms_scan_step, &scan, 0);
	return scan.stopped;
}

static long exec_scan_step(__u32 index, struct entries_scan *scan)
{
	struct scratch *scratch = scan->scratch;
	struct verdict *v = scan->v;
	struct entry *entry = entry_wanted(scan, table_word(scan->at + index));

	if (!entry)
		return 0;
	/*
	 * Arguments that could not be read count as matching where that refuses more: for clauses, for what makes a
	 * gate stale, for labels of sources; not for what lets something pass.
	 */
	if (list_holds(scratch, v, entry->args_at, 1) &&
	    (!(v->flags & EVENT_STRICT_ARGS) || EARNINGS >> (entry->kind & 31) & 1))
		return 0;
	if (entry->kind != ENTRY_CLAUSE)
		entry_change(v, entry, &scratch->labels);
	else if (!list_holds(scratch, v, entry->except_at, 0) && !list_holds(scratch, v, entry->except_not_at, 1))
		clause_judge(v, entry);
	return 0;
}

/* Apply the entries of a program's accept list. */
GLOBAL int exec_scan(struct scratch *scratch, struct verdict *v, __u32 at, __u32 wanted)
{
	struct entries_scan scan = { .v = v, .scratch = scratch, .wanted = wanted };
	struct image_header *image;

	if (!scratch || !v || !at)
		return 0;
	image = image_of(v);
	if (!image)
		return 0;
	scan.at = v->base + at + 1;
	scan.entries_at = v->base + image->entries_at;
	if (wanted & CLAUSES)
		gates_look(v);
	bpf_loop(table_word(v->base + at), exec_scan_step, &scan, 0);
	return 0;
}

static long atoms_clear_step(__u32 index, struct atoms_scan *scan)
{
	scan->atoms[index & (ATOM_WORDS_MAX - 1)] = 0;
	return 0;
}

struct names_walk {
	struct scratch *scratch;
	struct verdict *v;
	__u32 which;
};

static long exec_name_step(__u32 index, struct names_walk *names)
{
	struct scratch *scratch = names->scratch;
	__u32 group = index & (GROUPS_MAX - 1), which = names->which;
	int accept = path_accept(scratch, names->v, AUTOMATON_EXEC, group);
	struct exec_name *name;

	if (accept < 0 || which >= EXEC_NAMES)
		return 1;
	name = &scratch->names[which];
	name->accepts[group] = accept;
	if (scratch->walker.number)
		name->extras[group] = scratch->walker.state.extra;
	name->any |= accept;
	return 0;
}

/* No name is known yet, and by none is anything earned. */
GLOBAL int names_clear(struct scratch *scratch)
{
	if (!scratch)
		return 0;
	__builtin_memset(&scratch->names, 0, sizeof(scratch->names));
	scratch->earning = 0;
	return 0;
}

/* Walk every EXEC group over the name in the scratch and keep what accepts it as name `which`. */
GLOBAL int exec_name(struct scratch *scratch, struct verdict *v, __u32 which, __u32 skip)
{
	struct names_walk names = { .scratch = scratch, .v = v, .which = which };
	struct exec_name *name;

	if (!scratch || !v)
		return 0;
	if (which >= EXEC_NAMES)
		return 0;
	name = &scratch->names[which];
	__builtin_memset(name, 0, sizeof(*name));
	name->skip = skip;
	bpf_loop(groups_here(), exec_name_step, &names, 0);
	return 0;
}

/* Set the atoms of the program itself, by which `target` goes, and no others. */
GLOBAL int exec_target_atoms(struct scratch *scratch, struct verdict *v)
{
	struct atoms_scan clear = {};
	struct image_header *image;
	struct exec_name *own;

	if (!scratch || !v)
		return 0;
	clear.atoms = scratch->atoms;
	image = image_of(v);
	if (!image || !image->atom_words)
		return 0;
	own = &scratch->names[scratch->earning & 1 << NAME_CANONICAL ? NAME_CANONICAL : NAME_RESOLVED];
	bpf_loop(image->atom_words, atoms_clear_step, &clear, 0);
	EACH_GROUP(i)
		if (own->extras[i])
			atoms_set_list(scratch, v, own->extras[i] + 1);
	return 1;
}

/* The first group that says so says where the arguments begin. */
static long args_start_step(__u32 index, struct names_walk *names)
{
	struct scratch *scratch = names->scratch;
	__u32 which = names->which, extra;

	if (which >= EXEC_NAMES || scratch->args.start)
		return 1;
	extra = scratch->names[which].extras[index & (GROUPS_MAX - 1)];
	if (extra)
		scratch->args.start = table_word(names->v->base + extra);
	return 0;
}

/* Set the atoms that hold for name `which`: its arguments', and the program's own. */
GLOBAL int exec_atoms(struct scratch *scratch, struct verdict *v, struct args_source *source, __u32 which)
{
	struct names_walk names = { .scratch = scratch, .v = v, .which = which };
	struct exec_name *name;

	if (!scratch || !v || !source || which >= EXEC_NAMES || !exec_target_atoms(scratch, v))
		return 0;
	name = &scratch->names[which];
	scratch->args.start = 0;
	bpf_loop(groups_here(), args_start_step, &names, 0);
	source->skip = name->skip;
	if (!args_walk(scratch, v, source)) {
		v->flags |= EVENT_STRICT_ARGS;
		count(COUNTER_STRICT_ARGS);
	}
	return 0;
}

/* What changes state by name `which`. A link leads to a file, so a file is what may clean data. */
static __always_inline __u32 changes_of(struct scratch *scratch, __u32 which)
{
	if (!(scratch->earning >> which & 1))
		return CHANGES & ~EARNINGS;
	return which == NAME_INVOKED ? (CHANGES | EARNINGS) & ~EARNED_BY_FILE : CHANGES | EARNINGS;
}

GLOBAL int exec_lists(struct scratch *scratch, struct verdict *v, __u32 which, __u32 wanted)
{
	if (!scratch || !v || which >= EXEC_NAMES)
		return 0;
	EACH_GROUP(i)
		exec_scan(scratch, v, scratch->names[which].accepts[i], wanted);
	return 0;
}

/*
 * Judge the program whose names have been walked: first everything that changes state, by any name, then
 * the clauses. The arguments are walked once where one name is enough.
 */
GLOBAL int exec_judge(struct scratch *scratch, struct verdict *v, struct args_source *source)
{
	__u32 walked = EXEC_NAMES;

	if (!scratch || !v || !source)
		return 0;
	if (with_labels)
		EACH_LABEL_WORD(i)
			scratch->labels.words[i] = 0;
	for (__u32 which = 0; (with_labels || with_gates) && which < EXEC_NAMES; which++) {
		if (!scratch->names[which].any)
			continue;
		exec_atoms(scratch, v, source, which);
		exec_lists(scratch, v, which, changes_of(scratch, which));
		walked = which;
	}
	if (has_earnings(scratch, v))
		earnings_settle(scratch, v, exec_steered(scratch, source));
	for (__u32 which = EXEC_NAMES; which-- > 0;) {
		if (!scratch->names[which].any)
			continue;
		if (which != walked)
			exec_atoms(scratch, v, source, which);
		exec_lists(scratch, v, which, CLAUSES);
	}
	return 0;
}

/* Two names that are accepted alike, with the same arguments, need judging once. */
static __always_inline void exec_names_merge(struct scratch *scratch, __u32 which)
{
	__u32 differ = scratch->names[0].skip ^ scratch->names[which].skip;

	EACH_GROUP(i) {
		differ |= scratch->names[0].accepts[i] ^ scratch->names[which].accepts[i];
		differ |= scratch->names[0].extras[i] ^ scratch->names[which].extras[i];
	}
	if (differ)
		return;
	scratch->names[which].any = 0;
	if (scratch->earning >> which & 1 && which == NAME_CANONICAL)
		scratch->earning |= 1 << NAME_RESOLVED;
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
 * Walk the names of the program that is about to run or has begun to run: its file's and, where
 * `source->invoked`, the path it was invoked by. The file's sources are seen. 0: it has no path.
 */
GLOBAL int exec_names(struct scratch *scratch, struct verdict *v, struct args_source *source)
{
	struct image_header *image;
	struct linux_binprm *bprm;
	__u64 mount, dentry;
	struct file *file;
	bool differs;

	if (!scratch || !v || !source)
		return 0;
	bprm = (void *)source->bprm;
	file = BPF_CORE_READ(bprm, file);
	mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	if (!path_resolve(scratch, mount, dentry))
		return 0;
	image = image_of(v);
	if (with_flow && image && image->path_ops & OP_READ) {
		path_sources(scratch, v, &scratch->labels, 0);
		EACH_LABEL_WORD(i)
			v->seen[i] |= scratch->labels.words[i];
	}
	exec_name(scratch, v, NAME_RESOLVED, 0);
	differs = path_canonical(scratch, mount, dentry);
	scratch->earning = earning_names((void *)dentry, differs);
	if (differs) {
		exec_name(scratch, v, NAME_CANONICAL, 0);
		exec_names_merge(scratch, NAME_CANONICAL);
	}
	if (source->invoked && invoked_name(scratch, (__u64)BPF_CORE_READ(bprm, filename))) {
		exec_name(scratch, v, NAME_INVOKED, source->invoked_skip);
		exec_names_merge(scratch, NAME_INVOKED);
	}
	return 1;
}

/* Judge the program that `source` is about. */
GLOBAL int exec_event(struct scratch *scratch, struct verdict *v, struct args_source *source)
{
	struct linux_binprm *bprm;
	struct image_header *image;

	if (!scratch || !v || !source)
		return 0;
	bprm = (void *)source->bprm;
	image = image_of(v);
	if (!image)
		return 0;
	object_read(v, (__u64)BPF_CORE_READ(bprm, file, f_inode));
	names_clear(scratch);
	if (!(image->exec_ops & v->ops) && !(image->path_ops & OP_READ))
		return 1;
	if (exec_names(scratch, v, source)) {
		exec_judge(scratch, v, source);
		return 1;
	}
	count(COUNTER_STRICT_PATH);
	v->flags |= EVENT_STRICT_PATH;
	scan_all(v);
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
