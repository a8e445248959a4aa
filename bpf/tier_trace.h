/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * tier_trace.h: the tier that any kernel with tracepoints has. Nothing here can refuse but the
 * cgroup programs on addresses; the rest kills, in time where the system call's effect is still to
 * come (exec, open for reading), too late where it is not (README, "What each tier can do").
 *
 *   sched_process_exec   exec, before the new image's first instruction
 *   sys_exit             open family, by the descriptor; and the end of a process doomed by a cgroup program
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
#define TS_COMPAT 2u

SEC("tp_btf/sched_process_exec") int trace_exec(__u64 *ctx)
{
	return exec_judge_late((void *)ctx[2]);
}

static __always_inline bool opens(__u64 number, bool compat)
{
	if (compat)
		return number == NR32_OPEN || number == NR32_CREAT || number == NR32_OPENAT || number == NR_OPENAT2;
	return number == NR_OPEN || number == NR_CREAT || number == NR_OPENAT || number == NR_OPENAT2;
}

static __always_inline struct file *file_of(struct task_struct *task, __u64 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = 0;

	if (descriptor >= BPF_CORE_READ(table, max_fds))
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), files + descriptor);
	return file;
}

/* A descriptor was made: the file it refers to is certain, whatever path led there. */
static __always_inline void on_opened(struct task_struct *task, __u64 descriptor)
{
	struct file *file = file_of(task, descriptor);
	struct file_request request = { .ops = OP_OPEN };
	__u32 mode;

	if (!file) {
		/* Another thread closed it already: what it was cannot be told. */
		count(COUNTER_STRICT_PATH);
		bpf_send_signal(SIGKILL);
		return;
	}
	mode = BPF_CORE_READ(file, f_mode);
	request.inode = (__u64)BPF_CORE_READ(file, f_inode);
	request.mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	request.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	if (mode & FMODE_READ)
		request.ops |= OP_READ;
	if (mode & FMODE_WRITE)
		request.ops |= OP_WRITE;
	if (mode & FMODE_CREATED)
		request.ops |= OP_CREATE;
	file_event(&request);
}

SEC("tp_btf/sys_exit") int trace_sys_exit(__u64 *ctx)
{
	struct proc *proc = current_proc();
	struct pt_regs *regs = (void *)ctx[0];
	struct task_struct *task;
	__s64 result = ctx[1];
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
	compat = BPF_CORE_READ(task, thread_info.status) & TS_COMPAT;
	if (opens(BPF_CORE_READ(regs, orig_ax), compat))
		on_opened(task, result);
	return 0;
}

/* Cgroup programs see the caller only as a task. */
static __always_inline int on_sock_addr(struct bpf_sock_addr *ctx, __u32 ops, bool v6)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct proc *proc = bpf_map_lookup_elem(&procs, &tgid);
	struct endpoint endpoint;
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
	return endpoint_event(proc, (__u64)tgid << 32 | BPF_CORE_READ(task, pid), ops, &endpoint, false) ? 0 : 1;
}

SEC("cgroup/connect4") int trace_connect4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT, false); }
SEC("cgroup/connect6") int trace_connect6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT, true); }
SEC("cgroup/sendmsg4") int trace_sendmsg4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT | OP_SEND, false); }
SEC("cgroup/sendmsg6") int trace_sendmsg6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_CONNECT | OP_SEND, true); }
SEC("cgroup/bind4") int trace_bind4(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_BIND, false); }
SEC("cgroup/bind6") int trace_bind6(struct bpf_sock_addr *ctx) { return on_sock_addr(ctx, OP_BIND, true); }

#endif
