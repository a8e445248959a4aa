/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * guard.h: built-in protections. They hold for every governed process whatever its policy says,
 * because without them a policy could be taken away or walked around.
 */
#ifndef ACTPLANE_GUARD_H
#define ACTPLANE_GUARD_H

/* Refuse and tell, in the name of `builtin`. The verdict has been begun. */
static __always_inline int guard_refuse(struct verdict *v, struct proc *proc, __u32 builtin, struct event_data *d,
					bool late)
{
	v->effect = EFFECT_BLOCK;
	v->outcome = late ? OUTCOME_KILLED_BEFORE : OUTCOME_REFUSED;
	v->flags |= EVENT_BUILTIN;
	v->clauses_count = 0;
	count(late ? COUNTER_KILLED : COUNTER_REFUSED);
	count(COUNTER_MATCHES);
	if (late)
		bpf_send_signal(SIGKILL);
	emit(EVENT_MATCH, v, proc, builtin, d);
	return -EPERM;
}

/* The program has no name any more, or never had one: a rule about names could not see it. */
static __always_inline bool is_nameless(struct linux_binprm *bprm)
{
	return BPF_CORE_READ(bprm, file, f_inode, i_nlink) == 0;
}

/* The supervisor or its guardian: ending or tracing them would end the rules. */
static __always_inline bool is_protected(struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);

	return tgid && (tgid == tool_tgid || tgid == guardian_tgid);
}

/* The program that a process runs, in the scratch. 0: it runs none (a kernel thread), or its path is not known. */
static __always_inline int program_of(struct scratch *scratch, struct task_struct *task)
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	if (!file)
		return 0;
	return path_resolve(scratch, (__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry));
}

/* The labels that a program has to earn; null: there are none. */
static __always_inline struct labels *earned_labels(struct verdict *v)
{
	struct image_header *image = image_of(v);

	return image && image->earned_at ? TABLE_RECORD(v->base + image->earned_at, struct labels) : 0;
}

/*
 * Of the runs that the target is inside those that the caller is not, a bit for each place. Without branches, whose
 * two ways the verifier would both follow.
 */
GLOBAL __u32 runs_of_others(struct proc *target, struct proc *proc)
{
	__u32 places = 0;

	if (!with_gates || !target || !proc)
		return 0;
	for (int i = 0; i < RUNS_MAX; i++) {
		__u64 run = target->runs[i].run, all = (run | (0 - run)) >> 63;

		for (int k = 0; k < RUNS_MAX; k++) {
			__u64 differ = run ^ proc->runs[k].run;

			all &= (differ | (0 - differ)) >> 63;
			asm volatile("" : "+r"(all));
		}
		places |= (__u32)all << i;
	}
	return places;
}

/* Has the process earned what the caller has not? Tracing it would be doing things as it. */
GLOBAL int has_earned_more(struct verdict *v, struct proc *target, struct proc *proc)
{
	struct labels *earned;
	__u32 more;

	if (!with_earnings || !v || !target || !proc)
		return 0;
	/* From the switch of its memory to the word of it there is a moment. */
	more = (target->flags & PROC_EARNING) | runs_of_others(target, proc);
	EACH_LABEL_WORD(i)
		more |= target->cleans[i];
	earned = earned_labels(v);
	EACH_LABEL_WORD(i)
		if (earned)
			more |= target->labels[i] & earned->words[i] & ~proc->labels[i];
	return more != 0;
}

/* The process gives back what it has earned, but what `keeps` has. What it held aside is no longer. */
GLOBAL int earned_take(struct verdict *v, struct proc *proc, struct labels *keeps)
{
	struct labels *earned;

	if (!with_earnings || !v || !proc)
		return 0;
	EACH_LABEL_WORD(i) {
		proc->labels[i] |= proc->held[i];
		proc->held[i] = 0;
		proc->cleans[i] = 0;
	}
	earned = earned_labels(v);
	EACH_LABEL_WORD(i)
		if (earned)
			proc->labels[i] &= ~earned->words[i] | (keeps ? keeps->words[i] : 0);
	return 0;
}

/* Somebody watched while the process began its program: it has earned nothing, whatever was found before. */
GLOBAL int earned_drop(struct verdict *v, struct proc *proc)
{
	if (!with_earnings || !v || !proc)
		return 0;
	earned_take(v, proc, 0);
	for (int i = 0; i < RUNS_MAX; i++)
		if (proc->runs[i].leads)
			proc->runs[i].run = 0;
	return 0;
}

/*
 * Where no hook refuses it, tracing takes away what the traced process has earned and its tracer has not. What
 * it held aside the tracer can read.
 */
GLOBAL int earned_strip(__u32 tgid)
{
	struct proc *target = bpf_map_lookup_elem(&procs, &tgid), *proc = current_proc();
	struct scratch *scratch = current_scratch();
	struct verdict *v;
	__u32 others;

	if (!with_earnings || !target || !proc || !scratch || tgid == current_tgid())
		return 0;
	/* First, so that an exec that earns at this very moment sees it. */
	__sync_fetch_and_or(&target->flags, PROC_WATCHED);
	v = &scratch->verdict;
	if (!verdict_fill(v, proc, OP_PTRACE, 0) || !has_earned_more(v, target, proc))
		return 0;
	EACH_LABEL_WORD(i)
		v->seen[i] |= target->held[i];
	earned_take(v, target, (struct labels *)proc->labels);
	others = runs_of_others(target, proc);
	for (int i = 0; i < RUNS_MAX; i++)
		if (others >> i & 1)
			target->runs[i].run = 0;
	labels_acquire(proc, v);
	return 0;
}

/*
 * The rules on what is done to a process, by the program that it runs. Not 0: refused. A program whose path cannot be
 * resolved is one that all of them are about; a kernel thread has none.
 */
static __always_inline int program_judged(struct scratch *scratch, struct verdict *v, struct proc *proc,
					  struct task_struct *task)
{
	struct image_header *image = image_of(v);
	struct args_source none = {};
	struct event_data data = {};

	if (!image)
		return -EPERM;
	if (!(image->exec_ops & v->ops) || !BPF_CORE_READ(task, mm, exe_file))
		return 0;
	if (program_of(scratch, task)) {
		names_clear(scratch);
		/* What arguments the process was given is not asked; the compiler refuses patterns with arguments here. */
		exec_name(scratch, v, 0, 0);
		exec_judge(scratch, v, &none);
		data_of_path(&data, scratch);
	} else {
		count(COUNTER_STRICT_PATH);
		v->flags |= EVENT_STRICT_PATH;
		scan_all(v);
	}
	return conclude(v, proc, &data, true);
}

/* A signal to, or the tracing of, another process: rules name it by its program. */
static __always_inline int on_process(struct task_struct *target, __u32 ops)
{
	struct proc *proc = current_proc();
	struct image_header *image;
	struct event_data data;
	__u32 target_tgid = BPF_CORE_READ(target, tgid);
	struct scratch *scratch;
	struct verdict *v;

	if (!proc || target_tgid == current_tgid())
		return 0;
	scratch = current_scratch();
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, ops, 1))
		return -EPERM;
	image = image_of(v);
	if (!image)
		return -EPERM;
	if (is_protected(target)) {
		__builtin_memset(&data, 0, sizeof(data));
		if (program_of(scratch, target))
			data_of_path(&data, scratch);
		return guard_refuse(v, proc, ops & OP_SIGNAL ? BUILTIN_SIGNAL : BUILTIN_TRACE, &data, false);
	}
	if (ops & OP_PTRACE) {
		struct proc *other = bpf_map_lookup_elem(&procs, &target_tgid);

		/* What a process of another domain may is not for this one to do through it. */
		if (other && (other->domain != v->domain || has_earned_more(v, other, proc))) {
			__builtin_memset(&data, 0, sizeof(data));
			if (program_of(scratch, target))
				data_of_path(&data, scratch);
			return guard_refuse(v, proc, BUILTIN_EARNED, &data, false);
		}
	}
	return program_judged(scratch, v, proc, target) ? -EPERM : 0;
}

/*
 * The caller lets its parent trace it (PTRACE_TRACEME), which then has the caller's program in its hands. Of a process
 * that has not yet executed the program that its tracer wants, that exec is what is judged (exec_check).
 */
static __always_inline int on_traceme(struct task_struct *tracer)
{
	__u32 tracer_tgid = BPF_CORE_READ(tracer, tgid);
	struct proc *proc = current_proc();
	struct scratch *scratch;
	struct verdict *v;

	if (!proc || !bpf_map_lookup_elem(&procs, &tracer_tgid))
		return 0;
	scratch = current_scratch();
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, OP_PTRACE, 1))
		return -EPERM;
	return program_judged(scratch, v, proc, (void *)bpf_get_current_task()) ? -EPERM : 0;
}

/* The caller's number in its own pid namespace. */
static __always_inline __s32 own_number(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level), bytes = bpf_core_type_size(struct upid);
	__s32 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), (void *)((__u64)pid + __builtin_preserve_field_info(pid->numbers, BPF_FIELD_BYTE_OFFSET) + level * bytes));
	return number;
}

/*
 * A descriptor gets an owner, to whom it will send signals (F_SETOWN). Which process a number of the caller's namespace
 * stands for cannot be found out here, so any but the caller is taken to be one that rules on signals are about.
 */
GLOBAL int owner_event(__s32 owner)
{
	struct proc *proc = current_proc();
	struct event_data none = {};
	struct image_header *image;
	struct scratch *scratch;
	struct verdict *v;

	if (!proc || !owner || owner == own_number())
		return 0;
	scratch = current_scratch();
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, OP_SIGNAL, 1))
		return -EPERM;
	image = image_of(v);
	if (!image)
		return -EPERM;
	if (!(image->exec_ops & OP_SIGNAL))
		return 0;
	count(COUNTER_STRICT_PATH);
	v->flags |= EVENT_STRICT_PATH;
	scan_all(v);
	return conclude(v, proc, &none, true) ? -EPERM : 0;
}

/* What no governed process has to do, whatever its policy. */
GLOBAL int guard_event(__u32 builtin)
{
	struct proc *proc = current_proc();
	struct event_data none = {};
	struct scratch *scratch;

	if (!proc)
		return 0;
	scratch = current_scratch();
	if (!scratch || !verdict_begin(&scratch->verdict, proc, 0, 1))
		return -EPERM;
	return guard_refuse(&scratch->verdict, proc, builtin, &none, false);
}

/* Programs, maps and links of BPF are what enforces: governed processes have nothing to do there. */
static __always_inline int on_bpf(void)
{
	return guard_event(BUILTIN_BPF) ? -EPERM : 0;
}

#define BPF_FS_MAGIC 0xcafe4a11ul
#define SYSFS_MAGIC 0x62656572ul
#define MNT_DETACH 2

static __always_inline bool is_pinned_there(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_sb, s_magic) == BPF_FS_MAGIC;
}

/* A file system ends with its last mount, and what is pinned in it too. A lazy one takes along what is mounted below. */
static __always_inline int on_umount(struct vfsmount *mount, int flags)
{
	__u64 magic = BPF_CORE_READ(mount, mnt_sb, s_magic);

	if (magic != BPF_FS_MAGIC && (magic != SYSFS_MAGIC || !(flags & MNT_DETACH)))
		return 0;
	return guard_event(BUILTIN_PINS) ? -EPERM : 0;
}

#endif
