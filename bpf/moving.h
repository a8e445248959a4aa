/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * moving.h: what system calls move, judged and labelled before it moves.
 */
#ifndef ACTPLANE_MOVING_H
#define ACTPLANE_MOVING_H

#define FICLONE 0x40049409u
#define FICLONERANGE 0x4020940du
#define FIDEDUPERANGE 0xc0189436u

/* Between which descriptors the call moves data. 0: between none. */
GLOBAL int moving_of(struct call *call)
{
	const struct moving *moving;
	__s64 source = -1;
	__u32 from, to;

	if (!call || call->number >= CALLS_MAX)
		return 0;
	moving = &movings[call->number];
	from = moving->from - 1;
	to = moving->to - 1;
	call->from = from < 5 ? call->args[from] : -1;
	call->to = to < 5 ? call->args[to] : -1;
	call->named = moving->named == NAMED_MAYBE || (moving->named == NAMED_BY_FIFTH && call->args[4]);
	if (call->number != NR_IOCTL)
		return moving->moves == MOVES_DATA;
	if ((__u32)call->args[1] == FICLONE)
		source = (__s32)call->args[2];
	else if ((__u32)call->args[1] == FICLONERANGE)
		bpf_probe_read_user(&source, sizeof(source), (void *)call->args[2]);
	else if ((__u32)call->args[1] != FIDEDUPERANGE)
		return 0;
	/* Without a source it is compared, and nothing moves but the answer. */
	call->from = source < 0 ? call->args[0] : source;
	call->to = source < 0 ? -1 : call->args[0];
	return 1;
}

static __always_inline bool is_hookless(__u64 number)
{
	return number < CALLS_MAX && movings[number].hookless;
}

/* Whether the call compares files. Hooks see the one as read and the others as written; what is told is what all of them say. */
static __always_inline bool compares(struct pt_regs *regs, __u64 number)
{
	if (number != NR_IOCTL)
		return false;
	return (__u32)BPF_CORE_READ(regs, si) == FIDEDUPERANGE || (__u32)BPF_CORE_READ(regs, cx) == FIDEDUPERANGE;
}

/* In a hook: the call that it is asked in. */
static __always_inline bool is_comparing(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (void *)bpf_task_pt_regs(task);

	return compares(regs, number_of(task, BPF_CORE_READ(regs, orig_ax)));
}

/* Nothing must leave over the connection any more. */
static __always_inline void sever(__u64 sk)
{
	__u32 port = __builtin_bswap16(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));

	connections_severed = 1;
	bpf_map_update_elem(&severed, &sk, &port, BPF_ANY);
}

/* What is read or written is judged where no hook does it. Not 0: it must not happen, and the process is killed. */
GLOBAL int moving_judge(__u64 address, __u32 reads)
{
	struct file *file = (void *)address;
	__u32 ops = OP_WRITE >> (reads & 1); /* without a branch, as `clamped` */
	__u64 sk;

	_Static_assert(OP_WRITE >> 1 == OP_READ, "the operations are neighbours");
	if (!is_socket(file))
		return descriptor_judge(address, ops, REFUSES_BY_KILL);
	sk = sock_of(file);
	if (reads || !with_endpoints || !connection_event(sk, REFUSES_BY_KILL))
		return 0;
	sever(sk);
	return 1;
}

/* `judges`: no hook will judge what is read or written. */
static __always_inline void on_moving(struct passage *passage, __s32 descriptor, __u32 reads, __u32 judges)
{
	struct file *file = descriptor < 0 ? 0 : file_of((void *)bpf_get_current_task(), descriptor);
	struct transfer *transfer = &passage->transfer;

	/* Both directions were taken for possible. */
	if (!file || !(BPF_CORE_READ(file, f_mode) & (reads ? FMODE_READ : FMODE_WRITE)))
		return;
	if ((judges && moving_judge((__u64)file, reads)) || !with_flow)
		return;
	transfer->file = (__u64)file;
	transfer->reads = reads;
	transfer->writes = !reads;
	transfer->named = passage->call.named;
	transfer->only_notes = passage->call.to < 0;
	transfer_labels(transfer);
}

#define COMPARED_COUNT_AT 16 /* in struct file_dedupe_range */
#define COMPARED_AT 24       /* struct file_dedupe_range_info[] in it */
#define COMPARED_BYTES 32    /* of each; the descriptor is the first of it */
#define COMPARED_MAX 127     /* the kernel takes a page of them */

struct compared {
	struct verdict *v;
	__u64 at;
	__u64 files;
	__u64 refused;
};

static long compared_step(__u32 index, struct compared *compared)
{
	struct file *file;
	__s64 descriptor = -1;

	bpf_probe_read_user(&descriptor, sizeof(descriptor), (void *)(compared->at + index * COMPARED_BYTES));
	file = descriptor < 0 ? 0 : file_of((void *)bpf_get_current_task(), descriptor);
	compared->files = compared->files * 31 + (__u64)file;
	if (!file)
		return 0;
	object_read(compared->v, (__u64)BPF_CORE_READ(file, f_inode));
	compared->v->mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	compared->v->dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	return 0;
}

/*
 * The files that are compared with another are read, whatever their descriptors are open for: when the call begins, and
 * at its end, for it waits until what is being written to them is written. Not 0: the state is broken, or by the end
 * another thread has exchanged the descriptors, and what they were cannot be told.
 */
GLOBAL int compared_reads(__u64 range, __u32 ends)
{
	struct scratch *scratch = current_scratch();
	struct passage *passage = current_passage();
	struct proc *proc = current_proc();
	struct compared compared = { .at = range + COMPARED_AT };
	struct verdict *v;
	__u16 files = 0;

	if (!proc)
		return 0;
	if (!scratch || !passage || !verdict_fill(&scratch->verdict, proc, OP_READ, 0)) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	compared.v = v;
	bpf_probe_read_user(&files, sizeof(files), (void *)(range + COMPARED_COUNT_AT));
	bpf_loop(files > COMPARED_MAX ? COMPARED_MAX : files, compared_step, &compared, 0);
	if (ends && compared.files != passage->compared_files) {
		count(COUNTER_STRICT_PATH);
		return -EPERM;
	}
	passage->compared = ends ? 0 : range;
	passage->compared_files = compared.files;
	if (!labels_acquire(proc, v))
		return 0;
	scratch->path_at = PATH_BYTES;
	path_resolve(scratch, v->mount, v->dentry);
	data_of_path(&scratch->data, scratch);
	emit(EVENT_LABEL, v, proc, 0, &scratch->data);
	return 0;
}

/* As moving_judge of a file: to call that would be a frame too many. */
static long compared_judge_step(__u32 index, struct compared *compared)
{
	struct file *file;
	__s64 descriptor = -1;

	bpf_probe_read_user(&descriptor, sizeof(descriptor), (void *)(compared->at + index * COMPARED_BYTES));
	file = descriptor < 0 ? 0 : file_of((void *)bpf_get_current_task(), descriptor);
	compared->refused = file && descriptor_judge((__u64)file, OP_READ, REFUSES_BY_KILL);
	return compared->refused;
}

/* Where no hook sees them: each is judged as if it were read, and is a source by its name. Not 0: it must not be. */
static __always_inline int compared_judge(__u64 range)
{
	struct compared compared = { .at = range + COMPARED_AT };
	__u16 files = 0;

	bpf_probe_read_user(&files, sizeof(files), (void *)(range + COMPARED_COUNT_AT));
	bpf_loop(files > COMPARED_MAX ? COMPARED_MAX : files, compared_judge_step, &compared, 0);
	return compared.refused;
}

/* System V objects are known by their number, and MAP_SHARED memory by what is mapped. Not 0: it must not be. */
static __always_inline int sharing_begins(struct passage *passage)
{
	struct call *call = &passage->call;
	struct object_key key = {};
	struct file *file = 0;
	__s32 descriptor = call->args[4];

	if (!with_flow && call->number != NR_MMAP)
		return 0;
	key.inode = (__u32)call->args[0];
	switch (call->number) {
	case NR_SHMAT:
		key.device = CHANNEL_SEGMENT;
		return share(&key, 1);
	case NR_MSGSND:
		key.device = CHANNEL_QUEUE;
		return queue_passes(&key, 0);
	case NR_MSGRCV:
		key.device = CHANNEL_QUEUE;
		return queue_passes(&key, 1);
	case NR_MMAP:
		if (!(call->args[3] & MAP_ANONYMOUS)) {
			file = file_of((void *)bpf_get_current_task(), descriptor);
			if (!file || moving_judge((__u64)file, 1))
				return 0;
		}
		if (!with_flow)
			return 0;
		return mapping_begins((__u64)file, call->args[3], file_is_written(file));
	}
	return 0;
}

/* The start of a system call, that may move data. */
static __always_inline void moving_begins(__u64 regs, __u64 number, __u32 judges)
{
	struct passage *passage;

	if (number >= CALLS_MAX || !movings[number].moves)
		return;
	passage = current_passage();
	if (!passage) {
		count(COUNTER_STRICT_STATE);
		bpf_send_signal(SIGKILL);
		return;
	}
	call_of(&passage->call, regs, number, is_compat((void *)bpf_get_current_task()));
	if (sharing_begins(passage)) {
		bpf_send_signal(SIGKILL);
		return;
	}
	if (!moving_of(&passage->call))
		return;
	if (passage->call.number == NR_IOCTL && passage->call.to < 0 &&
	    ((with_flow && compared_reads(passage->call.args[2], 0)) || (judges && compared_judge(passage->call.args[2])))) {
		bpf_send_signal(SIGKILL);
		return;
	}
	on_moving(passage, passage->call.from, 1, judges);
	on_moving(passage, passage->call.to, 0, judges);
}

/* The end of any system call. What was read or compared the caller cannot use before this. */
static __always_inline void moving_ends(__s64 result)
{
	__u64 compared = transfer_done(result);

	if (with_flow && compared && compared_reads(compared, 1))
		bpf_send_signal(SIGKILL);
}

#endif
