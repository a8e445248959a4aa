/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * moving.h: which system calls move data, and between which descriptors. Numbers are those of 64-bit calls; 32-bit
 * calls are told by the 64-bit number of the same meaning.
 */
#ifndef ACTPLANE_MOVING_H
#define ACTPLANE_MOVING_H

#define TS_COMPAT 2u
#define NR_READ 0
#define NR_WRITE 1
#define NR_MMAP 9
#define NR_IOCTL 16
#define NR_PREAD64 17
#define NR_PWRITE64 18
#define NR_READV 19
#define NR_WRITEV 20
#define NR_SHMAT 30
#define NR_SENDFILE 40
#define NR_SENDTO 44
#define NR_RECVFROM 45
#define NR_SENDMSG 46
#define NR_RECVMSG 47
#define NR_MSGSND 69
#define NR_MSGRCV 70
#define NR_MQ_TIMEDSEND 242
#define NR_MQ_TIMEDRECEIVE 243
#define NR_SPLICE 275
#define NR_TEE 276
#define NR_VMSPLICE 278
#define NR_PREADV 295
#define NR_PWRITEV 296
#define NR_RECVMMSG 299
#define NR_SENDMMSG 307
#define NR_COPY_FILE_RANGE 326
#define NR_PREADV2 327
#define NR_PWRITEV2 328
#define NR_SOCKETCALL (~1ull)
#define NR_IPC (~2ull)
#define NR_OLD_MMAP (~3ull) /* mmap with its arguments in memory */
#define NR_NONE (~0ull)

#define FICLONE 0x40049409u
#define FICLONERANGE 0x4020940du
#define FIDEDUPERANGE 0xc0189436u

/* The 64-bit number of a 32-bit call that moves data. */
static __always_inline __u64 number_of_compat(__u64 number)
{
	switch (number) {
	case 3: return NR_READ;
	case 4: return NR_WRITE;
	case 54: return NR_IOCTL;
	case 90: return NR_OLD_MMAP;
	case 145: return NR_READV;
	case 146: return NR_WRITEV;
	case 180: return NR_PREAD64;
	case 181: return NR_PWRITE64;
	case 192: return NR_MMAP;
	case 397: return NR_SHMAT;
	case 400: return NR_MSGSND;
	case 401: return NR_MSGRCV;
	case 187:
	case 239: return NR_SENDFILE;
	case 277:
	case 418: return NR_MQ_TIMEDSEND;
	case 280:
	case 419: return NR_MQ_TIMEDRECEIVE;
	case 313: return NR_SPLICE;
	case 315: return NR_TEE;
	case 316: return NR_VMSPLICE;
	case 333: return NR_PREADV;
	case 334: return NR_PWRITEV;
	case 337:
	case 417: return NR_RECVMMSG;
	case 345: return NR_SENDMMSG;
	case 369: return NR_SENDTO;
	case 370: return NR_SENDMSG;
	case 371: return NR_RECVFROM;
	case 372: return NR_RECVMSG;
	case 377: return NR_COPY_FILE_RANGE;
	case 378: return NR_PREADV2;
	case 379: return NR_PWRITEV2;
	}
	return NR_NONE;
}

#define NR32_SOCKETCALL 102
#define NR32_IPC 117

static __always_inline bool is_compat(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
}

/* socketcall(2) and ipc(2) are what their first argument says. */
static __always_inline __u64 number_of(struct task_struct *task, __u64 number)
{
	if (!is_compat(task))
		return number;
	if (number == NR32_SOCKETCALL)
		return NR_SOCKETCALL;
	return number == NR32_IPC ? NR_IPC : number_of_compat(number);
}

/* socketcall(2) names the call by its first argument and has the others in memory. */
static __always_inline void call_of_socketcall(struct call *call, struct pt_regs *regs)
{
	__u32 word;

	for (int i = 0; i < 5; i++) {
		word = 0;
		bpf_probe_read_user(&word, sizeof(word),
				    (void *)(BPF_CORE_READ(regs, cx) + i * sizeof(word) & 0xffffffffu));
		call->args[i] = word;
	}
	switch ((__u32)BPF_CORE_READ(regs, bx)) {
	case 9:
	case 11: call->number = NR_SENDTO; return;
	case 10:
	case 12: call->number = NR_RECVFROM; return;
	case 16: call->number = NR_SENDMSG; return;
	case 17: call->number = NR_RECVMSG; return;
	case 19: call->number = NR_RECVMMSG; return;
	case 20: call->number = NR_SENDMMSG; return;
	}
	call->number = NR_NONE;
}

/* In the same order as mmap2(2) has them; what it counts in pages is not asked for. */
static __always_inline void call_of_old_mmap(struct call *call, struct pt_regs *regs)
{
	__u32 word;

	for (int i = 0; i < 5; i++) {
		word = 0;
		bpf_probe_read_user(&word, sizeof(word),
				    (void *)(BPF_CORE_READ(regs, bx) + i * sizeof(word) & 0xffffffffu));
		call->args[i] = word;
	}
	call->number = NR_MMAP;
}

static __always_inline __u64 number_of_ipc(__u32 what)
{
	switch (what & 0xffff) {
	case 11: return NR_MSGSND;
	case 12: return NR_MSGRCV;
	case 21: return NR_SHMAT;
	}
	return NR_NONE;
}

static __always_inline void call_of(struct call *call, struct pt_regs *regs, __u64 number, bool compat)
{
	call->number = number;
	if (!compat) {
		call->args[0] = BPF_CORE_READ(regs, di);
		call->args[1] = BPF_CORE_READ(regs, si);
		call->args[2] = BPF_CORE_READ(regs, dx);
		call->args[3] = BPF_CORE_READ(regs, r10);
		call->args[4] = BPF_CORE_READ(regs, r8);
	} else if (number == NR_SOCKETCALL) {
		call_of_socketcall(call, regs);
	} else if (number == NR_OLD_MMAP) {
		call_of_old_mmap(call, regs);
	} else if (number == NR_IPC) {
		call->number = number_of_ipc(BPF_CORE_READ(regs, bx));
		call->args[0] = (__u32)BPF_CORE_READ(regs, cx);
	} else {
		call->args[0] = (__u32)BPF_CORE_READ(regs, bx);
		call->args[1] = (__u32)BPF_CORE_READ(regs, cx);
		call->args[2] = (__u32)BPF_CORE_READ(regs, dx);
		call->args[3] = (__u32)BPF_CORE_READ(regs, si);
		call->args[4] = (__u32)BPF_CORE_READ(regs, di);
	}
}

/* Whether a call may move data between descriptors. */
static __always_inline bool may_move(__u64 number)
{
	switch (number) {
	case NR_READ:
	case NR_WRITE:
	case NR_IOCTL:
	case NR_PREAD64:
	case NR_PWRITE64:
	case NR_READV:
	case NR_WRITEV:
	case NR_SENDFILE:
	case NR_SENDTO:
	case NR_RECVFROM:
	case NR_SENDMSG:
	case NR_RECVMSG:
	case NR_MQ_TIMEDSEND:
	case NR_MQ_TIMEDRECEIVE:
	case NR_SPLICE:
	case NR_TEE:
	case NR_VMSPLICE:
	case NR_PREADV:
	case NR_PWRITEV:
	case NR_RECVMMSG:
	case NR_SENDMMSG:
	case NR_COPY_FILE_RANGE:
	case NR_PREADV2:
	case NR_PWRITEV2:
	case NR_MMAP:
	case NR_SHMAT:
	case NR_MSGSND:
	case NR_MSGRCV:
	case NR_IPC:
	case NR_OLD_MMAP:
	case NR_SOCKETCALL: return true;
	}
	return false;
}

/* Between which descriptors it does. False: between none. */
static __always_inline bool moving_of(struct call *call)
{
	__s32 first = call->args[0];
	__s64 source = -1;

	call->from = -1;
	call->to = -1;
	call->named = 0;
	switch (call->number) {
	case NR_READ:
	case NR_PREAD64:
	case NR_READV:
	case NR_PREADV:
	case NR_PREADV2:
	case NR_RECVFROM:
	case NR_RECVMSG:
	case NR_RECVMMSG:
	case NR_MQ_TIMEDRECEIVE:
		call->from = first;
		return true;
	case NR_SENDTO:
		call->named = call->args[4] != 0;
		call->to = first;
		return true;
	case NR_SENDMSG:
	case NR_SENDMMSG:
		/* Whether it names a place is in memory that another thread may change meanwhile. */
		call->named = 1;
		call->to = first;
		return true;
	case NR_WRITE:
	case NR_PWRITE64:
	case NR_WRITEV:
	case NR_PWRITEV:
	case NR_PWRITEV2:
	case NR_MQ_TIMEDSEND:
		call->to = first;
		return true;
	case NR_VMSPLICE: /* in the direction in which the pipe was opened */
		call->from = first;
		call->to = first;
		return true;
	case NR_SENDFILE:
		call->to = first;
		call->from = call->args[1];
		return true;
	case NR_TEE:
		call->from = first;
		call->to = call->args[1];
		return true;
	case NR_SPLICE:
	case NR_COPY_FILE_RANGE:
		call->from = first;
		call->to = call->args[2];
		return true;
	case NR_IOCTL:
		if ((__u32)call->args[1] == FICLONE)
			source = (__s32)call->args[2];
		else if ((__u32)call->args[1] == FICLONERANGE)
			bpf_probe_read_user(&source, sizeof(source), (void *)call->args[2]);
		else if ((__u32)call->args[1] != FIDEDUPERANGE)
			return false;
		if (source < 0) { /* compared, and nothing moves but the answer */
			call->from = first;
			return true;
		}
		call->from = source;
		call->to = first;
		return true;
	}
	return false;
}

/* Calls that move data past every hook: into pipes and out of them, through message queues and System V memory. */
static __always_inline bool is_hookless(__u64 number)
{
	return number == NR_SPLICE || number == NR_TEE || number == NR_SENDFILE || number == NR_VMSPLICE ||
	       number == NR_MQ_TIMEDSEND || number == NR_MQ_TIMEDRECEIVE || number == NR_MSGSND ||
	       number == NR_MSGRCV || number == NR_SHMAT || number == NR_IPC;
}

/* Whether the call compares files. Hooks see the one as read and the others as written; what is told is what all of them say. */
static __always_inline bool compares(struct pt_regs *regs, __u64 number)
{
	if (number != NR_IOCTL)
		return false;
	return (__u32)BPF_CORE_READ(regs, si) == FIDEDUPERANGE || (__u32)BPF_CORE_READ(regs, cx) == FIDEDUPERANGE;
}

/* Nothing must leave over the connection any more. */
static __always_inline void sever(__u64 sk)
{
	__u32 port = __builtin_bswap16(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));

	connections_severed = 1;
	bpf_map_update_elem(&severed, &sk, &port, BPF_ANY);
}

/* What is read or written is judged where no hook does it. True: it must not happen, and the process is killed. */
static __always_inline bool moving_judge(__u64 address, __u32 reads)
{
	struct file *file = (void *)address;
	__u64 sk;

	if (!is_socket(file))
		return descriptor_event(address, reads ? OP_READ : OP_WRITE, REFUSES_BY_KILL);
	sk = sock_of(file);
	if (reads || !connection_event(sk, REFUSES_BY_KILL))
		return false;
	sever(sk);
	return true;
}

/* `judges`: no hook will judge what is read or written. */
static __always_inline void on_moving(struct passage *passage, __s32 descriptor, __u32 reads, __u32 judges)
{
	struct file *file = descriptor < 0 ? 0 : file_of((void *)bpf_get_current_task(), descriptor);
	struct transfer *transfer = &passage->transfer;

	/* Both directions were taken for possible. */
	if (!file || !(BPF_CORE_READ(file, f_mode) & (reads ? FMODE_READ : FMODE_WRITE)))
		return;
	if (judges && moving_judge((__u64)file, reads))
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
};

static long compared_step(__u32 index, struct compared *compared)
{
	struct file *file;
	__s64 descriptor = -1;

	bpf_probe_read_user(&descriptor, sizeof(descriptor), (void *)(compared->at + index * COMPARED_BYTES));
	file = descriptor < 0 ? 0 : file_of((void *)bpf_get_current_task(), descriptor);
	if (!file)
		return 0;
	object_read(compared->v, (__u64)BPF_CORE_READ(file, f_inode));
	compared->v->mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	compared->v->dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	return 0;
}

/* The files that are compared with another are read, whatever their descriptors are open for. Not 0: the state is broken. */
GLOBAL int compared_reads(__u64 range)
{
	struct scratch *scratch = current_scratch();
	struct proc *proc = current_proc();
	struct compared compared = { .at = range + COMPARED_AT };
	struct verdict *v;
	__u16 files = 0;

	if (!proc)
		return 0;
	if (!scratch || !verdict_fill(&scratch->verdict, proc, OP_READ, 0)) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	compared.v = v;
	bpf_probe_read_user(&files, sizeof(files), (void *)(range + COMPARED_COUNT_AT));
	bpf_loop(files > COMPARED_MAX ? COMPARED_MAX : files, compared_step, &compared, 0);
	if (!labels_acquire(proc, v))
		return 0;
	scratch->path_at = PATH_BYTES;
	path_resolve(scratch, v->mount, v->dentry);
	data_of_path(&scratch->data, scratch);
	emit(EVENT_LABEL, v, proc, 0, &scratch->data);
	return 0;
}

/* System V objects are known by their number, and MAP_SHARED memory by what is mapped. Not 0: it must not be. */
static __always_inline int sharing_begins(struct passage *passage)
{
	struct call *call = &passage->call;
	struct object_key key = {};
	struct file *file = 0;
	__s32 descriptor = call->args[4];

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
			if (!file || descriptor_event((__u64)file, OP_READ, REFUSES_BY_KILL))
				return 0;
		}
		return mapping_begins((__u64)file, call->args[3], file_is_written(file));
	}
	return 0;
}

/* The start of a system call, that may move data. */
static __always_inline void moving_begins(__u64 regs, __u64 number, __u32 judges)
{
	struct passage *passage;

	if (!may_move(number))
		return;
	passage = current_passage();
	if (!passage) {
		count(COUNTER_STRICT_STATE);
		bpf_send_signal(SIGKILL);
		return;
	}
	call_of(&passage->call, (void *)regs, number, is_compat((void *)bpf_get_current_task()));
	if (sharing_begins(passage)) {
		bpf_send_signal(SIGKILL);
		return;
	}
	if (!moving_of(&passage->call))
		return;
	if (passage->call.number == NR_IOCTL && passage->call.to < 0 && compared_reads(passage->call.args[2])) {
		bpf_send_signal(SIGKILL);
		return;
	}
	on_moving(passage, passage->call.from, 1, judges);
	on_moving(passage, passage->call.to, 0, judges);
}

#endif
