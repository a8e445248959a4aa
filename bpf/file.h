/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * file.h: one operation on one named file, decided. The hooks (tier_*.h) say which operations an
 * event is and what its object is; here is what follows from it.
 */
#ifndef ACTPLANE_FILE_H
#define ACTPLANE_FILE_H

/* Operations that give an object another name. */
#define OP_NAMES (OP_RENAME | OP_LINK)

/* A file operation of a governed process. */
struct file_request {
	struct path_base base; /* the object itself, or the directory that `name` is relative to */
	__u64 name;  /* not 0: user address of the path as the caller wrote it */
	__u64 inode; /* 0: the object does not exist yet, or is not known */
	__u32 ops;
	__u32 refuses;
	__u32 only_refuse; /* 1: judge and change nothing, another name of the operation is still to be judged */
	__u32 reserved;
};

/* Run every PATH group over the scratch's path and apply what accepts it: first what changes, then what judges. */
GLOBAL int path_decide(struct scratch *scratch, struct verdict *v)
{
	int accepts[GROUPS_MAX];
	int n = 0;

	if (!scratch || !v)
		return 0;
	for (int i = 0; i < GROUPS_MAX; i++) {
		accepts[i] = path_accept(scratch, v, AUTOMATON_PATH, i);
		if (accepts[i] < 0)
			break;
		n++;
		scan_list(v, accepts[i], CHANGES);
	}
	for (int i = 0; i < GROUPS_MAX; i++) {
		if (i >= n)
			break;
		scan_list(v, accepts[i], CLAUSES);
	}
	return 0;
}

/*
 * The labels that the file sources give to whoever reads the object named in the scratch. `v->seen` is
 * borrowed for it.
 */
GLOBAL int path_sources(struct scratch *scratch, struct verdict *v, struct labels *sources)
{
	__u32 seen[LABEL_WORDS], ops;

	if (!scratch || !v || !sources)
		return 0;
	ops = v->ops;
	v->ops = OP_READ;
	for (int i = 0; i < LABEL_WORDS; i++) {
		seen[i] = v->seen[i];
		v->seen[i] = 0;
	}
	for (int i = 0; i < GROUPS_MAX; i++) {
		int accept = path_accept(scratch, v, AUTOMATON_PATH, i);

		if (accept < 0)
			break;
		scan_list(v, accept, 1u << ENTRY_LABEL);
	}
	v->ops = ops;
	for (int i = 0; i < LABEL_WORDS; i++) {
		sources->words[i] = v->seen[i];
		v->seen[i] = seen[i];
	}
	return 0;
}

/* A pipe, a socket, a memfd, opened through /proc/self/fd: it has no path, and no rule can be about it. */
static __always_inline bool is_internal(__u64 inode)
{
	return inode && BPF_CORE_READ((struct inode *)inode, i_sb, s_flags) & SB_KERNMOUNT;
}

/* Resolve the name and let the rules see it. A name that cannot be had takes the strict side. */
static __always_inline void file_judge(struct scratch *scratch, struct verdict *v, struct file_request *request)
{
	struct image_header *image = image_of(v);

	scratch->path_at = PATH_BYTES;
	if (!image || !(image->path_ops & (v->ops & OP_NAMES ? v->ops | OP_READ : v->ops)))
		return;
	if (request->name ? name_resolve(scratch, request->name, &request->base)
			  : path_resolve(scratch, request->base.mount, request->base.dentry)) {
		path_decide(scratch, v);
		return;
	}
	if (is_internal(request->inode))
		return;
	count(COUNTER_STRICT_PATH);
	v->flags |= EVENT_STRICT_PATH;
	scan_all(v);
}

/* What goes on when the operation goes ahead: labels of the process and of the object, gates. */
static __always_inline void file_commit(struct scratch *scratch, struct verdict *v, struct proc *proc, __u64 inode)
{
	struct event_data data;

	if (v->ops & OP_READ) {
		if (labels_acquire(proc, v)) {
			data_of_path(&data, scratch);
			emit(EVENT_LABEL, v, proc, 0, &data);
		}
	}
	if (v->ops & (OP_WRITE | OP_CREATE | OP_TRUNCATE) && inode)
		object_write(v, (struct labels *)proc->labels, inode);
	/* Under its new name no source pattern may match: the object itself carries the label from here on. */
	if (v->ops & OP_NAMES && !(v->ops & OP_CREATE) && inode) {
		path_sources(scratch, v, &scratch->labels);
		object_write(v, &scratch->labels, inode);
	}
	if (v->stales) {
		__u64 closed = gates_stale(v, proc, v->stales);

		if (closed) {
			data_of_path(&data, scratch);
			emit(EVENT_GATE_STALE, v, proc, closed, &data);
		}
	}
	if (v->opens)
		gates_open(v, proc, v->opens);
}

/* Not 0: the operation is refused, where the hook can. */
GLOBAL int file_event(struct file_request *request)
{
	struct scratch *scratch = current_scratch();
	struct proc *proc = current_proc();
	struct event_data data;
	struct verdict *v;
	int result;

	if (!request || !proc)
		return 0;
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, request->ops, request->refuses))
		return -EPERM;
	if (request->ops & OP_READ && request->inode)
		object_read(v, request->inode);
	file_judge(scratch, v, request);
	if (request->only_refuse && v->effect < EFFECT_BLOCK)
		return 0;
	data_of_path(&data, scratch);
	result = conclude(v, proc, &data, true);
	if (!result && !request->only_refuse && v->outcome < OUTCOME_REFUSED)
		file_commit(scratch, v, proc, request->inode);
	return result;
}

#endif
