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
 *   ext4_evict_inode, btrfs_inode_evict, xfs_destroy_inode   the end of a file that carried labels
 *   cgroup/connect4, connect6, sendmsg4, sendmsg6, bind4, bind6   addresses, refused
 */
#ifndef ACTPLANE_TIER_TRACE_H
#define ACTPLANE_TIER_TRACE_H

#define NR_OPEN 2
#define NR_CREAT 85
#define NR_OPENAT 257
#define NR_OPENAT2 437
#define NR_PTRACE 101
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
#define NR_UTIME 132
#define NR_SETXATTR 188
#define NR_LSETXATTR 189
#define NR_FSETXATTR 190
#define NR_REMOVEXATTR 197
#define NR_LREMOVEXATTR 198
#define NR_FREMOVEXATTR 199
#define NR_UTIMES 235
#define NR_FUTIMESAT 261
#define NR_UTIMENSAT 280
#define NR_OPEN_BY_HANDLE_AT 304
#define NR_SETXATTRAT 463
#define NR_REMOVEXATTRAT 466
#define NR_FILE_SETATTR 469

#define PTMX_DEVICE (5u << 20 | 2)

TRACE(sched_process_exec, trace_exec, execs_begun(), return exec_judge_late((void *)ctx[2]);)

/*
 * The 64-bit number of a 32-bit call that opens a file or changes one; any other stands for itself or for
 * nothing. Their arguments mean the same.
 */
GLOBAL __u64 native_number(__u64 number)
{
	switch (number) {
	case 5: return NR_OPEN;
	case 8: return NR_CREAT;
	case 9: return NR_LINK;
	case 10: return NR_UNLINK;
	case 14: return NR_MKNOD;
	case 15: return NR_CHMOD;
	case 16: return NR_LCHOWN;
	case 26: return NR_PTRACE;
	case 30: return NR_UTIME;
	case 38: return NR_RENAME;
	case 39: return NR_MKDIR;
	case 40: return NR_RMDIR;
	case 54: return NR_IOCTL;
	case 83: return NR_SYMLINK;
	case 90: return NR_MMAP;
	case 92: return NR_TRUNCATE;
	case 93: return NR_FTRUNCATE;
	case 94: return NR_FCHMOD;
	case 95: return NR_FCHOWN;
	case 182: return NR_CHOWN;
	case 192: return NR_MMAP;
	case 193: return NR_TRUNCATE;
	case 194: return NR_FTRUNCATE;
	case 198: return NR_LCHOWN;
	case 207: return NR_FCHOWN;
	case 212: return NR_CHOWN;
	case 226: return NR_SETXATTR;
	case 227: return NR_LSETXATTR;
	case 228: return NR_FSETXATTR;
	case 235: return NR_REMOVEXATTR;
	case 236: return NR_LREMOVEXATTR;
	case 237: return NR_FREMOVEXATTR;
	case 271: return NR_UTIMES;
	case 295: return NR_OPENAT;
	case 296: return NR_MKDIRAT;
	case 297: return NR_MKNODAT;
	case 298: return NR_FCHOWNAT;
	case 299: return NR_FUTIMESAT;
	case 301: return NR_UNLINKAT;
	case 302: return NR_RENAMEAT;
	case 303: return NR_LINKAT;
	case 304: return NR_SYMLINKAT;
	case 306: return NR_FCHMODAT;
	case 320: return NR_UTIMENSAT;
	case 342: return NR_OPEN_BY_HANDLE_AT;
	case 353: return NR_RENAMEAT2;
	case 412: return NR_UTIMENSAT;
	}
	/* From 403 on both have the same numbers. */
	return number >= 403 ? number : (__u64)-1;
}

/* Argument `n` of a call. */
static __always_inline __u64 argument(struct pt_regs *regs, bool compat, int n)
{
	switch (n) {
	case 0:
		return compat ? BPF_CORE_READ(regs, bx) : BPF_CORE_READ(regs, di);
	case 1:
		return compat ? BPF_CORE_READ(regs, cx) : BPF_CORE_READ(regs, si);
	case 2:
		return BPF_CORE_READ(regs, dx);
	case 3:
		return compat ? BPF_CORE_READ(regs, si) : BPF_CORE_READ(regs, r10);
	default:
		return compat ? BPF_CORE_READ(regs, di) : BPF_CORE_READ(regs, r8);
	}
}

static __always_inline bool opens(__u64 number)
{
	return number == NR_OPEN || number == NR_CREAT || number == NR_OPENAT || number == NR_OPENAT2 ||
	       number == NR_OPEN_BY_HANDLE_AT;
}

/* Whether a call of the open family that succeeded has emptied the file: the file itself has forgotten it. */
static __always_inline bool open_truncates(struct pt_regs *regs, __u64 number, bool compat)
{
	__u64 flags = 0;

	if (number == NR_CREAT)
		return true;
	if (number == NR_OPENAT2) /* the first word of struct open_how */
		bpf_probe_read_user(&flags, sizeof(flags), (void *)argument(regs, compat, 2));
	else if (number == NR_OPEN)
		flags = argument(regs, compat, 1);
	else
		flags = argument(regs, compat, 2);
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
	return 0;
}

/* Where the arguments of a call that changes names are: `first` may be a directory descriptor. */
struct name_call {
	__u64 registers; /* struct pt_regs of the caller */
	/* Small, because the stack of those who call with it is short; operations on names are all below 1 << 16. */
	__u16 ops;
	__u16 new_ops; /* not 0: a second name follows */
	__u8 at;       /* 1: a directory stands before each name */
	__u8 shift;    /* arguments before the first one */
	__u8 compat;   /* 1: a 32-bit call */
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
	case NR_FUTIMESAT:
	case NR_UTIMENSAT:
	case NR_SETXATTRAT:
	case NR_REMOVEXATTRAT:
	case NR_FILE_SETATTR:
		call->at = 1;
	case NR_CHMOD:
	case NR_CHOWN:
	case NR_LCHOWN:
	case NR_SETXATTR:
	case NR_LSETXATTR:
	case NR_REMOVEXATTR:
	case NR_LREMOVEXATTR:
	case NR_UTIME:
	case NR_UTIMES:
		call->ops = OP_METADATA;
		return true;
	case NR_TRUNCATE:
		call->ops = OP_TRUNCATE;
		return true;
	}
	return false;
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

/* One of the two names of a call. A function of its own because the stack of the path walk below is short. */
GLOBAL int on_name_call(struct name_call *call, __u32 second)
{
	struct passage *passage = current_passage();
	struct file_request *request;
	struct pt_regs *regs;
	__u32 at;

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
	request->ops = second ? call->new_ops : call->ops;
	at = call->shift + (second ? 1 + call->at : 0);
	request_of(request, call->at ? argument(regs, call->compat, at) : AT_FDCWD,
		   argument(regs, call->compat, at + call->at));
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

static __always_inline void on_names(struct pt_regs *regs, __u64 number, bool compat)
{
	struct name_call call;

	if (!name_call_of(&call, number))
		return;
	call.registers = (__u64)regs;
	call.compat = compat;
	on_name_call(&call, 0);
	if (call.new_ops)
		on_name_call(&call, 1);
}

static __always_inline bool changes_flags(__u64 command)
{
	return (__u32)command == FS_IOC_SETFLAGS || (__u32)command == FS_IOC32_SETFLAGS || (__u32)command == FS_IOC_FSSETXATTR;
}

/* Calls that change by its descriptor what is no content of a file. */
static __always_inline bool changes_metadata(struct pt_regs *regs, __u64 number, bool compat)
{
	if (number == NR_IOCTL)
		return changes_flags(argument(regs, compat, 1));
	return number == NR_FCHMOD || number == NR_FCHOWN || number == NR_FSETXATTR || number == NR_FREMOVEXATTR;
}

static __always_inline int on_call_end(__u64 *ctx)
{
	struct proc *proc = current_proc();
	struct pt_regs *regs = (void *)ctx[0];
	struct task_struct *task;
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
	if (compat)
		number = native_number(number);
	if (number == NR_MMAP) {
		on_mapping();
	} else if (number == NR_PTRACE) {
		__u64 request = argument(regs, compat, 0);

		if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
			on_traced(task);
	} else if (opens(number)) {
		on_descriptor(result, OP_OPEN | (open_truncates(regs, number, compat) ? OP_TRUNCATE : 0));
	} else if (number == NR_FTRUNCATE) {
		on_descriptor(argument(regs, compat, 0), OP_TRUNCATE);
	} else if (changes_metadata(regs, number, compat)) {
		on_descriptor(argument(regs, compat, 0), OP_METADATA);
	} else {
		on_names(regs, number, compat);
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
