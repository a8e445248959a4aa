/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * emit.h: telling user space. Verdicts never wait for it: a full ring is counted and the verdict
 * stands. Records come in two sizes because a reservation's size must be known to the verifier.
 */
#ifndef ACTPLANE_EMIT_H
#define ACTPLANE_EMIT_H

#define SMALL_PART 255
#define SMALL_DATA (SMALL_PART + SMALL_PART)
#define LARGE_DATA (EVENT_PATH_MAX + EVENT_ARGV_MAX)

/* Without branches, for the verifier follows both ways of each: of no object every read fails and gives 0. */
static __always_inline void event_object(struct event *e, __u64 address)
{
	struct inode *inode = (void *)address;

	e->object_mode = (BPF_CORE_READ(inode, i_mode) & S_IFMT) |
			 (__u32)(BPF_CORE_READ(inode, i_sb, s_flags) / SB_KERNMOUNT & 1) * OBJECT_INTERNAL;
	e->object_inode = BPF_CORE_READ(inode, i_ino);
	e->object_device = BPF_CORE_READ(inode, i_sb, s_dev);
	e->object_generation = BPF_CORE_READ(inode, i_generation);
}

/* All but the data. A function of its own because records come in two sizes. */
GLOBAL int event_fill(struct event *e, __u32 type, struct verdict *v, struct proc *proc, __u64 detail)
{
	__u32 differs = type ^ EVENT_OBJECT;
	/* All ones, but none for an object: it gains what it gains. Without a branch, as `clamped`. */
	__u32 aside = 0 - ((differs | (0 - differs)) >> 31);

	if (!e || !v || !proc)
		return 0;
	e->time_ns = bpf_ktime_get_ns();
	e->detail = detail;
	e->type = type;
	e->tgid = v->thread >> 32;
	e->tid = v->thread;
	e->parent = proc->parent;
	e->uid = bpf_get_current_uid_gid();
	e->reserved = 0;
	__builtin_memcpy(&e->domain, &v->domain, offsetof(struct event, first_bytes) - offsetof(struct event, domain));
	e->flags &= ~VERDICT_AGAIN;
	__builtin_memset(e->labels, 0, sizeof(e->labels));
	if (with_labels)
		EACH_LABEL_WORD(i)
			e->labels[i] = v->seen[i] & ~(v->cleans[i] & aside);
	bpf_probe_read_kernel(e->clauses, sizeof(e->clauses), v->clauses);
	event_object(e, v->inode);
	return 0;
}

/* Inlined where the record's size is known; the masks change nothing but prove the bounds to 6.1's verifier. */
static __always_inline void event_data_copy(struct event *e, struct event_data *d, __u32 first, __u32 first_mask,
					    __u32 second, __u32 second_mask)
{
	first &= first_mask;
	second &= second_mask;
	asm volatile("" : "+r"(first));
	asm volatile("" : "+r"(second));
	e->first_bytes = first;
	e->second_bytes = second;
	e->words = d->words;
	e->script = d->script;
	e->size = sizeof(*e) + first + second;
	first &= first_mask;
	bpf_probe_read_kernel(e->data, first, (void *)d->first);
	second &= second_mask;
	if (d->second_user)
		bpf_probe_read_user(e->data + first, second, (void *)d->second);
	else
		bpf_probe_read_kernel(e->data + first, second, (void *)d->second);
}

/* `value`, or `most` where that is less. Without a branch, whose two ways the verifier would both follow to the end. */
static __always_inline __u32 clamped(__u32 value, __u32 most)
{
	__s64 over = (__s64)most - value, all = over >> 63;

	asm volatile("" : "+r"(all));
	return value + (over & all);
}

/* Whether `part` of the ring is waiting to be read: 2 its half, 8 an eighth. */
static __always_inline bool ring_is_filled(__u32 part)
{
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&events, BPF_RB_RING_SIZE) / part;
}

/*
 * What objects gain is read with what follows it, or when there is an eighth of the ring of it. What else is told
 * wakes the reader always: by itself the kernel does that only where nothing is waiting.
 */
GLOBAL int wakeup_for(__u32 type)
{
	return type != EVENT_OBJECT || ring_is_filled(8) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

GLOBAL int emit(__u32 type, struct verdict *v, struct proc *proc, __u64 detail, struct event_data *d)
{
	__u32 first, second;
	struct event *e;

	if (!v || !proc || !d)
		return 0;
	first = clamped(d->first_bytes, EVENT_PATH_MAX);
	second = clamped(d->second_bytes, EVENT_ARGV_MAX);
	if ((first | second) & ~SMALL_PART)
		goto large;
	e = bpf_ringbuf_reserve(&events, sizeof(*e) + SMALL_DATA, 0);
	if (!e)
		goto lost;
	event_fill(e, type, v, proc, detail);
	event_data_copy(e, d, first, SMALL_PART, second, SMALL_PART);
	bpf_ringbuf_submit(e, wakeup_for(type));
	count(COUNTER_EVENTS);
	return 0;
large:
	e = bpf_ringbuf_reserve(&events, sizeof(*e) + LARGE_DATA, 0);
	if (!e)
		goto lost;
	event_fill(e, type, v, proc, detail);
	event_data_copy(e, d, first, EVENT_PATH_MAX, second, EVENT_ARGV_MAX);
	bpf_ringbuf_submit(e, wakeup_for(type));
	count(COUNTER_EVENTS);
	return 0;
lost:
	count(COUNTER_EVENTS_LOST);
	return 0;
}

/*
 * Tell that what lies under the key gains labels from the calling thread. Without data and without a call, because
 * who comes here may have no scratch and be the eighth frame. As with other objects, half of the ring is for what is done.
 * The domain is that of the verdict, where there is one.
 */
static __always_inline void key_tell(struct verdict *v, struct proc *proc, struct object_key *key, __u32 *gained)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA), room = bpf_ringbuf_query(&events, BPF_RB_RING_SIZE);
	__u32 became = COUNTER_UNTOLD;
	struct event *e;

	if (waiting > room / 2)
		goto end;
	became = COUNTER_EVENTS_LOST;
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e)
		goto end;
	became = COUNTER_EVENTS;
	__builtin_memset(e, 0, offsetof(struct event, labels));
	e->time_ns = bpf_ktime_get_ns();
	e->type = EVENT_OBJECT;
	e->size = sizeof(*e);
	e->tgid = v ? v->thread >> 32 : current_tgid();
	e->tid = v ? v->thread : bpf_get_current_pid_tgid();
	e->uid = bpf_get_current_uid_gid();
	e->domain = v ? v->domain : proc->domain;
	e->session = key->session;
	e->generation = v ? v->generation : 0;
	e->op = OP_WRITE;
	e->object_mode = OBJECT_KEY;
	bpf_probe_read_kernel(e->labels, sizeof(e->labels), gained);
	e->object_inode = key->inode;
	e->object_device = key->device;
	e->object_generation = key->generation;
	e->script = 0;
	/* As wakeup_for. */
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP + ((room / 8 - waiting) >> 63));
end:
	count(became);
}

/* The scratch's path as the first part. */
GLOBAL int data_fill(struct event_data *d, struct scratch *scratch)
{
	__u32 at;

	if (!d || !scratch)
		return 0;
	at = scratch->path_at;
	if (at >= PATH_BYTES)
		return 0;
	d->first = (__u64)&scratch->path[at];
	d->first_bytes = PATH_BYTES - at;
	return 0;
}

static __always_inline void data_of_path(struct event_data *d, struct scratch *scratch)
{
	__builtin_memset(d, 0, sizeof(*d));
	data_fill(d, scratch);
}

/* Add one to the counter of one matched clause, made where there is none. */
static long hit_step(__u32 index, struct verdict **of)
{
	struct verdict *v = *of;
	struct hit_key key = { .session = v->session, .clause = v->clauses[index & (EVENT_CLAUSES_MAX - 1)] };
	__u64 *hit = bpf_map_lookup_elem(&hits, &key), none = 0;

	if (!hit) {
		bpf_map_update_elem(&hits, &key, &none, BPF_NOEXIST);
		hit = bpf_map_lookup_elem(&hits, &key);
	}
	if (hit)
		__sync_fetch_and_add(hit, 1);
	else
		count(COUNTER_HITS_FULL);
	return 0;
}

GLOBAL int count_hits(struct verdict *v)
{
	if (!v)
		return 0;
	count(COUNTER_MATCHES);
	bpf_loop(v->clauses_count, hit_step, &v, 0);
	return 0;
}

/*
 * Carry out the verdict: signal, count, tell. The result is what a refusing hook returns:
 * 0 or -EPERM, provably within the range the verifier demands of LSM programs. `signals` is a
 * constant: cgroup programs have no bpf_send_signal and leave the kill to the end of the system call.
 */
static __always_inline int carry_out(struct verdict *v, struct proc *proc, struct event_data *d, bool signals)
{
	if (!v || !proc || !d || !v->effect)
		return 0;
	if (v->effect == EFFECT_KILL && v->outcome == OUTCOME_REFUSED)
		v->outcome = OUTCOME_KILLED_BEFORE;
	if (v->outcome >= OUTCOME_KILLED_BEFORE) {
		if (signals)
			bpf_send_signal(SIGKILL);
		else
			proc->flags |= PROC_DOOMED;
		count(COUNTER_KILLED);
	} else if (v->outcome == OUTCOME_REFUSED) {
		count(COUNTER_REFUSED);
	}
	count_hits(v);
	emit(EVENT_MATCH, v, proc, 0, d);
	return v->refuses == REFUSES && v->effect >= EFFECT_BLOCK;
}

GLOBAL int conclude_signalling(struct verdict *v, struct proc *proc, struct event_data *d)
{
	return carry_out(v, proc, d, true);
}

GLOBAL int conclude_dooming(struct verdict *v, struct proc *proc, struct event_data *d)
{
	return carry_out(v, proc, d, false);
}

static __always_inline int conclude(struct verdict *v, struct proc *proc, struct event_data *d, bool signals)
{
	return (signals ? conclude_signalling(v, proc, d) : conclude_dooming(v, proc, d)) ? -EPERM : 0;
}

#endif
