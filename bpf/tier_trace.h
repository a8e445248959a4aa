/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * tier_trace.h: the tier that any kernel with tracepoints has. Nothing here can refuse but the
 * cgroup programs on addresses; the rest kills, in time where the system call's effect is still to
 * come (exec, open for reading), too late where it is not (README, "What each tier can do").
 *
 *   sched_process_exec   exec, before the new image's first instruction
 *   sys_exit             open family, by the descriptor; what changes names, by the path as written (no
 *                        symbolic link followed); the end of a process that a cgroup program doomed; labels, when a
 *                        call has read something
 *   sys_enter            labels, when data moves through an open descriptor
 *   ext4_evict_inode, btrfs_inode_evict, xfs_destroy_inode   the end of a file that carried labels
 *   cgroup/connect4, connect6, sendmsg4, sendmsg6, bind4, bind6   addresses, refused
 */
#ifndef ACTPLANE_TIER_TRACE_H
#define ACTPLANE_TIER_TRACE_H

#define PTMX_DEVICE (5u << 20 | 2)

TRACE(sched_process_exec, trace_exec, execs_begun(), return exec_judge_late((void *)ctx[2]);)

/* What a call that succeeded has done. */
enum done { DONE_NOTHING = 0, DONE_OPEN, DONE_NAMES, DONE_DESCRIPTOR, DONE_MAPPING, DONE_TRACING };

struct call_done {
	__u16 done;
	__u16 ops;     /* on the first name, or by the descriptor */
	__u16 new_ops; /* not 0: a second name follows */
	__u8 at;       /* 1: a directory stands before each name */
	__u8 shift;    /* arguments before the first one; of an open the number of the one with its flags */
};

#define NAMES(ops, at) { DONE_NAMES, ops, 0, at }
#define TWO_NAMES(op, at) { DONE_NAMES, op, (op) | OP_CREATE, at }

static const struct call_done calls_done[CALLS_MAX] = {
	[NR_OPEN] = { DONE_OPEN, .shift = 1 },
	[NR_CREAT] = { DONE_OPEN },
	[NR_OPENAT] = { DONE_OPEN, .shift = 2 },
	[NR_OPENAT2] = { DONE_OPEN, .shift = 2 },
	[NR_OPEN_BY_HANDLE_AT] = { DONE_OPEN, .shift = 2 },
	[NR_MMAP] = { DONE_MAPPING },
	[NR_OLD_MMAP] = { DONE_MAPPING },
	[NR_PTRACE] = { DONE_TRACING },
	[NR_FTRUNCATE] = { DONE_DESCRIPTOR, OP_TRUNCATE },
	[NR_FCHMOD] = { DONE_DESCRIPTOR, OP_METADATA },
	[NR_FCHOWN] = { DONE_DESCRIPTOR, OP_METADATA },
	[NR_FSETXATTR] = { DONE_DESCRIPTOR, OP_METADATA },
	[NR_FREMOVEXATTR] = { DONE_DESCRIPTOR, OP_METADATA },
	[NR_IOCTL] = { DONE_DESCRIPTOR, OP_METADATA }, /* some, see changes_flags */
	[NR_UNLINK] = NAMES(OP_UNLINK, 0),
	[NR_RMDIR] = NAMES(OP_UNLINK, 0),
	[NR_UNLINKAT] = NAMES(OP_UNLINK, 1),
	[NR_RENAME] = TWO_NAMES(OP_RENAME, 0),
	[NR_RENAMEAT] = TWO_NAMES(OP_RENAME, 1),
	[NR_RENAMEAT2] = TWO_NAMES(OP_RENAME, 1),
	[NR_LINK] = TWO_NAMES(OP_LINK, 0),
	[NR_LINKAT] = TWO_NAMES(OP_LINK, 1),
	/* The text of the link comes first. */
	[NR_SYMLINK] = { DONE_NAMES, OP_CREATE, .shift = 1 },
	[NR_SYMLINKAT] = { DONE_NAMES, OP_CREATE, .at = 1, .shift = 1 },
	[NR_MKDIR] = NAMES(OP_CREATE, 0),
	[NR_MKNOD] = NAMES(OP_CREATE, 0),
	[NR_MKDIRAT] = NAMES(OP_CREATE, 1),
	[NR_MKNODAT] = NAMES(OP_CREATE, 1),
	[NR_CHMOD] = NAMES(OP_METADATA, 0),
	[NR_CHOWN] = NAMES(OP_METADATA, 0),
	[NR_LCHOWN] = NAMES(OP_METADATA, 0),
	[NR_SETXATTR] = NAMES(OP_METADATA, 0),
	[NR_LSETXATTR] = NAMES(OP_METADATA, 0),
	[NR_REMOVEXATTR] = NAMES(OP_METADATA, 0),
	[NR_LREMOVEXATTR] = NAMES(OP_METADATA, 0),
	[NR_UTIME] = NAMES(OP_METADATA, 0),
	[NR_UTIMES] = NAMES(OP_METADATA, 0),
	[NR_FCHMODAT] = NAMES(OP_METADATA, 1),
	[NR_FCHMODAT2] = NAMES(OP_METADATA, 1),
	[NR_FCHOWNAT] = NAMES(OP_METADATA, 1),
	[NR_FUTIMESAT] = NAMES(OP_METADATA, 1),
	[NR_UTIMENSAT] = NAMES(OP_METADATA, 1),
	[NR_SETXATTRAT] = NAMES(OP_METADATA, 1),
	[NR_REMOVEXATTRAT] = NAMES(OP_METADATA, 1),
	[NR_FILE_SETATTR] = NAMES(OP_METADATA, 1),
	[NR_TRUNCATE] = NAMES(OP_TRUNCATE, 0),
};

/* Whether a call of the open family that succeeded has emptied the file: the file itself has forgotten it. */
static __always_inline bool open_truncates(struct call *call, __u32 flags_at)
{
	__u64 flags = call->args[flags_at & 3];

	if (call->number == NR_CREAT)
		return true;
	if (call->number == NR_OPENAT2) /* the first word of struct open_how */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)call->args[2]);
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

	if (!with_earnings || BPF_CORE_READ(inode, i_sb, s_magic) != PROC_SUPER_MAGIC)
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

	if (!with_earnings)
		return;
	traced = (void *)(entry - __builtin_preserve_field_info(((struct task_struct *)0)->ptrace_entry, BPF_FIELD_BYTE_OFFSET));
	earned_strip(BPF_CORE_READ(traced, tgid));
}

/* Who opens /dev/ptmx gets a new terminal, whose number another one may have had. */
static __always_inline void terminal_begins(struct file *file)
{
	struct tty_file_private *private;

	if (!with_flow || BPF_CORE_READ(file, f_inode, i_rdev) != PTMX_DEVICE)
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
	request->remembers = remembers_names && ops & OP_OPEN;
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
	/* Here and not where an object is made: the stack is short there, and 6.1 counts calls that are never made. */
	if (remembers_names)
		objects_sweep();
	return 0;
}

/*
 * Fill the request with the object that `name` in `directory` is: no name, or an empty one, means the
 * descriptor itself.
 */
static __always_inline void request_of(struct file_request *request, __u64 directory, __u64 name)
{
	struct dentry *dentry;
	char first = 0;

	base_of(&request->base, (void *)bpf_get_current_task(), directory);
	request->name = name;
	request->inode = 0;
	if (name && bpf_probe_read_user(&first, sizeof(first), (void *)name))
		return;
	if (name && first)
		return;
	dentry = (void *)request->base.dentry;
	request->name = 0;
	request->inode = (__u64)BPF_CORE_READ(dentry, d_inode);
}

/* One of the two names of the call in the passage. A function of its own because the stack of the path walk below is short. */
GLOBAL int on_name_call(__u32 second)
{
	struct passage *passage = current_passage();
	const struct call_done *done;
	struct file_request *request;
	__u64 directory = AT_FDCWD;
	struct call *call;
	__u32 at;

	if (!passage || passage->call.number >= CALLS_MAX)
		return 0;
	call = &passage->call;
	done = &calls_done[call->number];
	request = &passage->request;
	__builtin_memset(request, 0, sizeof(*request));
	request->ops = second ? done->new_ops : done->ops;
	at = done->shift + (second ? 1 + done->at : 0);
	if (done->at)
		directory = call->args[at++ & 3];
	request_of(request, directory, call->args[at & 3]);
	file_event(request);
	return 0;
}

/* The arguments are those that the call began with. */
GLOBAL int on_mapping(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct passage *passage = current_passage();
	__u64 flags = passage ? passage->call.args[3] : 0;
	__s32 descriptor = passage ? passage->call.args[4] : -1;
	struct file *file = flags & MAP_SHARED && descriptor >= 0 ? file_of(task, descriptor) : 0;
	struct mapping mapping = { .file = (__u64)file };

	if (file && BPF_CORE_READ(file, f_mode) & FMODE_WRITE)
		store_event(&mapping);
	return 0;
}

static __always_inline bool changes_flags(__u64 command)
{
	return (__u32)command == FS_IOC_SETFLAGS || (__u32)command == FS_IOC32_SETFLAGS || (__u32)command == FS_IOC_FSSETXATTR;
}

static __always_inline int on_call_end(__u64 *ctx)
{
	struct proc *proc = current_proc();
	struct pt_regs *regs = (void *)ctx[0];
	const struct call_done *done;
	struct task_struct *task;
	struct passage *passage;
	__s64 result = ctx[1];
	struct call *call;
	__u64 number;
	__u32 what;

	if (!proc)
		return 0;
	if (proc->flags & PROC_DOOMED) {
		bpf_send_signal(SIGKILL);
		return 0;
	}
	moving_ends(result);
	if (result < 0)
		return 0;
	task = (void *)bpf_get_current_task();
	number = number_of(task, BPF_CORE_READ(regs, orig_ax));
	if (number >= CALLS_MAX)
		return 0;
	done = &calls_done[number];
	what = done->done;
	if (!what)
		return 0;
	if (what == DONE_MAPPING)
		return with_gates ? on_mapping() : 0;
	passage = current_passage();
	if (!passage)
		return refuse_late();
	call = &passage->call;
	call_of(call, (__u64)regs, number, is_compat(task));
	if (what == DONE_TRACING) {
		if (call->args[0] == PTRACE_ATTACH || call->args[0] == PTRACE_SEIZE)
			on_traced(task);
	} else if (what == DONE_OPEN) {
		on_descriptor(result, OP_OPEN | (open_truncates(call, done->shift) ? OP_TRUNCATE : 0));
	} else if (what == DONE_DESCRIPTOR) {
		if (number != NR_IOCTL || changes_flags(call->args[1]))
			on_descriptor(call->args[0], done->ops);
	} else {
		on_name_call(0);
		if (done->new_ops)
			on_name_call(1);
	}
	return 0;
}

TRACE(sys_exit, trace_sys_exit, 0, return on_call_end(ctx);)

/* Before data moves: who waits at the other end of a pipe has read it before this call returns. */
static __always_inline int on_call_begin(__u64 *ctx)
{
	if (current_proc())
		moving_begins(ctx[0], number_of((void *)bpf_get_current_task(), ctx[1]), 1);
	return 0;
}

TRACE(sys_enter, trace_sys_enter, 0, return on_call_begin(ctx);)

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

/*
 * The kernel forgets an inode, told by the file systems that tell it. Of others (overlayfs, network file systems)
 * the records of removed files stay.
 */
SEC("raw_tp/ext4_evict_inode") int trace_ext4_gone(__u64 *ctx)
{
	inode_gone((void *)ctx[0]);
	return 0;
}

SEC("raw_tp/btrfs_inode_evict") int trace_btrfs_gone(__u64 *ctx)
{
	inode_gone((void *)ctx[0]);
	return 0;
}

SEC("raw_tp/xfs_destroy_inode") int trace_xfs_gone(__u64 *ctx)
{
	if (bpf_core_type_exists(struct xfs_inode))
		inode_gone((void *)ctx[0] + __builtin_preserve_field_info(((struct xfs_inode *)0)->i_vnode, BPF_FIELD_BYTE_OFFSET));
	return 0;
}

SEC("cgroup/connect4") int trace_connect4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT, false); }
SEC("cgroup/connect6") int trace_connect6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT, true); }
SEC("cgroup/sendmsg4") int trace_sendmsg4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT | OP_SEND, false); }
SEC("cgroup/sendmsg6") int trace_sendmsg6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT | OP_SEND, true); }
SEC("cgroup/bind4") int trace_bind4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_BIND, false); }
SEC("cgroup/bind6") int trace_bind6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_BIND, true); }

#endif
