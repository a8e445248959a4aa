/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * process.h: the life of a governed process: fork, the switch to a new image, exit. These are
 * tracepoints in every tier; they keep state and never judge, but for an exec where no hook could.
 */
#ifndef ACTPLANE_PROCESS_H
#define ACTPLANE_PROCESS_H

/* ---- fork: the child is recorded before its first instruction ---- */

static __always_inline int process_fork(struct task_struct *child, __u64 flags)
{
	__u32 parent = current_tgid(), tgid = BPF_CORE_READ(child, tgid);
	struct proc *proc, *fresh;
	struct event_data data = {};
	struct scratch *scratch;

	/* A thread or an io_uring worker: its group is known. */
	if (tgid == parent)
		return 0;
	proc = bpf_map_lookup_elem(&procs, &parent);
	if (!proc || (tool_tgid && parent == tool_tgid)) {
		/* One that ended while it was being admitted may have left its number behind. */
		if (bpf_map_lookup_elem(&procs, &tgid))
			bpf_map_delete_elem(&procs, &tgid);
		if (parent == tool_tgid)
			last_child = tgid;
		return 0;
	}
	/* The record is made where it stays: nobody looks for a process that has not begun, and the stack is short. */
	bpf_map_update_elem(&procs, &tgid, proc, BPF_ANY);
	fresh = bpf_map_lookup_elem(&procs, &tgid);
	if (fresh) {
		fresh->parent = parent;
		fresh->flags = 0;
		fresh->started_ns = bpf_ktime_get_ns();
		for (int i = 0; i < RUNS_MAX; i++)
			fresh->runs[i].leads = 0;
	}
	if (!fresh || share_with_child(proc, fresh, tgid, flags)) {
		/* An unrecorded child would be ungoverned. Neither may go on. */
		count(COUNTER_PROCS_FULL);
		bpf_send_signal(SIGKILL);
		return 0;
	}
	/* Who moves a process to another domain moves it first and its children then: one of both sees the other's work. */
	fresh->domain = *(volatile __u32 *)&proc->domain;
	scratch = current_scratch();
	if (scratch && verdict_begin(&scratch->verdict, fresh, 0, 0)) {
		/* The child has its parent's mappings. */
		mappers_count(&scratch->verdict, fresh->maps, 1);
		scratch->verdict.thread = (__u64)tgid << 32 | tgid;
		emit(EVENT_FORK, &scratch->verdict, fresh, 0, &data);
	}
	return 0;
}

/* ---- exit ---- */

struct runs_end {
	struct verdict *v;
	struct proc *proc;
	struct session *session;
	int code;
};

/* A run that its gate's program led to its end: the gate opens if it ended normally with the wanted status. */
static long run_end(__u32 index, struct runs_end *end)
{
	struct run_ref *ref = &end->proc->runs[index & (RUNS_MAX - 1)];
	struct image_header *image = image_of(end->v);
	struct gate_record *record;
	struct event_data data = {};
	__u32 gate = ref->gate;

	if (!ref->run || !ref->leads || !image || gate >= GATES_MAX || gate >= image->gates)
		return 0;
	record = TABLE_RECORD(end->v->base + image->gates_at + gate * 4, struct gate_record);
	if (!record || !(record->flags & GATE_EXITS))
		return 0;
	if (end->code & 0x7f || (__u32)(end->code >> 8 & 255) != record->status) {
		emit(EVENT_RUN_FAILED, end->v, end->proc, 1ull << gate, &data);
		return 0;
	}
	end->session->open_run[gate] = ref->run;
	emit(EVENT_GATE_OPEN, end->v, end->proc, 1ull << gate, &data);
	/* Who reads of it learns that it is shut all the same; what shuts it has no name here. */
	if (end->session->mappers[gate])
		emit(EVENT_GATE_STALE, end->v, end->proc, 1ull << gate, &data);
	return 0;
}

static __always_inline int process_exit(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct proc *proc = bpf_map_lookup_elem(&procs, &tgid);
	struct scratch *scratch;
	struct event_data data = {};
	struct runs_end end;

	if (!proc)
		return 0;
	mark_ends();
	if (BPF_CORE_READ(signal, live.counter))
		return 0;
	/* Threads that end without exit_group leave the status with the leader. */
	end.code = BPF_CORE_READ(signal, flags) & SIGNAL_GROUP_EXIT ? BPF_CORE_READ(signal, group_exit_code)
								    : BPF_CORE_READ(task, group_leader, exit_code);
	scratch = current_scratch();
	if (scratch && verdict_begin(&scratch->verdict, proc, 0, 0)) {
		end.v = &scratch->verdict;
		end.proc = proc;
		end.session = session_of(end.v);
		if (with_gates && end.session)
			bpf_loop(RUNS_MAX, run_end, &end, 0);
		maps_end(end.v, proc);
		emit(EVENT_EXIT, end.v, proc, (__u32)end.code, &data);
	}
	share_ends(proc, tgid);
	bpf_map_delete_elem(&procs, &tgid);
	return 0;
}

/* ---- exec ---- */

/* Arguments that the new image holds, for the moment after the switch. */
static __always_inline void args_of_image(struct args_source *source, struct linux_binprm *bprm)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	__builtin_memset(source, 0, sizeof(*source));
	source->bprm = (__u64)bprm;
	source->from = BPF_CORE_READ(task, mm, arg_start);
	source->end = BPF_CORE_READ(task, mm, arg_end);
	source->count = BPF_CORE_READ(bprm, argc);
}

/* Arguments that the kernel copied for the image to come. */
static __always_inline void args_of_bprm(struct args_source *source, struct linux_binprm *bprm)
{
	__builtin_memset(source, 0, sizeof(*source));
	source->bprm = (__u64)bprm;
	source->from = BPF_CORE_READ(bprm, p);
	source->end = BPF_CORE_READ(bprm, exec);
	source->mm = (__u64)BPF_CORE_READ(bprm, mm);
	source->count = BPF_CORE_READ(bprm, argc);
}

/* bprm_creds_for_exec: an exec begins; nothing is pending. */
static __always_inline int exec_begins(void)
{
	struct proc *proc = current_proc();
	struct exec_pending *pending;

	if (!proc)
		return 0;
	__sync_fetch_and_and(&proc->flags, ~PROC_EARNING);
	pending = current_pending();
	if (!pending) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	__builtin_memset(pending, 0, sizeof(*pending));
	return 0;
}

/* Whether a governed process traces the caller, and so has in its hands what the caller is about to run. */
static __always_inline bool is_traced(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tracer;

	if (!BPF_CORE_READ(task, ptrace))
		return false;
	tracer = BPF_CORE_READ(task, parent, tgid);
	return bpf_map_lookup_elem(&procs, &tracer);
}

/*
 * bprm_check_security: fires for a script, then for its interpreter. What the exec would change is
 * kept pending until its point of no return; each level is judged with its own file and arguments.
 * Known gap: a clause about the script does not see the labels that the interpreter's level adds.
 */
static __always_inline int exec_check(struct linux_binprm *bprm)
{
	struct proc *proc = current_proc();
	struct args_source source;
	struct exec_pending *pending;
	struct event_data data;
	struct scratch *scratch;
	struct verdict *v;

	if (!proc)
		return 0;
	scratch = current_scratch();
	pending = current_pending();
	if (!scratch || !pending)
		return -EPERM;
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, is_traced() ? OP_EXEC | OP_PTRACE : OP_EXEC, 1))
		return -EPERM;
	EACH_LABEL_WORD(i) {
		v->seen[i] |= pending->labels[i];
		v->cleans[i] = pending->cleans[i];
	}
	args_of_bprm(&source, bprm);
	if (is_nameless(bprm)) {
		exec_data(scratch, &source, &data);
		return guard_refuse(v, proc, BUILTIN_NAMELESS, &data, false);
	}
	/* The name it was invoked by is the script's; it was judged at the first level. */
	source.invoked = !is_script(bprm);
	if (!exec_event(scratch, v, &source))
		return -EPERM;
	EACH_LABEL_WORD(i) {
		pending->labels[i] |= v->seen[i];
		pending->cleans[i] = v->cleans[i];
	}
	pending->opens |= v->opens;
	pending->stales |= v->stales;
	pending->flags |= v->flags;
	if (has_earnings(scratch, v))
		__sync_fetch_and_or(&proc->flags, PROC_EARNING);
	/* Of the last level, which is what the new image gets. */
	pending->args = matches_arguments(v) ? args_hash(scratch, &source) : 0;
	if (!v->effect)
		return 0;
	exec_data(scratch, &source, &data);
	return conclude(v, proc, &data, true);
}

/* What the exec changes, once it is certain: labels, gates, and the word to user space. */
static __always_inline void exec_commit(struct scratch *scratch, struct verdict *v, struct proc *proc,
				   struct args_source *source)
{
	bool earned = !(v->flags & EVENT_STEERED_LOADER);
	struct event_data data;
	__u64 closed = 0;

	share_ends(proc, current_tgid());
	labels_switch(proc, v);
	maps_end(v, proc);
	if (v->stales)
		closed = gates_stale(v, proc, v->stales);
	if (with_gates && v->opens && earned)
		gates_open(v, proc, v->opens);
	if (proc->flags & PROC_WATCHED)
		earned_drop(v, proc);
	__sync_fetch_and_and(&proc->flags, ~(PROC_EARNING | PROC_WATCHED));
	v->effect = EFFECT_NONE;
	exec_data(scratch, source, &data);
	emit(EVENT_EXEC, v, proc, earned ? 0 : v->opens, &data);
	if (closed)
		emit(EVENT_GATE_STALE, v, proc, closed, &data);
	if (!with_gates || !v->opens || !earned)
		return;
	__builtin_memset(&data, 0, sizeof(data));
	emit(EVENT_GATE_START, v, proc, v->opens, &data);
}

/* The strict side where nothing can be refused any more. */
static __always_inline int refuse_late(void)
{
	count(COUNTER_STRICT_STATE);
	bpf_send_signal(SIGKILL);
	return 0;
}

/*
 * sched_process_exec where a hook has judged: commit what is pending. The arguments are those that were judged,
 * or the new image ends here.
 */
static __always_inline int exec_done(struct linux_binprm *bprm)
{
	struct proc *proc = current_proc();
	struct exec_pending *pending;
	struct args_source source;
	struct event_data data;
	struct scratch *scratch;
	struct verdict *v;

	if (!proc)
		return 0;
	scratch = current_scratch();
	pending = current_pending();
	if (!scratch || !pending)
		return refuse_late();
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, OP_EXEC, 0))
		return refuse_late();
	EACH_LABEL_WORD(i) {
		v->seen[i] |= pending->labels[i];
		v->cleans[i] = pending->cleans[i];
	}
	v->opens = pending->opens;
	v->stales = pending->stales;
	v->flags = pending->flags & (EVENT_STEERED_LOADER | EVENT_STEERED_INTERPRETER);
	v->inode = (__u64)BPF_CORE_READ(bprm, file, f_inode);
	args_of_image(&source, bprm);
	if (pending->args && args_hash(scratch, &source) != pending->args) {
		count(COUNTER_STRICT_ARGS);
		exec_data(scratch, &source, &data);
		guard_refuse(v, proc, BUILTIN_ARGUMENTS, &data, true);
		return 0;
	}
	exec_commit(scratch, v, proc, &source);
	return 0;
}

/* sched_process_exec where no hook could judge: judge now, before the image's first instruction. */
static __always_inline int exec_judge_late(struct linux_binprm *bprm)
{
	struct proc *proc = current_proc();
	struct args_source source;
	struct event_data data;
	struct scratch *scratch;
	struct verdict *v;

	if (!proc)
		return 0;
	scratch = current_scratch();
	if (!scratch)
		return refuse_late();
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, OP_EXEC, 0))
		return refuse_late();
	args_of_image(&source, bprm);
	if (is_nameless(bprm)) {
		exec_data(scratch, &source, &data);
		guard_refuse(v, proc, BUILTIN_NAMELESS, &data, true);
		return 0;
	}
	source.invoked = 1;
	if (is_script(bprm))
		source.invoked_skip = script_skip(scratch, &source);
	if (!exec_event(scratch, v, &source))
		return refuse_late();
	if (is_loader(BPF_CORE_READ(bprm, file)))
		loader_arguments(scratch, v, &source);
	if (v->effect) {
		exec_data(scratch, &source, &data);
		conclude(v, proc, &data, true);
	}
	if (v->outcome < OUTCOME_KILLED_BEFORE)
		exec_commit(scratch, v, proc, &source);
	return 0;
}

#endif
