/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * actplane.h: the kernel half of actplane but for what a tier's own programs are. There is an object for the tiers with hooks
 * and one for tracepoints, for a start reads all of an object. The loader loads the programs of the tier it chose by their
 * names: `lsm_*`, `mod_*` with `hook_*`; `trace_*`; and `any_*` always.
 *
 *   any_fork, any_exit   who is governed: fork hands it on, exit ends it (and decides gates)
 *   any_socket_state     what a TCP connection carried goes with it
 *   control.h            what the tool asks for, whatever the tier: `control_*`, loaded when it is needed
 *   hook.bpf.c           hooks that refuse before anything happens
 *   trace.bpf.c          tracepoints and cgroup programs, for kernels that refuse the others
 */
#ifndef ACTPLANE_H
#define ACTPLANE_H

#include "kernel.h"
#include "abi.h"

#include <stddef.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "table.h"
#include "domain.h"
#include "copies.h"
#include "path.h"
#include "match.h"
#include "emit.h"
#include "flow.h"
#include "file.h"
#include "descriptor.h"
#include "channel.h"
#include "transfer.h"
#include "share.h"
#include "args.h"
#include "trust.h"
#include "exec.h"
#include "network.h"
#include "calls.h"
#include "moving.h"
#include "guard.h"
#include "loader.h"
#include "process.h"
#include "control.h"

char _license[] SEC("license") = "Dual BSD/GPL";

/* Raw tracepoints, not those with BTF: what they read they read by CO-RE, and libbpf then needs not all of the kernel's types. */
TRACE(task_newtask, any_fork, BPF_CORE_READ((struct task_struct *)ctx[0], pid), return process_fork((void *)ctx[0], ctx[1]);)

SEC("raw_tp/sched_process_exit") int any_exit(__u64 *ctx)
{
	return process_exit((void *)ctx[0]);
}

/* inet_sock_set_state: (sock, old state, new state), in whoever's name. */
SEC("raw_tp/inet_sock_set_state") int any_socket_state(__u64 *ctx)
{
	connection_changes((void *)ctx[0], ctx[1], ctx[2]);
	return 0;
}

/* A variable of the kernel that may not be there; then `value` stays. */
static __always_inline void kernel_variable(const char *name, __u32 name_bytes, void *value, __u32 value_bytes)
{
	__u64 address = 0;

	if (!bpf_kallsyms_lookup_name(name, name_bytes, 0, &address))
		bpf_probe_read_kernel(value, value_bytes, (void *)address);
}

static const char page_offset_base[] = "page_offset_base";
static const char sme_me_mask[] = "sme_me_mask";
static const char pgdir_shift[] = "pgdir_shift";

/*
 * Run by the tool itself, once: its thread group id in the first pid namespace, which a container hides,
 * and what page_of needs. Looked up here because libbpf would read all of /proc/kallsyms (150 ms, measured).
 */
SEC("syscall") int any_start(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	tool_tgid = current_tgid();
	names_seed = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
	tool_mounts = (__u64)BPF_CORE_READ(task, nsproxy, mnt_ns);
	tool_root = (__u64)BPF_CORE_READ(task, fs, root.dentry);
	kernel_variable(page_offset_base, sizeof(page_offset_base), &direct_map, sizeof(direct_map));
	kernel_variable(sme_me_mask, sizeof(sme_me_mask), &encryption_mask, sizeof(encryption_mask));
	kernel_variable(pgdir_shift, sizeof(pgdir_shift), &top_shift, sizeof(top_shift));
	return 0;
}

/* Run by the tool itself, for a file that rules are about by one of its names (src/kernel/second-names.ts). */
SEC("syscall") int any_name(struct shown_file *shown)
{
	struct scratch *scratch = current_scratch();
	struct shown_file file = { .descriptor = shown->descriptor, .domain = shown->domain, .folders = shown->folders };

	return scratch ? name_show(scratch, &file) : 0;
}

#endif
