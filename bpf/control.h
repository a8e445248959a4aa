/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * control.h: programs that the tool runs itself (bpf_prog_test_run), for what has to happen beside the others
 * without losing what they do at the same moment: writing a whole map value from user space would.
 *
 *   control_admit    put a process into a domain
 *   control_approve  open or close a gate by an operator's word
 *   control_refers   does a file or a moved directory still refer to these words of the table?
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

/* Words of the table, and whether anything refers to them. */
struct words {
	__u32 from;
	__u32 end;
	__u32 found;
};

static __always_inline long look_in(struct kept *kept, struct words *words)
{
	for (int i = 0; i < GROUPS_MAX; i++)
		if (kept[i].at && kept[i].base >= words->from && kept[i].base < words->end)
			words->found = 1;
	return words->found ? 1 : 0;
}

static long look_in_object(void *map, struct object_key *key, struct object *object, struct words *words)
{
	return object->named ? look_in(object->lists, words) : 0;
}

static long look_in_moved(void *map, struct object_key *key, struct moved *moved_dir, struct words *words)
{
	return look_in(moved_dir->states, words);
}

/* Directories first: what is copied from one of them to a file meanwhile is then found there. */
SEC("syscall") int control_refers(struct control *ask)
{
	struct words words = { .from = ask->from, .end = ask->end };

	bpf_for_each_map_elem(&moved, look_in_moved, &words, 0);
	if (!words.found)
		bpf_for_each_map_elem(&objects, look_in_object, &words, 0);
	return words.found;
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
