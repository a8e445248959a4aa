/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * control.h: programs that the tool runs itself (bpf_prog_test_run), for what has to happen beside the others
 * without losing what they do at the same moment: writing a whole map value from user space would.
 *
 *   control_admit    put a process into a domain
 *   control_approve  open or close a gate by an operator's word
 *   control_refer    mark every image that a file or a moved directory still refers to
 *   control_forget   everything of a session that has ended
 */
#ifndef ACTPLANE_CONTROL_H
#define ACTPLANE_CONTROL_H

/*
 * A process that is governed keeps its labels and runs, and its session. One that is not starts with nothing.
 * Its threads share its record; what it forks at the same time finds the new domain or is looked for by the caller.
 */
SEC("syscall") int control_admit(struct control *ask)
{
	__u32 tgid = ask->tgid, key = ask->domain;
	struct domain *domain = bpf_map_lookup_elem(&domains, &key);
	struct proc fresh = {}, *proc;

	if (!domain || !domain->slots[domain->active & 1].generation)
		return CONTROL_NO_DOMAIN;
	fresh.domain = key;
	fresh.session = domain->session;
	fresh.started_ns = bpf_ktime_get_ns();
	proc = bpf_map_lookup_elem(&procs, &tgid);
	if (!proc && ask->moves)
		return CONTROL_NOT_GOVERNED;
	if (!proc) {
		if (!bpf_map_update_elem(&procs, &tgid, &fresh, BPF_NOEXIST))
			return CONTROL_DONE;
		/* Its parent was admitted a moment ago and has forked it into the map, or there is no room. */
		proc = bpf_map_lookup_elem(&procs, &tgid);
		if (!proc)
			return CONTROL_FULL;
	}
	if (proc->session != fresh.session)
		return CONTROL_OTHER_SESSION;
	__sync_lock_test_and_set(&proc->domain, key);
	return CONTROL_DONE;
}

SEC("syscall") int control_approve(struct control *ask)
{
	__u32 key = ask->session, gate = ask->gate, open = ask->open;
	struct session *session = bpf_map_lookup_elem(&sessions, &key);

	if (!session || gate >= GATES_MAX)
		return CONTROL_NO_DOMAIN;
	session->approved_ns[gate] = open ? bpf_ktime_get_ns() : 0;
	return CONTROL_DONE;
}

/* Mark the images that these lists or states are of. */
static __always_inline void refer(struct kept *kept)
{
	EACH_GROUP(i) {
		struct image_header *image = kept[i].at ? TABLE_RECORD(kept[i].base, struct image_header) : 0;

		if (image)
			image->referred = 1;
	}
}

static long refer_by_object(void *map, struct object_key *key, struct object *object, void *none)
{
	if (object->named)
		refer(object->lists);
	return 0;
}

static long refer_by_moved(void *map, struct object_key *key, struct moved *moved_dir, void *none)
{
	refer(moved_dir->states);
	return 0;
}

/* Directories first: what is copied from one of them to a file meanwhile is then found there. */
SEC("syscall") int control_refer(void *ask)
{
	bpf_for_each_map_elem(&moved, refer_by_moved, 0, 0);
	bpf_for_each_map_elem(&objects, refer_by_object, 0, 0);
	return CONTROL_DONE;
}

static long forget_object(void *map, struct object_key *key, void *value, __u32 *session)
{
	struct object_key own = *key;

	if (own.session == *session)
		bpf_map_delete_elem(&objects, &own);
	return 0;
}

static long forget_moved(void *map, struct object_key *key, void *value, __u32 *session)
{
	struct object_key own = *key;

	if (own.session == *session)
		bpf_map_delete_elem(&moved, &own);
	return 0;
}

static long forget_run(void *map, __u64 *key, void *value, __u32 *session)
{
	__u64 own = *key;

	if (own >> 32 == *session)
		bpf_map_delete_elem(&runs, &own);
	return 0;
}

static long forget_hits(void *map, struct hit_key *key, void *value, __u32 *session)
{
	struct hit_key own = *key;

	if (own.session == *session)
		bpf_map_delete_elem(&hits, &own);
	return 0;
}

SEC("syscall") int control_forget(struct control *ask)
{
	__u32 session = ask->session;

	bpf_for_each_map_elem(&objects, forget_object, &session, 0);
	bpf_for_each_map_elem(&moved, forget_moved, &session, 0);
	bpf_for_each_map_elem(&runs, forget_run, &session, 0);
	bpf_for_each_map_elem(&hits, forget_hits, &session, 0);
	bpf_map_delete_elem(&sessions, &session);
	return CONTROL_DONE;
}

#endif
