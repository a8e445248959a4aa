// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The kernel half of actplane. Every tier is in this one object; the loader loads the programs of the
 * tier it chose by their names: `lsm_*`, `mod_*` with `hook_*`; `trace_*`; and `any_*` always.
 *
 *   any_fork, any_exit   who is governed: fork hands it on, exit ends it (and decides gates)
 *   tier_hook.h          hooks that refuse before anything happens
 *   tier_trace.h         tracepoints and cgroup programs, for kernels that refuse the others
 */
#include "kernel.h"
#include "abi.h"

#include <stddef.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"
#include "table.h"
#include "domain.h"
#include "path.h"
#include "match.h"
#include "flow.h"
#include "emit.h"
#include "file.h"
#include "exec.h"
#include "network.h"
#include "process.h"
#include "tier_hook.h"
#include "tier_trace.h"

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/task_newtask") int any_fork(__u64 *ctx)
{
	return process_fork((void *)ctx[0]);
}

SEC("tp_btf/sched_process_exit") int any_exit(__u64 *ctx)
{
	return process_exit((void *)ctx[0]);
}

/* Run by the tool itself: its thread group id in the first pid namespace, which a container hides. */
SEC("syscall") int any_whoami(void *ctx)
{
	tool_tgid = current_tgid();
	return 0;
}
