/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * tier_trace.h: the tier that any kernel with tracepoints has. Nothing here can refuse but the
 * cgroup programs on addresses; the rest kills, in time where the system call's effect is still to
 * come (exec, open for reading), too late where it is not (README, "What each tier can do").
 *
 *   sched_process_exec   exec, before the new image's first instruction
 *   sys_exit             open family, by the descriptor; what changes names, by the path as written (no
 *                        symbolic link followed); the end of a process that a cgroup program doomed
 *   sys_enter            labels, when data moves through an open descriptor
 *   cgroup/connect4, connect6, sendmsg4, sendmsg6, bind4, bind6   addresses, refused
 */
#ifndef ACTPLANE_TIER_TRACE_H
#define ACTPLANE_TIER_TRACE_H

#define NR_OPEN 2
#define NR_CREAT 85
#define NR_OPENAT 257
#define NR_OPENAT2 437
#define NR32_OPEN 5
#define NR32_CREAT 8
#define NR32_OPENAT 295
#define NR_PTRACE 101
#define NR32_PTRACE 26
#define NR32_MMAP 90
#define NR32_MMAP2 192
#define NR_TRUNCATE 76
#define NR_FTRUNCATE 77
#define NR_RENAME 82
#define NR_MKDIR 83
#define NR_RMDIR 84
#define NR_LINK 86
#define NR_UNLINK 87
#define NR_SYMLINK 88
#define NR_CHMOD 90
#define NR_FCHMOD 91
#define NR_CHOWN 92
#define NR_FCHOWN 93
#define NR_LCHOWN 94
#define NR_MKNOD 133
#define NR_MKDIRAT 258
#define NR_MKNODAT 259
#define NR_FCHOWNAT 260
#define NR_UNLINKAT 263
#define NR_RENAMEAT 264
#define NR_LINKAT 265
#define NR_SYMLINKAT 266
#define NR_FCHMODAT 268
#define NR_RENAMEAT2 316
#define NR_FCHMODAT2 452

#define PTMX_DEVICE (5u << 20 | 2)

SEC("raw_tp/sched_process_exec") int trace_exec(__u64 *ctx)
{
	return exec_judge_late((void *)ctx[2]);
}

static __always_inline bool opens(__u64 number, bool compat)
{
	if (compat)
		return number == NR32_OPEN || number == NR32_CREAT || number == NR32_OPENAT || number == NR_OPENAT2;
	return number == NR_OPEN || number == NR_CREAT || number == NR_OPENAT || number == NR_OPENAT2;
}

/* Whether a call of the open family that succeeded has emptied the file: the file itself has forgotten it. */
static __always_inline bool open_truncates(struct pt_regs *regs, __u64 number, bool compat)
{
	__u64 flags = 0;

	if (number == NR_OPENAT2) /* the first word of struct open_how */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)BPF_CORE_READ(regs, dx));
	else if (number == (compat ? NR32_OPENAT : NR_OPENAT))
		flags = BPF_CORE_READ(regs, dx);
	else if (number == (compat ? NR32_OPEN : NR_OPEN))
		flags = compat ? BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si);
	else
		return true; /* creat */
	return flags & O_TRUNC;
}

/* Fill `base` with where relative paths of `directory` (a descriptor or AT_FDCWD) and absolute ones begin. */
static __always_inline void base_of(struct path_base *base, struct task_struct *task, __s32 directory)
{
	struct file *file = directory == AT_FDCWD ? 0 : file_of(task, directory);

	base->root_mount = (__u64)BPF_CORE_READ(task, fs, root.mnt);
	base->root_dentry = (__u64)BPF_CORE_READ(task, fs, root.dentry);
	if (file) {
		base->mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
		base->dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	} else {
		base->mount = (__u64)BPF_CORE_READ(task, fs, pwd.mnt);
		base->dentry = (__u64)BPF_CORE_READ(task, fs, pwd.dentry);
	}
}

/* /proc/PID/mem has been opened: that is as good as tracing. */
static __always_inline void on_memory(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct proc_inode *own;
	struct task_struct *task;
	char name[4] = {};
	__u64 node;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != PROC_SUPER_MAGIC)
		return;
	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[0] != 'm' || name[1] != 'e' || name[2] != 'm' || name[3])
		return;
	own = (void *)((__u64)inode - __builtin_preserve_field_info(((struct proc_inode *)0)->vfs_inode, BPF_FIELD_BYTE_OFFSET));
	node = (__u64)BPF_CORE_READ(own, pid, tasks[0].first);
	if (!node)
		return;
	task = (void *)(node - __builtin_preserve_field_info(((struct task_struct *)0)->pid_links, BPF_FIELD_BYTE_OFFSET));
	earned_strip(BPF_CORE_READ(task, tgid));
}

/* The process that this thread traces since a moment. */
static __always_inline void on_traced(struct task_struct *task)
{
	__u64 entry = (__u64)BPF_CORE_READ(task, ptraced.next);
	struct task_struct *traced;

	traced = (void *)(entry - __builtin_preserve_field_info(((struct task_struct *)0)->ptrace_entry, BPF_FIELD_BYTE_OFFSET));
	earned_strip(BPF_CORE_READ(traced, tgid));
}

/* Who opens /dev/ptmx gets a new terminal, whose number another one may have had. */
static __always_inline void terminal_begins(struct file *file)
{
	struct tty_file_private *private;

	if (BPF_CORE_READ(file, f_inode, i_rdev) != PTMX_DEVICE)
		return;
	private = BPF_CORE_READ(file, private_data);
	terminal_forget(BPF_CORE_READ(private, tty, index));
}

/* A descriptor was made or used: the file it refers to is certain, whatever path led there. */
GLOBAL int on_descriptor(__u64 descriptor, __u32 ops)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct passage *passage = current_passage();
	struct file *file = file_of(task, descriptor);
	struct file_request *request;
	__u32 mode;

	if (!file || !passage) {
		/* Another thread closed it already: what it was cannot be told. */
		count(COUNTER_STRICT_PATH);
		bpf_send_signal(SIGKILL);
		return 0;
	}
	request = &passage->request;
	__builtin_memset(request, 0, sizeof(*request));
	request->ops = ops;
	request->inode = (__u64)BPF_CORE_READ(file, f_inode);
	request->base.mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	request->base.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	if (ops & OP_OPEN) {
		on_memory(file);
		terminal_begins(file);
		request->file = (__u64)file;
		mode = BPF_CORE_READ(file, f_mode);
		if (mode & FMODE_READ)
			request->ops |= OP_READ;
		if (mode & FMODE_WRITE)
			request->ops |= OP_WRITE;
		if (mode & FMODE_CREATED)
			request->ops |= OP_CREATE;
	}
	file_event(request);
	return 0;
}

/* Where the arguments of a call that changes names are: `first` may be a directory descriptor. */
struct name_call {
	__u64 registers; /* struct pt_regs of the caller */
	__u32 ops;
	__u32 new_ops;  /* not 0: a second name follows */
	__u32 at;       /* 1: a directory stands before each name */
	__u32 shift;    /* arguments before the first one */
};

static __always_inline bool name_call_of(struct name_call *call, __u64 number)
{
	__builtin_memset(call, 0, sizeof(*call));
	switch (number) {
	case NR_UNLINKAT:
		call->at = 1;
	case NR_UNLINK:
	case NR_RMDIR:
		call->ops = OP_UNLINK;
		return true;
	case NR_RENAMEAT:
	case NR_RENAMEAT2:
		call->at = 1;
	case NR_RENAME:
		call->ops = OP_RENAME;
		call->new_ops = OP_RENAME | OP_CREATE;
		return true;
	case NR_LINKAT:
		call->at = 1;
	case NR_LINK:
		call->ops = OP_LINK;
		call->new_ops = OP_LINK | OP_CREATE;
		return true;
	case NR_SYMLINKAT:
		call->at = 1;
	case NR_SYMLINK:
		call->shift = 1; /* the text of the link comes first */
		call->ops = OP_CREATE;
		return true;
	case NR_MKDIRAT:
	case NR_MKNODAT:
		call->at = 1;
	case NR_MKDIR:
	case NR_MKNOD:
		call->ops = OP_CREATE;
		return true;
	case NR_FCHMODAT:
	case NR_FCHMODAT2:
	case NR_FCHOWNAT:
		call->at = 1;
	case NR_CHMOD:
	case NR_CHOWN:
	case NR_LCHOWN:
		call->ops = OP_METADATA;
		return true;
	case NR_TRUNCATE:
		call->ops = OP_TRUNCATE;
		return true;
	}
	return false;
}

/* A function of its own because the stack of the path walk below is short. */
GLOBAL int on_name_call(struct name_call *call)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct passage *passage = current_passage();
	struct file_request *request;
	struct pt_regs *regs;
	__u64 a, b, c;

	if (!call)
		return 0;
	if (!passage) {
		count(COUNTER_STRICT_STATE);
		bpf_send_signal(SIGKILL);
		return 0;
	}
	request = &passage->request;
	__builtin_memset(request, 0, sizeof(*request));
	regs = (void *)call->registers;
	a = BPF_CORE_READ(regs, di);
	b = BPF_CORE_READ(regs, si);
	c = BPF_CORE_READ(regs, dx);
	if (call->shift) {
		a = b;
		b = c;
	}
	request->ops = call->ops;
	request->name = call->at ? b : a;
	base_of(&request->base, task, call->at ? a : AT_FDCWD);
	file_event(request);
	if (!call->new_ops)
		return 0;
	request->ops = call->new_ops;
	request->name = call->at ? BPF_CORE_READ(regs, r10) : b;
	base_of(&request->base, task, call->at ? c : AT_FDCWD);
	file_event(request);
	return 0;
}

/* The arguments are those that the call began with. */
static __always_inline void on_mapping(struct task_struct *task)
{
	struct passage *passage = current_passage();
	__u64 flags = passage ? passage->call.args[3] : 0;
	__s32 descriptor = passage ? passage->call.args[4] : -1;
	struct file *file = flags & MAP_SHARED && descriptor >= 0 ? file_of(task, descriptor) : 0;
	struct mapping mapping = { .file = (__u64)file };

	if (file && BPF_CORE_READ(file, f_mode) & FMODE_WRITE)
		store_event(&mapping);
}

SEC("raw_tp/sys_exit") int trace_sys_exit(__u64 *ctx)
{
	struct proc *proc = current_proc();
	struct pt_regs *regs = (void *)ctx[0];
	struct task_struct *task;
	struct name_call call;
	__s64 result = ctx[1];
	__u64 number;
	bool compat;

	if (!proc)
		return 0;
	if (proc->flags & PROC_DOOMED) {
		bpf_send_signal(SIGKILL);
		return 0;
	}
	if (result < 0)
		return 0;
	task = (void *)bpf_get_current_task();
	number = BPF_CORE_READ(regs, orig_ax);
	compat = BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
	if (number == (compat ? NR32_MMAP2 : NR_MMAP) || (compat && number == NR32_MMAP)) {
		on_mapping(task);
	} else if (number == (compat ? NR32_PTRACE : NR_PTRACE)) {
		__u64 request = compat ? BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);

		if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
			on_traced(task);
	} else if (opens(number, compat)) {
		on_descriptor(result, OP_OPEN | (open_truncates(regs, number, compat) ? OP_TRUNCATE : 0));
	} else if (number == NR_FTRUNCATE) {
		on_descriptor(BPF_CORE_READ(regs, di), OP_TRUNCATE);
	} else if (number == NR_FCHMOD || number == NR_FCHOWN) {
		on_descriptor(BPF_CORE_READ(regs, di), OP_METADATA);
	} else if (name_call_of(&call, number)) {
		call.registers = (__u64)regs;
		on_name_call(&call);
	}
	return 0;
}

/* Before data moves: who waits at the other end of a pipe has read it before this call returns. */
SEC("raw_tp/sys_enter") int trace_sys_enter(__u64 *ctx)
{
	if (current_proc())
		moving_begins(ctx[0], number_of((void *)bpf_get_current_task(), ctx[1]), 1);
	return 0;
}

/* Cgroup programs see the caller only as a task. */
static __always_inline int on_sock_addr(struct bpf_sock_addr *ctx, __u32 ops, bool v6)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct proc *proc = bpf_map_lookup_elem(&procs, &tgid);
	struct endpoint endpoint;
	struct event_data data;
	__u8 protocol;

	if (!proc)
		return 1;
	protocol = ctx->type == SOCK_STREAM ? IPPROTO_TCP : ctx->type == SOCK_DGRAM ? IPPROTO_UDP : 0;
	if (v6) {
		__u32 address[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };

		endpoint_v6(&endpoint, protocol, address, ctx->user_port);
	} else {
		endpoint_v4(&endpoint, protocol, ctx->user_ip4, ctx->user_port);
	}
	return endpoint_event(proc, (__u64)tgid << 32 | BPF_CORE_READ(task, pid), ops, &endpoint, &data, false, REFUSES,
			      0) ? 0 : 1;
}

/*
 * What a kill at the start of a send cannot prevent: the call goes on and hands its bytes to the network. They are
 * dropped there, with all else of the connection. `port` tells it from a later one at the same address in memory.
 */
SEC("cgroup_skb/egress") int trace_egress(struct __sk_buff *packet)
{
	struct bpf_sock *sk = packet->sk;
	__u64 key = (__u64)sk;
	__u32 *port;

	if (!connections_severed || !sk)
		return 1;
	port = bpf_map_lookup_elem(&severed, &key);
	return !port || *port != sk->src_port;
}

SEC("cgroup/connect4") int trace_connect4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT, false); }
SEC("cgroup/connect6") int trace_connect6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT, true); }
SEC("cgroup/sendmsg4") int trace_sendmsg4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT | OP_SEND, false); }
SEC("cgroup/sendmsg6") int trace_sendmsg6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT | OP_SEND, true); }
SEC("cgroup/bind4") int trace_bind4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_BIND, false); }
SEC("cgroup/bind6") int trace_bind6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_BIND, true); }

#endif
