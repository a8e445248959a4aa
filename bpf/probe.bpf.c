// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * One tiny program of each kind the tiers need, to find out by trying what a kernel offers. The
 * refusing ones refuse unix sockets to one process, the tool itself: a kernel may load and
 * attach a program that it then never runs (BPF-LSM without `bpf` in lsm=), so only a refusal counts.
 *
 *   probe_lsm     BPF-LSM on socket_create
 *   probe_mod     modify-return on security_socket_create
 *   probe_trace   a raw tracepoint
 *   probe_cgroup  connect on a cgroup
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

__u32 prober_tgid = 0;

static __always_inline int refuse_prober(__u64 *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return tgid == prober_tgid && (int)ctx[0] == AF_UNIX ? -EPERM : 0;
}

SEC("syscall") int probe_self(void *ctx)
{
	prober_tgid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

SEC("lsm/socket_create") int probe_lsm(__u64 *ctx)
{
	return refuse_prober(ctx);
}

SEC("fmod_ret/security_socket_create") int probe_mod(__u64 *ctx)
{
	return refuse_prober(ctx);
}

SEC("raw_tp/sched_process_exec") int probe_trace(__u64 *ctx)
{
	return 0;
}

SEC("cgroup/connect4") int probe_cgroup(struct bpf_sock_addr *ctx)
{
	return 1;
}
