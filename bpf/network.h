/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * network.h: one operation on one address, decided.
 */
#ifndef ACTPLANE_NETWORK_H
#define ACTPLANE_NETWORK_H

#define ENDPOINT_BYTES 19

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

	if (!with_endpoints || !endpoint || !v)
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

	if (!with_endpoints || !endpoint || !v)
		return 0;
	image = image_of(v);
	if (!image || !(image->endpoint_ops & v->ops))
		return 0;
	EACH_GROUP(i) {
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

/* A datagram goes to the address: so do the labels of who sends it. */
GLOBAL int place_write(struct endpoint *endpoint, struct verdict *v, struct labels *labels)
{
	__u32 words[4], address;
	struct object_key key;
	__u16 port;
	bool is_four;

	if (!with_flow || !endpoint || !v || !labels || endpoint->bytes[0] != IPPROTO_UDP)
		return 0;
	__builtin_memcpy(words, &endpoint->bytes[1], sizeof(words));
	__builtin_memcpy(&port, &endpoint->bytes[17], sizeof(port));
	is_four = words[2] == 0xffff0000u;
	address = address_fold(words);
	place_key(&key, address, port, v->session);
	channel_gain(v, labels, &key, 1);
	place_key(&key, 0, port, v->session);
	channel_gain(v, labels, &key, 1);
	if (!address) {
		place_key(&key, is_four ? LOOPBACK_FOUR : LOOPBACK_SIX, port, v->session);
		channel_gain(v, labels, &key, 1);
	}
	return 0;
}

/* An operation on an address by a governed process. Result: 0 or -EPERM. */
static __always_inline int endpoint_event(struct proc *proc, __u64 thread, __u32 ops, struct endpoint *endpoint,
					  struct event_data *data, bool signals, __u32 refuses, __u32 flags)
{
	struct verdict *v;
	int result;

	__builtin_memset(data, 0, sizeof(*data));
	data->first = (__u64)endpoint->bytes;
	data->first_bytes = ENDPOINT_BYTES;
	bpf_map_update_elem(&address_verdicts, &thread, &no_verdict, BPF_ANY);
	v = bpf_map_lookup_elem(&address_verdicts, &thread);
	if (!v) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	result = -EPERM;
	if (verdict_begin(v, proc, ops, refuses)) {
		v->thread = thread;
		v->flags = flags;
		endpoint_judge(endpoint, v);
		result = conclude(v, proc, data, signals);
		if (v->outcome == OUTCOME_KILLED_BEFORE)
			result = -EPERM;
		if (!result && labels_acquire(proc, v))
			emit(EVENT_LABEL, v, proc, 0, data);
		if (!result && ops & OP_SEND)
			place_write(endpoint, v, (struct labels *)proc->labels);
	}
	bpf_map_delete_elem(&address_verdicts, &thread);
	return result;
}

/* ---- connections that are there already ---- */

/* The address at the other end. */
static __always_inline void endpoint_of_sock(struct endpoint *endpoint, struct sock *sk, __u16 type)
{
	__u8 protocol = type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
	__be16 port = BPF_CORE_READ(sk, __sk_common.skc_dport);

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		__u32 words[4] = {};

		bpf_core_read(words, sizeof(words), &sk->__sk_common.skc_v6_daddr);
		endpoint_v6(endpoint, protocol, words, port);
	} else {
		endpoint_v4(endpoint, protocol, BPF_CORE_READ(sk, __sk_common.skc_daddr), port);
	}
}

/* Whether it was judged with the labels that the process has now. */
static __always_inline bool connection_is_judged(struct judged *now, __u64 key)
{
	struct judged *before = bpf_map_lookup_elem(&judged, &key);
	__u32 differ = 0;

	if (!before)
		return false;
	EACH_LABEL_WORD(i)
		differ |= before->labels[i] ^ now->labels[i];
	return !differ && before->what[0] == now->what[0] && before->what[1] == now->what[1] &&
	       before->domain == now->domain && before->generation == now->generation;
}

/*
 * What leaves over a connection, judged as if it were made now: it may have been made, or accepted, before the
 * process had the labels it has. Not 0: it must not leave.
 */
GLOBAL int connection_event(__u64 address, __u32 refuses)
{
	struct passage *passage = current_passage();
	struct proc *proc = current_proc();
	struct sock *sk = (void *)address;
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family), type = BPF_CORE_READ(sk, sk_type);
	struct image_header *image;
	struct domain_slot *slot;
	struct domain *domain;
	struct judged *now;
	__u32 key;

	if (!with_endpoints || !proc || (family != AF_INET && family != AF_INET6) || (type != SOCK_STREAM && type != SOCK_DGRAM) ||
	    !BPF_CORE_READ(sk, __sk_common.skc_dport))
		return 0;
	key = proc->domain;
	domain = bpf_map_lookup_elem(&domains, &key);
	slot = domain ? slot_of(domain) : 0;
	image = slot ? TABLE_RECORD(slot->base, struct image_header) : 0;
	if (!image || !slot->generation || !passage) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	if (!(image->endpoint_ops & (OP_CONNECT | OP_SEND)))
		return 0;
	now = &passage->judged;
	endpoint_of_sock(&passage->endpoint, sk, type);
	__builtin_memcpy(&now->what[0], &passage->endpoint.bytes[5], 8);
	__builtin_memcpy(&now->what[1], &passage->endpoint.bytes[13], 8);
	now->domain = key;
	now->generation = slot->generation;
	now->ops = OP_CONNECT | OP_SEND;
	now->changes = 0;
	EACH_LABEL_WORD(i)
		now->labels[i] = proc->labels[i];
	if (connection_is_judged(now, address))
		return 0;
	if (endpoint_event(proc, bpf_get_current_pid_tgid(), OP_CONNECT | OP_SEND, &passage->endpoint, &passage->data,
			   true, refuses, VERDICT_AGAIN))
		return -EPERM;
	bpf_map_update_elem(&judged, &address, now, BPF_ANY);
	return 0;
}

#endif
