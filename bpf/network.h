/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * network.h: one operation on one address, decided.
 */
#ifndef ACTPLANE_NETWORK_H
#define ACTPLANE_NETWORK_H

#define ENDPOINT_BYTES 19

/* What the ENDPOINT automata read: protocol, IPv6 or mapped IPv4 address, port; network order. */
struct endpoint {
	__u8 bytes[32]; /* 19 in use; a power of two so that an index is bounded by a mask */
};

struct endpoint_match {
	struct walker walker;
	struct endpoint endpoint;
};

static long endpoint_step(__u32 index, struct endpoint_match *m)
{
	if (!m->walker.number || m->walker.failed)
		return 1;
	walker_step(&m->walker, m->endpoint.bytes[index & 31]);
	return 0;
}

GLOBAL int endpoint_accept(struct endpoint *endpoint, struct verdict *v, __u32 group)
{
	struct endpoint_match m;

	if (!endpoint || !v)
		return -1;
	if (!walker_begin(&m.walker, v, AUTOMATON_ENDPOINT, group))
		return -1;
	m.endpoint = *endpoint;
	bpf_loop(ENDPOINT_BYTES, endpoint_step, &m, 0);
	if (m.walker.failed)
		count(COUNTER_ERRORS);
	return m.walker.number ? m.walker.state.accept : 0;
}

static __always_inline void endpoint_v4(struct endpoint *e, __u8 protocol, __be32 address, __be16 port)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->bytes[0] = protocol;
	e->bytes[11] = 255;
	e->bytes[12] = 255;
	__builtin_memcpy(&e->bytes[13], &address, 4);
	__builtin_memcpy(&e->bytes[17], &port, 2);
}

static __always_inline void endpoint_v6(struct endpoint *e, __u8 protocol, const __u32 *address, __be16 port)
{
	__builtin_memset(e, 0, sizeof(*e));
	e->bytes[0] = protocol;
	__builtin_memcpy(&e->bytes[1], address, 16);
	__builtin_memcpy(&e->bytes[17], &port, 2);
}

struct endpoint_lists {
	struct verdict *v;
	__u32 accepts[GROUPS_MAX];
};

static long endpoint_scan_step(__u32 index, struct endpoint_lists *lists)
{
	scan_list(lists->v, lists->accepts[index & (GROUPS_MAX - 1)], CLAUSES);
	return 0;
}

/* Let the rules see the address. */
GLOBAL int endpoint_judge(struct endpoint *endpoint, struct verdict *v)
{
	struct endpoint_lists lists = { .v = v };
	struct image_header *image;
	__u32 n = 0;

	if (!endpoint || !v)
		return 0;
	image = image_of(v);
	if (!image || !(image->endpoint_ops & v->ops))
		return 0;
	for (int i = 0; i < GROUPS_MAX; i++) {
		int accept = endpoint_accept(endpoint, v, i);

		if (accept < 0)
			break;
		lists.accepts[i] = accept;
		n = i + 1;
		scan_list(v, accept, CHANGES);
	}
	bpf_loop(n, endpoint_scan_step, &lists, 0);
	return 0;
}

/* An operation on an address by a governed process. Result: 0 or -EPERM. */
static __always_inline int endpoint_event(struct proc *proc, __u64 thread, __u32 ops, struct endpoint *endpoint,
					  bool signals)
{
	struct event_data data = { .first = (__u64)endpoint->bytes, .first_bytes = ENDPOINT_BYTES };
	struct verdict *v;
	int result;

	bpf_map_update_elem(&address_verdicts, &thread, &no_verdict, BPF_ANY);
	v = bpf_map_lookup_elem(&address_verdicts, &thread);
	if (!v) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	result = -EPERM;
	if (verdict_begin(v, proc, ops, 1)) {
		v->thread = thread;
		endpoint_judge(endpoint, v);
		result = conclude(v, proc, &data, signals);
		if (!result && labels_acquire(proc, v))
			emit(EVENT_LABEL, v, proc, 0, &data);
	}
	bpf_map_delete_elem(&address_verdicts, &thread);
	return result;
}

#endif
