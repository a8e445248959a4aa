/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * flow.h: labels that objects carry, and gates. Everything here changes state, so it is called
 * only for operations that go ahead.
 */
#ifndef ACTPLANE_FLOW_H
#define ACTPLANE_FLOW_H

/* The record under a key, made where there is none; null, and counted, where there is no room. */
static __always_inline struct object *object_make_at(struct object_key *key)
{
	struct object *object = bpf_map_lookup_elem(&objects, key);

	if (object)
		return object;
	objects_made = 1;
	objects_fresh++;
	bpf_map_update_elem(&objects, key, &no_object, BPF_NOEXIST);
	object = bpf_map_lookup_elem(&objects, key);
	if (!object)
		count(COUNTER_OBJECTS_FULL);
	return object;
}

/* The record of a file. */
static __always_inline struct object *object_make(struct verdict *v, __u64 inode, struct object_key *key)
{
	object_key_of(key, inode, v->session);
	return object_make_at(key);
}

/* The object has lists from now on, or has none any more. */
static __always_inline void object_is_named(struct object *object, __u32 named)
{
	__u32 before = __sync_lock_test_and_set(&object->named, named);

	if (remembers_names && before != named)
		__sync_fetch_and_add(&names_remembered, named ? 1 : -1);
}

/* The object is no more. */
static __always_inline void object_forget(struct object_key *key)
{
	struct object *object = remembers_names ? bpf_map_lookup_elem(&objects, key) : 0;

	if (object)
		object_is_named(object, 0);
	bpf_map_delete_elem(&objects, key);
}

/* What the session's memory carries that is not told apart. */
static __always_inline void common_key(struct object_key *key, __u32 session)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->device = CHANNEL_COMMON;
	key->session = session;
}

/* The labels under `key` are among what was seen. */
static __always_inline void object_see(struct verdict *v, struct object_key *key)
{
	struct object *object = bpf_map_lookup_elem(&objects, key);

	if (!object)
		return;
	EACH_LABEL_WORD(i)
		v->seen[i] |= object->labels[i];
	if (!object->common)
		return;
	common_key(key, v->session);
	object = bpf_map_lookup_elem(&objects, key);
	if (object)
		EACH_LABEL_WORD(i)
			v->seen[i] |= object->labels[i];
}

/* What reading this object would give: its labels, and those of objects that found no room. */
GLOBAL int object_read(struct verdict *v, __u64 inode)
{
	struct object_key key;
	struct session *session;

	if (!with_flow || !v)
		return 0;
	v->inode = inode;
	session = session_of(v);
	if (session)
		EACH_LABEL_WORD(i)
			v->seen[i] |= session->spill[i];
	object_key_of(&key, inode, v->session);
	object_see(v, &key);
	return 0;
}

/* An event tells what the verdict has seen: the stack is too short for a copy. */
static __always_inline void labels_swap(struct verdict *v, struct labels *labels)
{
	EACH_LABEL_WORD(i) {
		__u32 word = v->seen[i];

		v->seen[i] = labels->words[i];
		labels->words[i] = word;
	}
}

/*
 * Tell that the object gains labels: once, because it only happens when its state changes, and before it
 * carries them, so that whoever gets them from it is told of later.
 */
GLOBAL int object_tell(struct verdict *v, struct labels *gained, __u64 inode)
{
	struct scratch *scratch = current_scratch();
	struct proc *proc = current_proc();
	struct event_data data = {};

	if (!with_flow || !v || !gained || !scratch || !proc)
		return 0;
	v->inode = inode;
	/* A build has thousands, and they only explain what may be refused one day: half of the ring is for what is done. */
	if (ring_is_filled(2)) {
		count(COUNTER_UNTOLD);
		return 0;
	}
	if (v->dentry && path_resolve(scratch, v->mount, v->dentry))
		data_of_path(&data, scratch);
	labels_swap(v, gained);
	emit(EVENT_OBJECT, v, proc, 0, &data);
	labels_swap(v, gained);
	return 0;
}

/* What the object under `key` gains by `labels`. False: nothing, or there is no room and the spill set has them: strict, and counted. */
static __always_inline bool object_gains(struct verdict *v, struct labels *labels, struct object_key *key,
					 struct object **object, struct labels *gained)
{
	struct image_header *image = image_of(v);
	struct session *session;
	__u32 any = 0;

	if (!image)
		return false;
	EACH_LABEL_WORD(i)
		any |= labels->words[i] & image->flowing[i];
	if (!any)
		return false;
	*object = object_make_at(key);
	if (*object) {
		any = 0;
		EACH_LABEL_WORD(i) {
			gained->words[i] = labels->words[i] & image->flowing[i] & ~(*object)->labels[i];
			any |= gained->words[i];
		}
		return any;
	}
	session = session_of(v);
	if (session)
		EACH_LABEL_WORD(i)
			__sync_fetch_and_or(&session->spill[i], labels->words[i] & image->flowing[i]);
	return false;
}

static __always_inline void object_gain(struct verdict *v, struct object *object, struct object_key *key,
					struct labels *gained)
{
	bool common = object->common;

	/* No branches, whose two ways the verifier would both follow: this happens rarely. */
	EACH_LABEL_WORD(i)
		__sync_fetch_and_or(&object->labels[i], gained->words[i]);
	if (!common)
		return;
	common_key(key, v->session);
	object = object_make_at(key);
	if (object)
		EACH_LABEL_WORD(i)
			__sync_fetch_and_or(&object->labels[i], gained->words[i]);
}

struct sweep {
	__u32 left;
};

/* In the lowest bit of an address: a pipe, a socket, a memfd, a file of tmpfs, of which nothing is left once it is not in memory. */
#define OBJECT_IN_MEMORY 1ull

/*
 * Whether the kernel has forgotten the inode, as far as its memory still tells. What lives in memory only never has
 * the number of an earlier one. A file that is not in memory may be on the disk all the same, so of files only one
 * that is seen to be without a name and without a user has gone.
 */
static __always_inline bool has_gone(struct object_key *key, __u64 address)
{
	struct inode *inode = (void *)(address & ~OBJECT_IN_MEMORY);
	bool is_there = BPF_CORE_READ(inode, i_ino) == key->inode && BPF_CORE_READ(inode, i_generation) == key->generation;
	bool is_used = BPF_CORE_READ(inode, i_count.counter);

	if (address & OBJECT_IN_MEMORY)
		return !is_there || !is_used;
	return is_there && !is_used && !BPF_CORE_READ(inode, i_nlink);
}

static long sweep_step(void *map, struct object_key *key, struct object *object, struct sweep *sweep)
{
	struct object_key gone = *key;

	if (object->inode && has_gone(&gone, object->inode))
		object_forget(&gone);
	else
		sweep->left++;
	return 0;
}

/* Remove what has gone, once as many objects were made as the last sweep left: each costs its maker the same, or four times as much where many are alive. */
GLOBAL int objects_sweep(void)
{
	struct sweep sweep = {};

	if ((!with_flow && !remembers_names) || objects_fresh < sweep_after)
		return 0;
	objects_fresh = 0;
	bpf_for_each_map_elem(&objects, sweep_step, &sweep, 0);
	sweep_after = sweep.left > OBJECTS_MAX / 4 ? OBJECTS_MAX / 8 : sweep.left < SWEEP_LEAST ? SWEEP_LEAST : sweep.left;
	return 0;
}

/* The object takes the flowing part of `labels`; what it gains by that is told. */
GLOBAL int object_write(struct verdict *v, struct labels *labels, __u64 inode)
{
	struct object *object;
	struct object_key key;
	struct labels gained = {};

	if (!with_flow || !v || !labels)
		return 0;
	object_key_of(&key, inode, v->session);
	objects_sweep();
	if (!object_gains(v, labels, &key, &object, &gained))
		return 0;
	object_tell(v, &gained, inode);
	object->inode = inode | lives_in_memory(inode);
	object_gain(v, object, &key, &gained);
	return 0;
}

/*
 * The same for what is no inode (channel.h): the programs that come here may not have scratch. Whether it is to be done
 * at all is asked here, for a branch around the call would be two ways for the verifier to follow.
 */
GLOBAL int channel_gain(struct verdict *v, struct labels *labels, struct object_key *at, __u32 wanted)
{
	struct object *object;
	struct object_key key;
	struct labels gained = {};

	if (!with_flow || !v || !labels || !at || !wanted)
		return 0;
	key = *at;
	if (!object_gains(v, labels, &key, &object, &gained))
		return 0;
	key_tell(v, 0, &key, gained.words);
	object_gain(v, object, &key, &gained);
	return 0;
}

/* ---- memory that processes share ---- */

struct pools_walk {
	struct verdict *v;
	struct proc *proc;
	struct pools *shared;
};

static long pools_gain_step(__u32 index, struct pools_walk *walk)
{
	struct pools *shared = walk->shared;

	if (index >= POOLS_MAX)
		return 1;
	channel_gain(walk->v, (struct labels *)walk->proc->labels, &shared->keys[index], shared->writes >> index & 1);
	return 0;
}

/* What the process has the memory has that it can write to. No function of its own, for that would be a frame too many. */
static __always_inline void pools_gain(struct verdict *v, struct proc *proc)
{
	struct pools_walk walk = { .v = v, .proc = proc };
	__u32 tgid = v->thread >> 32;

	walk.shared = bpf_map_lookup_elem(&pools, &tgid);
	if (walk.shared)
		bpf_loop(POOLS_MAX, pools_gain_step, &walk, 0);
}

/* The process takes what it saw, and holds aside what its program declassifies. True: rules see more of it than before. */
GLOBAL int labels_acquire(struct proc *proc, struct verdict *v)
{
	__u32 news = 0, aside = 0;

	if (!with_flow || !proc || !v)
		return 0;

	EACH_LABEL_WORD(i) {
		news |= v->seen[i] & ~v->cleans[i] & ~proc->labels[i];
		aside |= v->seen[i] & v->cleans[i] & ~proc->held[i];
	}
	if (!(news | aside))
		return 0;
	EACH_LABEL_WORD(i) {
		__sync_fetch_and_or(&proc->labels[i], v->seen[i] & ~v->cleans[i] & ~proc->labels[i]);
		__sync_fetch_and_or(&proc->held[i], v->seen[i] & v->cleans[i] & ~proc->held[i]);
	}
	if (news && proc->flags & PROC_SHARES)
		pools_gain(v, proc);
	return news != 0;
}

static long pools_meet_step(__u32 index, struct pools_walk *walk)
{
	struct object_key key;

	if (index >= POOLS_MAX || index >= walk->shared->count)
		return 1;
	key = walk->shared->keys[index];
	object_see(walk->v, &key);
	return 0;
}

/* Tell what the process is about to take, with all places where it may have lain. A function of its own for its stack. */
GLOBAL int pools_tell(struct verdict *v, struct proc *proc, struct pools *shared)
{
	struct event_data data = {};
	__u32 news = 0;

	if (!with_flow || !v || !proc || !shared)
		return 0;
	EACH_LABEL_WORD(i)
		news |= v->seen[i] & ~v->cleans[i] & ~proc->labels[i];
	if (!news)
		return 0;
	data.second = (__u64)shared->keys;
	data.second_bytes = shared->count * sizeof(struct object_key);
	emit(EVENT_LABEL, v, proc, shared->count, &data);
	return 0;
}

/* What the memory has the process has. It is told before it is passed on. */
GLOBAL int pools_meet(struct verdict *v, struct proc *proc)
{
	struct pools_walk walk = { .v = v, .proc = proc };
	__u32 tgid;

	if (!with_flow || !v || !proc)
		return 0;
	tgid = v->thread >> 32;
	walk.shared = bpf_map_lookup_elem(&pools, &tgid);
	if (!walk.shared)
		return 0;
	bpf_loop(POOLS_MAX, pools_meet_step, &walk, 0);
	pools_tell(v, proc, walk.shared);
	labels_acquire(proc, v);
	return 0;
}

/* A core holds what its program has read, which nobody has cleaned: what was held aside comes back. */
GLOBAL int core_uncover(struct proc *proc)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (!with_flow || !proc || !(BPF_CORE_READ(task, flags) & PF_DUMPCORE))
		return 0;
	EACH_LABEL_WORD(i) {
		proc->labels[i] |= proc->held[i];
		proc->cleans[i] = 0;
		proc->held[i] = 0;
	}
	return 0;
}

/* As labels_acquire, for a process that has begun another program: what the old one held aside is among what it saw. */
GLOBAL int labels_switch(struct proc *proc, struct verdict *v)
{
	if (!with_labels || !proc || !v)
		return 0;
	EACH_LABEL_WORD(i) {
		proc->labels[i] = v->seen[i] & ~v->cleans[i];
		proc->held[i] = v->seen[i] & v->cleans[i];
		proc->cleans[i] = v->cleans[i];
	}
	return 0;
}

/* ---- gates ---- */

struct gates_change {
	struct verdict *v;
	struct proc *proc;
	struct session *session;
	__u64 mask;
	__u64 closed; /* gates that were open and are no longer */
	__u64 open_run; /* of the gate being opened */
	__u32 gate;
	__u32 mappers;
};

/* One event that makes `gate` stale. The total goes first: in between the gate reads as stale, the strict side. */
static long stale_step(__u32 gate, struct gates_change *change)
{
	bool was_open;

	if (gate >= GATES_MAX || !(change->mask >> gate))
		return 1;
	if (!(change->mask >> gate & 1))
		return 0;
	was_open = gate_is_open(change->session, change->v, gate);
	__sync_fetch_and_add(&change->session->staled[gate], 1);
	for (int i = 0; i < RUNS_MAX; i++) {
		__u64 key = change->proc->runs[i].run;
		struct run *run;

		if (!key || change->proc->runs[i].gate != gate)
			continue;
		run = bpf_map_lookup_elem(&runs, &key);
		if (run)
			__sync_fetch_and_add(&run->own, 1);
	}
	if (was_open && !gate_is_open(change->session, change->v, gate))
		change->closed |= 1ull << gate;
	return 0;
}

/* Count the event against the gates in `mask`; the result is those it closed. */
GLOBAL __u64 gates_stale(struct verdict *v, struct proc *proc, __u64 mask)
{
	struct gates_change change = { .v = v, .proc = proc, .mask = mask };

	if (!with_gates || !v || !proc || !mask)
		return 0;
	change.session = session_of(v);
	if (!change.session)
		return 0;
	bpf_loop(GATES_MAX, stale_step, &change, 0);
	return change.closed;
}

static long mappers_step(__u32 gate, struct gates_change *change)
{
	if (gate >= GATES_MAX || !(change->mask >> gate))
		return 1;
	if (change->mask >> gate & 1)
		__sync_fetch_and_add(&change->session->mappers[gate], change->mappers);
	return 0;
}

/* One process more (1) or less (-1) has mappings of files by which the gates in `mask` go stale. */
GLOBAL int mappers_count(struct verdict *v, __u64 mask, __s32 mappers)
{
	struct gates_change change = { .v = v, .mask = mask, .mappers = mappers };

	if (!with_gates || !v || !mask)
		return 0;
	change.session = session_of(v);
	if (change.session)
		bpf_loop(GATES_MAX, mappers_step, &change, 0);
	return 0;
}

/* The memory of a process ends, by an exec or its exit. Until now it may have stored what nobody saw. */
GLOBAL int maps_end(struct verdict *v, struct proc *proc)
{
	__u64 mask;

	if (!with_gates || !v || !proc)
		return 0;
	mask = proc->maps;
	if (!mask)
		return 0;
	proc->maps = 0;
	gates_stale(v, proc, mask);
	mappers_count(v, mask, -1);
	return 0;
}

/* What the process's runs mean for a new one of `change->gate`. */
static long run_look(__u32 index, struct gates_change *change)
{
	struct run_ref *ref = &change->proc->runs[index & (RUNS_MAX - 1)];
	struct run_places *places = &change->v->places;

	if (!ref->run) {
		if (!places->free)
			places->free = index + 1;
	} else if (ref->gate == change->gate) {
		if (ref->run == change->open_run)
			places->inside = 1;
		if (ref->leads && !places->led)
			places->led = index + 1;
	}
	return 0;
}

/*
 * Begin a run for `gate`. One without `exits` opens the gate at once. A program's run is led by this
 * process, whose subtree's own events do not make it stale; what a file event opened belongs to nobody.
 */
static long open_step(__u32 gate, struct gates_change *change)
{
	struct verdict *v = change->v;
	struct image_header *image = image_of(v);
	struct gate_record *record;
	bool is_exec = v->ops & OP_EXEC;
	struct run run = {};
	__u32 place;
	__u64 key;

	if (gate >= GATES_MAX || !(change->mask >> gate))
		return 1;
	if (!(change->mask >> gate & 1) || !image || gate >= image->gates)
		return 0;
	record = TABLE_RECORD(v->base + image->gates_at + gate * 4, struct gate_record);
	if (!record)
		return 0;

	change->gate = gate;
	change->open_run = change->session->open_run[gate];
	__builtin_memset(&v->places, 0, sizeof(v->places));
	bpf_loop(RUNS_MAX, run_look, change, 0);
	if (is_exec && !(record->flags & GATE_EXITS) && v->places.inside)
		return 0;

	run.base = change->session->staled[gate];
	run.started_ns = bpf_ktime_get_ns();
	run.gate = gate;
	run.leader = v->thread >> 32;
	key = (__u64)v->session << 32 | (__u32)(__sync_fetch_and_add(&change->session->runs_made, 1) + 1);

	place = v->places.led ? v->places.led : v->places.free;
	/* Without a place its own writes would count as foreign and an exit could not be tied to it. */
	if ((is_exec && !place) || bpf_map_update_elem(&runs, &key, &run, BPF_ANY)) {
		count(COUNTER_RUNS_FULL);
		return 0;
	}
	if (is_exec) {
		struct run_ref *ref = &change->proc->runs[(place - 1) & (RUNS_MAX - 1)];

		ref->gate = gate;
		ref->leads = 1;
		ref->run = key;
	}
	if (!(record->flags & GATE_EXITS))
		change->session->open_run[gate] = key;
	return 0;
}

GLOBAL int gates_open(struct verdict *v, struct proc *proc, __u64 mask)
{
	struct gates_change change = { .v = v, .proc = proc, .mask = mask };

	if (!with_gates || !v || !proc || !mask)
		return 0;
	change.session = session_of(v);
	if (!change.session)
		return 0;
	bpf_loop(GATES_MAX, open_step, &change, 0);
	return 0;
}

#endif
