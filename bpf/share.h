/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * share.h: memory that processes share, where data moves without a call: mappings of files and of nothing, System V
 * segments, a child that runs in its parent's memory. From the moment it is shared until the process begins another
 * program, whatever one of them acquires the others have.
 */
#ifndef ACTPLANE_SHARE_H
#define ACTPLANE_SHARE_H

#define CLONE_VM 0x100u
#define CLONE_VFORK 0x4000u

struct pool_search {
	struct pools *shared;
	struct object_key *at;
	__u32 place;
};

static long pool_step(__u32 index, struct pool_search *search)
{
	struct object_key *key, *at = search->at;
	struct pools *shared = search->shared;

	if (index >= POOLS_MAX - 1)
		return 1;
	key = &shared->keys[index];
	if (index >= shared->count) {
		/* Another thread may take it now: the count only grows, or a place behind it would be forgotten. */
		if (__sync_val_compare_and_swap(&shared->count, index, index + 1) != index)
			return 0;
		*key = *at;
	} else if (key->inode != at->inode || key->device != at->device || key->generation != at->generation ||
		   key->system != at->system) {
		return 0;
	}
	search->place = index;
	return 1;
}

/* The place of the key among those of the process: its own, a new one, or the common one, which is the last. */
GLOBAL __u32 pool_place(struct pools *shared, struct object_key *at)
{
	struct pool_search search = { .shared = shared, .at = at, .place = POOLS_MAX - 1 };

	if (!with_flow || !shared || !at)
		return 0;
	bpf_loop(POOLS_MAX - 1, pool_step, &search, 0);
	if (search.place != POOLS_MAX - 1)
		return search.place;
	common_key(&shared->keys[POOLS_MAX - 1], at->session);
	shared->count = POOLS_MAX;
	return POOLS_MAX - 1;
}

/* The process shares what lies under the key from now on. Not 0: there is no room to remember it. */
GLOBAL int pool_join(struct verdict *v, struct proc *proc, struct object_key *at, __u32 writes)
{
	struct object_key key;
	struct object *object;
	struct pools *shared;
	__u32 tgid, place;

	if (!with_flow || !v || !proc || !at)
		return 0;
	tgid = v->thread >> 32;
	shared = bpf_map_lookup_elem(&pools, &tgid);
	if (!shared) {
		bpf_map_update_elem(&pools, &tgid, &no_pools, BPF_NOEXIST);
		shared = bpf_map_lookup_elem(&pools, &tgid);
	}
	if (!shared) {
		count(COUNTER_OBJECTS_FULL);
		return -EPERM;
	}
	place = pool_place(shared, at);
	if (place == POOLS_MAX - 1) {
		key = *at;
		object = object_make_at(&key);
		if (!object)
			return -EPERM;
		object->common = 1;
		channel_gain(v, (struct labels *)object->labels, &shared->keys[POOLS_MAX - 1], 1);
	}
	if (writes || place == POOLS_MAX - 1)
		__sync_fetch_and_or(&shared->writes, 1u << place);
	__sync_fetch_and_or(&proc->flags, PROC_SHARES);
	pools_meet(v, proc);
	pools_gain(v, proc);
	return 0;
}

/* A key for what the calling process shares with the processes that it forks. */
static __always_inline void memory_key(struct object_key *key, struct proc *proc, __u32 session)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->device = CHANNEL_MEMORY;
	key->inode = proc->started_ns;
	key->generation = current_tgid();
	key->session = session;
}

/* The calling process shares `at`, or without it its memory with whom it forks. Not 0: it must not. */
GLOBAL int share(struct object_key *at, __u32 writes)
{
	struct scratch *scratch = current_scratch();
	struct proc *proc = current_proc();
	struct object_key key;
	struct verdict *v;

	if (!with_flow || !proc)
		return 0;
	v = scratch ? &scratch->verdict : 0;
	if (!v || !verdict_fill(v, proc, 0, 1)) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	if (at)
		key = *at;
	else
		memory_key(&key, proc, v->session);
	key.session = v->session;
	return pool_join(v, proc, &key, writes);
}

/* A mapping is made: of `file`, or of no file. What is mapped is read at once. Not 0: it must not be. */
GLOBAL int mapping_begins(__u64 address, __u32 flags, __u32 writes)
{
	struct passage *passage = current_passage();
	struct file *file = (void *)address;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct object_key key;

	if (!with_flow || !current_proc())
		return 0;
	if (!passage)
		return -EPERM;
	if (!address)
		return flags & MAP_SHARED ? share(0, 1) : 0;
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG)
		return flags & MAP_SHARED && BPF_CORE_READ(inode, i_rdev) == ZERO_DEVICE ? share(0, 1) : 0;
	passage->transfer.file = address;
	passage->transfer.reads = 1;
	passage->transfer.writes = 0;
	passage->transfer.named = 0;
	passage->transfer.only_notes = 0;
	if (transfer_labels(&passage->transfer))
		return -EPERM;
	if (!(flags & MAP_SHARED))
		return 0;
	object_key_of(&key, (__u64)inode, 0);
	return share(&key, writes);
}

#define MAP_ANONYMOUS 0x20u

static __always_inline __u32 file_is_written(struct file *file)
{
	return BPF_CORE_READ(file, f_mode) & FMODE_WRITE;
}

/* A message goes to a System V queue, or is waited for. Not 0: the state of the process is broken. */
GLOBAL int queue_passes(struct object_key *at, __u32 reads)
{
	struct scratch *scratch = current_scratch();
	struct passage *passage = current_passage();
	struct proc *proc = current_proc();
	struct object_key *key;
	struct verdict *v;

	if (!with_flow || !at || !proc)
		return 0;
	v = scratch ? &scratch->verdict : 0;
	if (!v || !passage || !verdict_fill(v, proc, reads ? OP_READ : OP_WRITE, 1)) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	__builtin_memset(&passage->from, 0, sizeof(passage->from));
	key = &passage->from.keys[0];
	*key = *at;
	key->session = v->session;
	if (!reads)
		return channel_gain(v, (struct labels *)proc->labels, key, 1);
	passage->mount = 0;
	passage->dentry = 0;
	passage->reads = 1;
	passage->writes = 0;
	return 0;
}

/*
 * A child of a fork. In its parent's memory it is one process with it; one for which the parent waits gives back
 * what it read when it leaves that memory, the others share it for good.
 */
GLOBAL int share_with_child(struct proc *proc, struct proc *child, __u32 tgid, __u64 flags)
{
	__u32 parent = current_tgid();
	struct pools *shared;

	if (!with_flow || !proc || !child)
		return 0;

	if (flags & CLONE_VM) {
		if (flags & CLONE_VFORK)
			child->flags |= PROC_BORROWS;
		else if (share(0, 1))
			return -EPERM;
	}
	if (!(proc->flags & PROC_SHARES))
		return 0;
	shared = bpf_map_lookup_elem(&pools, &parent);
	if (!shared || bpf_map_update_elem(&pools, &tgid, shared, BPF_ANY)) {
		count(COUNTER_OBJECTS_FULL);
		return -EPERM;
	}
	child->flags |= PROC_SHARES;
	return 0;
}

/* The process leaves the memory that it had: it begins another program, or ends. */
GLOBAL int share_ends(struct proc *proc, __u32 tgid)
{
	struct proc *lender;
	__u32 parent;

	if (!with_flow || !proc)
		return 0;
	parent = proc->parent;
	if (proc->flags & PROC_BORROWS) {
		lender = bpf_map_lookup_elem(&procs, &parent);
		if (lender)
			EACH_LABEL_WORD(i)
				__sync_fetch_and_or(&lender->labels[i], proc->labels[i]);
	}
	if (proc->flags & PROC_SHARES)
		bpf_map_delete_elem(&pools, &tgid);
	__sync_fetch_and_and(&proc->flags, ~(PROC_SHARES | PROC_BORROWS));
	return 0;
}

#endif
