/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * domain.h: who is governed and by which image. Processes are thread groups: threads and
 * io_uring workers share their group's id and so its state.
 */
#ifndef ACTPLANE_DOMAIN_H
#define ACTPLANE_DOMAIN_H

/* Flags of a process. */
#define PROC_DOOMED 1  /* it must die but met a hook that cannot signal */
#define PROC_EARNING 2 /* it is about to run a program that earns something */
#define PROC_WATCHED 4 /* where no hook refuses it: somebody traces it or has its memory open, perhaps that of the program to come */
#define PROC_SHARES 8   /* it has a record in `pools` */
#define PROC_BORROWS 16 /* it runs in its parent's memory until it begins a program or ends */

static __always_inline __u32 current_tgid(void)
{
	return bpf_get_current_pid_tgid() >> 32;
}

/*
 * The four below are functions of their own because they are asked for everywhere: the kernel rewrites each look into a
 * map, and each time moves all of the program that comes behind it.
 */

/* The state of the calling process; null: it is not governed. */
static __attribute__((noinline)) struct proc *current_proc(void)
{
	__u32 tgid = current_tgid();

	return bpf_map_lookup_elem(&procs, &tgid);
}

/*
 * Scratch of the calling thread; null only for want of memory. Asked for twice, because 7.x allocates it
 * without waiting for locks, and that can fail for a moment.
 */
static __attribute__((noinline)) struct scratch *current_scratch(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = bpf_task_storage_get(&scratches, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	return scratch ? scratch : bpf_task_storage_get(&scratches, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* What the calling thread's exec is going to change; null as for scratch. */
static __attribute__((noinline)) struct exec_pending *current_pending(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct exec_pending *pending = bpf_task_storage_get(&pendings, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	return pending ? pending : bpf_task_storage_get(&pendings, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* The data that the calling thread moves; null as for scratch. */
static __attribute__((noinline)) struct passage *current_passage(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct passage *passage = bpf_task_storage_get(&passages, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	return passage ? passage : bpf_task_storage_get(&passages, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* The policy that is in force now. */
static __always_inline struct domain_slot *slot_of(struct domain *domain)
{
	return &domain->slots[*(volatile __u32 *)&domain->active & 1];
}

GLOBAL int pools_meet(struct verdict *v, struct proc *proc);

/* Start a verdict in a domain, with no labels. False: there is no such domain. */
static __always_inline bool verdict_of_domain(struct verdict *v, __u32 key, __u32 ops, __u32 refuses)
{
	struct domain *domain = bpf_map_lookup_elem(&domains, &key);
	struct domain_slot *slot;

	__builtin_memset(v, 0, sizeof(*v));
	if (!domain)
		goto broken;
	slot = slot_of(domain);
	if (!slot->generation)
		goto broken;
	v->base = slot->base;
	v->session = domain->session;
	v->generation = slot->generation;
	v->domain = key;
	v->ops = ops;
	v->refuses = refuses;
	v->thread = bpf_get_current_pid_tgid();
	return true;
broken:
	count(COUNTER_STRICT_STATE);
	return false;
}

/*
 * Start a verdict about `ops` for `proc`: its image, its labels. Reads the domain once, so that one
 * operation sees one generation. False when the state of a governed process is broken: refuse.
 */
GLOBAL int verdict_fill(struct verdict *v, struct proc *proc, __u32 ops, __u32 refuses)
{
	if (!v || !proc)
		return 0;
	if (!verdict_of_domain(v, proc->domain, ops, refuses))
		return 0;
	/* A new image begins with every label; whether it declassifies some is found out by its name. */
	if (with_labels) {
		EACH_LABEL_WORD(i) {
			v->seen[i] = proc->labels[i] | (ops & OP_EXEC ? proc->held[i] : 0);
			v->cleans[i] = ops & OP_EXEC ? 0 : proc->cleans[i];
		}
	}
	if (with_flow && proc->flags & PROC_SHARES)
		pools_meet(v, proc);
	return 1;
}

/* As verdict_fill, for an operation that rules judge: it is counted. */
static __always_inline bool verdict_begin(struct verdict *v, struct proc *proc, __u32 ops, __u32 refuses)
{
	count(COUNTER_CHECKS);
	return verdict_fill(v, proc, ops, refuses);
}

/* The key is copied because 6.1 takes map keys from the stack or a map value only. */
static __always_inline struct session *session_of(struct verdict *v)
{
	__u32 key = v->session;

	return bpf_map_lookup_elem(&sessions, &key);
}

static __always_inline struct image_header *image_of(struct verdict *v)
{
	return TABLE_RECORD(v->base, struct image_header);
}

/* A pipe, a socket, a memfd, opened through /proc/self/fd: it has no path, and no rule can be about it. */
static __always_inline bool is_internal(__u64 inode)
{
	return inode && BPF_CORE_READ((struct inode *)inode, i_sb, s_flags) & SB_KERNMOUNT;
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

/* Of such a file nothing is left once its inode is not in memory. */
static __always_inline bool lives_in_memory(__u64 inode)
{
	return is_internal(inode) || BPF_CORE_READ((struct inode *)inode, i_sb, s_magic) == TMPFS_MAGIC;
}

static __always_inline void key_fill(struct object_key *key, __u64 address, __u32 session)
{
	struct inode *inode = (void *)address;
	struct super_block *sb = BPF_CORE_READ(inode, i_sb);

	key->inode = BPF_CORE_READ(inode, i_ino);
	key->device = BPF_CORE_READ(sb, s_dev);
	key->generation = BPF_CORE_READ(inode, i_generation);
	key->session = session;
	bpf_core_read(&key->system, sizeof(key->system), &sb->s_uuid);
}

GLOBAL int object_key_fill(struct object_key *key, __u64 address, __u32 session)
{
	if (key)
		key_fill(key, address, session);
	return 0;
}

static __always_inline void object_key_of(struct object_key *key, __u64 address, __u32 session)
{
	__builtin_memset(key, 0, sizeof(*key));
	object_key_fill(key, address, session);
}

#endif
