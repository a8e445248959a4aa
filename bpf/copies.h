/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * copies.h: programs that the kernel may skip. While a thread is preempted inside a tracing program, the kernel runs
 * that program for no other thread on the same processor: what such a thread does would go on unseen. On kernels
 * that preempt nothing may hang on one such program.
 *
 * Hooks (modify-return): a kprobe at the start of the function judges. It is not preempted, and so never skipped for
 * that reason, but cannot refuse. It leaves its verdict with the thread, and several tiny programs, of which one is
 * enough, carry it out. Without a verdict they refuse: nobody has judged.
 *
 * Tracepoints, from some kernel after 6.12 on: the same program several times. Who has done the work leaves a mark,
 * and the others do nothing.
 */
#ifndef ACTPLANE_COPIES_H
#define ACTPLANE_COPIES_H

/* Set before each copy is loaded: how many there are of the tracepoint programs, */
const volatile __u32 trace_copies = 1;
/* and which of them this one is, in the order in which they run. */
const volatile __u32 copy = 0;

struct mark {
	__u32 place;   /* where the thread's operation has been judged; 0: there is none */
	__u32 refused; /* by a hook */
	__u32 seen;    /* copies that know of it, a bit each */
	__u32 reserved;
	__u64 event;   /* its number; of events without one how often the thread had left the processor */
};

/*
 * By thread. Not task storage: 6.1 gives none while another thread was preempted asking for its own. At load: one
 * entry where nothing is skipped.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u32);
	__type(value, struct mark);
} marks SEC(".maps");

const struct mark no_mark = {};

static __always_inline struct mark *current_mark(void)
{
	__u32 thread = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(&marks, &thread);
}

/* Null only for want of room. */
static __always_inline struct mark *made_mark(void)
{
	__u32 thread = bpf_get_current_pid_tgid();
	struct mark *mark = bpf_map_lookup_elem(&marks, &thread);

	if (mark)
		return mark;
	bpf_map_update_elem(&marks, &thread, &no_mark, BPF_NOEXIST);
	return bpf_map_lookup_elem(&marks, &thread);
}

/* The calling thread ends. */
static __always_inline void mark_ends(void)
{
	__u32 thread = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&marks, &thread);
}

/* ---- hooks ---- */

#define TAKERS 4

/* A hook is about to judge. An io_uring worker has no end of a system call, at which a slip is seen otherwise. */
GLOBAL int hook_begins(void)
{
	struct mark *mark = made_mark();

	if (!mark)
		return 0;
	if (mark->place && mark->refused)
		count(COUNTER_SLIPPED);
	mark->place = 0;
	return 0;
}

GLOBAL int hook_judged(__u32 place, __u32 refused)
{
	struct mark *mark = current_mark();

	if (!mark)
		return 0;
	mark->refused = refused;
	mark->place = place;
	return 0;
}

/* Not 0: what is asked for in that place has been refused, or nobody has judged it. `number` says which of the TAKERS asks. */
GLOBAL int hook_verdict(__u32 place, __u32 number)
{
	struct mark *mark = current_mark();

	/* Asked last, for whoever is preempted in here takes the program from the others. */
	if (!mark || mark->place != place) {
		if (!current_proc())
			return 0;
		count(COUNTER_UNJUDGED);
		return -EPERM;
	}
	/* A refusal ends here, the kernel asks no further; else the last one has it. */
	if (mark->refused || number + 1 == TAKERS)
		mark->place = 0;
	return mark->refused ? -EPERM : 0;
}

#define JUDGE_FIRST(place, judge)                \
	({                                         \
		if (current_proc()) {                  \
			hook_begins();                       \
			hook_judged(place, judge ? 1 : 0);   \
		}                                      \
		0;                                     \
	})

/* A system call ends. Was something in it refused, and all who refuse it were skipped, it is over with its process. */
static __always_inline void slip_seen(__s64 result)
{
	struct mark *mark = current_mark();

	if (!mark || !mark->place || !mark->refused)
		return;
	mark->place = 0;
	/* Somebody else has refused it before we could. */
	if (result == -EPERM)
		return;
	count(COUNTER_SLIPPED);
	bpf_send_signal(SIGKILL);
}

/* The arguments of the function that is being called, as a modify-return program gets them. */
#define ARGUMENTS_OF(regs) \
	{ (regs)->di, (regs)->si, (regs)->dx, (regs)->cx, (regs)->r8 }

/* ---- tracepoints ---- */

/* How often the calling thread has left the processor. */
static __always_inline __u64 current_switches(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, nvcsw) + BPF_CORE_READ(task, nivcsw);
}

/*
 * Not 0: an earlier copy has done this work. Of events without a number (0) the last copy takes the mark away. Where that
 * one was skipped it stays, and the thread's next event in this place could be taken for the earlier one. `seen` and
 * the thread's switches tell them apart: who knew of it is asked anew; and since the thread was last given the processor
 * nobody else began a program there, so one that ran then would not be skipped now. A thread that lost the processor
 * between two copies does such work twice.
 */
GLOBAL int copy_rests(__u32 place, __u64 event)
{
	struct mark *mark = current_mark();
	__u32 own = 1u << (copy & 31);

	if (!mark || mark->place != place)
		return 0;
	if (event)
		return mark->event == event;
	if (copy + 1 == trace_copies) {
		mark->place = 0;
		return 1;
	}
	if (mark->seen & own || mark->event != current_switches())
		return 0;
	mark->seen |= own;
	return 1;
}

/* Without a mark the others do it too. A refusal that is to be carried out yet stays to be seen. */
GLOBAL int copy_is_done(__u32 place, __u64 event)
{
	struct mark *mark = made_mark();

	if (!mark || copy + 1 == trace_copies || (mark->place && mark->refused))
		return 0;
	mark->place = place;
	mark->refused = 0;
	mark->seen = 1u << (copy & 31);
	mark->event = event ? event : current_switches();
	return 0;
}

/* What a tracepoint program does where `work` must be done once; for what is not governed it may be done again. */
#define COPY_OF_TRACE(place, event, work)                         \
	({                                                          \
		bool is_noted = trace_copies != 1 && current_proc();  \
		if (!is_noted || !copy_rests(place, event)) {           \
			work;                                             \
			if (is_noted)                                       \
				copy_is_done(place, event);                   \
		}                                                     \
		0;                                                    \
	})

/*
 * A tracepoint program whose work must be done once. `event` is a number that the thread's events in this place do not
 * have in common, or 0. Others have copies too, which then find nothing left to do.
 */
#define TRACE(tracepoint, name, event, body)                                          \
	static __always_inline int once_##name(__u64 *ctx) { body }                         \
	enum { PLACE_##name = __COUNTER__ + 1 };                                            \
	SEC("raw_tp/" #tracepoint) int name(__u64 *ctx)                                   \
	{                                                                                   \
		return COPY_OF_TRACE(PLACE_##name, event, once_##name(ctx));                    \
	}

/* How many programs the calling thread has begun. */
static __always_inline __u64 execs_begun(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, self_exec_id);
}

#endif
