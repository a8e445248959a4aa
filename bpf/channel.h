/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * channel.h: under which keys of `objects` lie the labels of data that is on its way: in a file, a pipe, at the
 * receiving end of a socket, on one side of a terminal. A writer labels what the reader will look up.
 *
 *   file, pipe        its inode
 *   unix socket       the receiving socket's inode; before it is accepted it has none, and the kernel's address stands in
 *   TCP               both ends of the connection, in the direction of the data; while it is being made, where it leads,
 *                     and before that the socket, by the kernel's address
 *   UDP               where the datagram goes: address and port, and the port alone for who listens everywhere
 *   pseudo terminal   its number and the direction
 *
 * Two channels under one key would share labels, which is the strict side; so addresses may be folded.
 */
#ifndef ACTPLANE_CHANNEL_H
#define ACTPLANE_CHANNEL_H

#define IFF_LOOPBACK 8u
#define TTYAUX_MAJOR 5u   /* /dev/ptmx, and /dev/tty for the terminal of the process */
#define PTS_MAJOR 136u    /* and the seven behind it */
#define PTS_MAJORS 8u
#define PTY_MASTER_MAJOR 128 /* of the driver, as is PTS_MAJOR for its other side */

static __always_inline void channel_key(struct object_key *key, __u32 device, __u64 inode, __u32 generation,
					__u32 session)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->device = device;
	key->inode = inode;
	key->generation = generation;
	key->session = session;
}

static __always_inline bool is_socket(struct file *file)
{
	return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK;
}

static __always_inline __u64 sock_of(struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);

	return (__u64)BPF_CORE_READ(socket, sk);
}

/* ---- unix sockets ---- */

/*
 * A connection that nobody has accepted yet, by its address and who made it: the address alone is used again soon. Or
 * a TCP socket that is not connected; then nobody made it.
 */
static __always_inline void embryo_key(struct object_key *key, struct sock *sk, __u32 session)
{
	channel_key(key, CHANNEL_EMBRYO, (__u64)sk, BPF_CORE_READ(sk, sk_peer_pid, numbers[0].nr), session);
}

static __always_inline void channel_of_unix(struct channel *channel, struct sock *sk, struct transfer *transfer,
					    __u32 session, __u32 writes)
{
	struct unix_sock *own = (void *)sk;
	struct sock *end = writes ? BPF_CORE_READ(own, peer) : sk;
	bool datagrams = BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM;
	struct file *file = end ? BPF_CORE_READ(end, sk_socket, file) : 0;

	if (writes && file)
		channel->inode = (__u64)BPF_CORE_READ(file, f_inode);
	if (end && !datagrams && (!writes || !file))
		embryo_key(&channel->keys[0], end, session);
	if (datagrams && (writes ? transfer->named : BPF_CORE_READ(own, addr) != 0))
		channel_key(&channel->keys[0], CHANNEL_UNIX_NAMED, 0, 0, session);
}

/* ---- addresses ---- */

/* 0 for `any`; IPv4 as it is, also inside of IPv6, of which the others become what no host's IPv4 address is: 255.x.x.x. */
static __always_inline __u32 address_fold(const __u32 *words)
{
	if (!words[0] && !words[1] && (!words[2] || words[2] == 0xffff0000u))
		return words[3];
	return (words[0] * 0x9e3779b1u ^ words[1] * 0x85ebca6bu ^ words[2] * 0xc2b2ae35u ^ words[3]) | 255;
}

/* Both ends of an IPv4 or IPv6 socket; ports in network order. */
struct inet_ends {
	__u32 near;
	__u32 far;
	__u16 near_port;
	__u16 far_port;
};

static __always_inline void inet_ends_of(struct inet_ends *ends, struct sock *sk)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		__u32 words[4] = {};

		bpf_core_read(words, sizeof(words), &sk->__sk_common.skc_v6_rcv_saddr);
		ends->near = address_fold(words);
		bpf_core_read(words, sizeof(words), &sk->__sk_common.skc_v6_daddr);
		ends->far = address_fold(words);
	} else {
		ends->near = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		ends->far = BPF_CORE_READ(sk, __sk_common.skc_daddr);
	}
	/* skc_num is gone already when the connection ends. */
	ends->near_port = BPF_CORE_READ((struct inet_sock *)sk, inet_sport);
	ends->far_port = BPF_CORE_READ(sk, __sk_common.skc_dport);
}

#define LOOPBACK_FOUR 0x0100007fu /* 127.0.0.1 */
#define LOOPBACK_SIX 0x01000000u  /* ::1, folded */

static __always_inline bool is_loopback(__u32 address)
{
	return (address & 255) == 127 || address == LOOPBACK_SIX;
}

/*
 * Whether the other end may be a process here: what leaves the machine is nobody's to look up. The kernel's own
 * route tells for addresses that are not loopback's. Another network namespace counts as another machine.
 */
static __always_inline bool is_here(struct sock *sk, struct inet_ends *ends)
{
	struct dst_entry *route;

	if (is_loopback(ends->far) || ends->far == ends->near)
		return true;
	route = BPF_CORE_READ(sk, sk_dst_cache);
	return !route || BPF_CORE_READ(route, dev, flags) & IFF_LOOPBACK;
}

static __always_inline void place_key(struct object_key *key, __u32 address, __u16 port, __u32 session)
{
	channel_key(key, CHANNEL_PLACE, address, port, session);
}

/* Of what connections to the address and port bring, told by their server's side. */
static __always_inline void first_key(struct object_key *key, __u32 address, __u16 port, __u32 session)
{
	channel_key(key, CHANNEL_FIRST, address, port, session);
}

static __always_inline void stream_key(struct object_key *key, struct inet_ends *ends, bool outward, __u32 session)
{
	if (outward)
		channel_key(key, CHANNEL_STREAM, (__u64)ends->near << 32 | ends->far,
			    (__u32)ends->near_port << 16 | ends->far_port, session);
	else
		channel_key(key, CHANNEL_STREAM, (__u64)ends->far << 32 | ends->near,
			    (__u32)ends->far_port << 16 | ends->near_port, session);
}

/* Where a connected socket's datagrams go; a connection is never to no address. */
static __always_inline void channel_of_place(struct channel *channel, struct inet_ends *ends, __u32 session)
{
	place_key(&channel->keys[0], ends->far, ends->far_port, session);
	place_key(&channel->keys[1], 0, ends->far_port, session);
}

static __always_inline void channel_of_inet(struct channel *channel, struct sock *sk, __u32 session, __u32 writes)
{
	__u16 type = BPF_CORE_READ(sk, sk_type);
	struct inet_ends ends;

	inet_ends_of(&ends, sk);
	if (type == SOCK_STREAM) {
		__u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
		bool waits = state == TCP_SYN_SENT || state == TCP_CLOSE;

		/* Some of it may arrive before, or with, the packet that makes the connection (MSG_FASTOPEN). */
		if (!writes)
			first_key(&channel->keys[1], ends.near, ends.near_port, session);
		else if (waits && ends.far_port)
			first_key(&channel->keys[1], ends.far, ends.far_port, session);
		if (writes && !ends.far_port)
			embryo_key(&channel->keys[0], sk, session);
		else if (!writes || is_here(sk, &ends))
			stream_key(&channel->keys[0], &ends, writes, session);
	} else if (type == SOCK_DGRAM) {
		if (!writes)
			place_key(&channel->keys[0], ends.near, ends.near_port, session);
		else if (ends.far_port)
			channel_of_place(channel, &ends, session);
	}
}

/* ---- terminals ---- */

/* What is written on one side of a pseudo terminal is read on the other. Other devices pass nothing on. */
static __always_inline void channel_of_terminal(struct channel *channel, struct file *file, __u32 session,
						__u32 writes)
{
	__u32 device = BPF_CORE_READ(file, f_inode, i_rdev), major = device >> 20;
	struct tty_file_private *private;
	struct tty_struct *tty;
	bool is_master;
	int driver;

	if (major != TTYAUX_MAJOR && major - PTS_MAJOR >= PTS_MAJORS)
		return;
	private = BPF_CORE_READ(file, private_data);
	tty = BPF_CORE_READ(private, tty);
	driver = BPF_CORE_READ(tty, driver, major);
	is_master = driver == PTY_MASTER_MAJOR;
	if (!is_master && driver != (int)PTS_MAJOR)
		return;
	channel_key(&channel->keys[0], CHANNEL_TERMINAL, BPF_CORE_READ(tty, index), is_master != writes, session);
}

/* ---- all of them ---- */

/* What `transfer` reads or writes. */
GLOBAL int channel_of(struct channel *channel, struct transfer *transfer, __u32 session, __u32 writes)
{
	struct inode *inode;
	struct socket *socket;
	struct sock *sk;
	struct file *file;
	__u16 kind, family;

	if (!channel || !transfer)
		return 0;
	__builtin_memset(channel, 0, sizeof(*channel));
	file = (void *)transfer->file;
	inode = BPF_CORE_READ(file, f_inode);
	kind = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	/* What is read is told by the reader's own end, also where the labels lie elsewhere. */
	if (kind == S_IFREG || kind == S_IFIFO || !writes)
		channel->inode = (__u64)inode;
	if (kind == S_IFCHR) {
		channel_of_terminal(channel, file, session, !!writes);
	} else if (kind == S_IFSOCK) {
		socket = BPF_CORE_READ(file, private_data);
		sk = BPF_CORE_READ(socket, sk);
		family = BPF_CORE_READ(sk, __sk_common.skc_family);
		if (family == AF_UNIX)
			channel_of_unix(channel, sk, transfer, session, writes);
		else if (family == AF_INET || family == AF_INET6)
			channel_of_inet(channel, sk, session, writes);
	}
	return 0;
}

/* ---- the end of a channel ---- */

/* Keys of what is gone, in whichever session it carried something. */
struct forgetting {
	struct object_key keys[2];
};

static long forget_step(void *map, __u32 *session, struct session *value, struct forgetting *forgetting)
{
	for (int i = 0; i < 2; i++) {
		struct object_key key = forgetting->keys[i];

		if (!key.device)
			continue;
		key.session = *session;
		object_forget(&key);
	}
	return 0;
}

static __always_inline void forget(struct forgetting *forgetting)
{
	bpf_for_each_map_elem(&sessions, forget_step, forgetting, 0);
}

/*
 * A TCP connection is asked for, by connect(2) or by the call that sends. What was handed to the socket before goes to
 * whoever answers there.
 */
GLOBAL int connection_asked(__u64 address)
{
	struct proc *proc = current_proc();
	struct sock *sk = (void *)address;
	struct object_key own, place;
	struct object *from, *to;
	struct session *session;
	struct inet_ends ends;
	__u32 key;

	if (!objects_made || !proc)
		return 0;
	key = proc->session;
	embryo_key(&own, sk, key);
	from = bpf_map_lookup_elem(&objects, &own);
	if (!from)
		return 0;
	inet_ends_of(&ends, sk);
	first_key(&place, ends.far, ends.far_port, key);
	to = object_make_at(&place);
	if (to)
		key_tell(0, proc, &place, from->labels);
	session = to ? 0 : bpf_map_lookup_elem(&sessions, &key);
	EACH_LABEL_WORD(i)
		if (to)
			__sync_fetch_and_or(&to->labels[i], from->labels[i]);
		else if (session)
			__sync_fetch_and_or(&session->spill[i], from->labels[i]);
	bpf_map_delete_elem(&objects, &own);
	return 0;
}

/*
 * A TCP connection begins, seen by who asked for it, before anything was sent: what an earlier one between the same
 * ends carried is past. Or it has ended and nobody holds it any more: nobody will read what it brought.
 */
static __always_inline void connection_changes(struct sock *sk, int old, int new)
{
	bool begins = old == TCP_SYN_SENT && new == TCP_ESTABLISHED;
	bool ends_unheld = new == TCP_CLOSE && !BPF_CORE_READ(sk, sk_socket);
	struct forgetting forgetting = {};
	struct inet_ends ends;

	if (old == TCP_CLOSE && new == TCP_SYN_SENT)
		connection_asked((__u64)sk);
	if (!objects_made || (!begins && !ends_unheld))
		return;
	inet_ends_of(&ends, sk);
	stream_key(&forgetting.keys[0], &ends, false, 0);
	if (begins)
		stream_key(&forgetting.keys[1], &ends, true, 0);
	forget(&forgetting);
}

/* A unix connection that nobody accepted is gone with its socket, and a TCP socket that was never connected. */
static __always_inline void socket_gone(struct sock *sk)
{
	struct forgetting forgetting = {};

	if (!objects_made || (BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX && BPF_CORE_READ(sk, sk_type) != SOCK_STREAM))
		return;
	embryo_key(&forgetting.keys[0], sk, 0);
	forget(&forgetting);
}

/* A terminal of that number is new, or gone. */
static __always_inline void terminal_forget(__u64 index)
{
	struct forgetting forgetting = {};

	channel_key(&forgetting.keys[0], CHANNEL_TERMINAL, index, 0, 0);
	channel_key(&forgetting.keys[1], CHANNEL_TERMINAL, index, 1, 0);
	forget(&forgetting);
}

#define DEVPTS_SUPER_MAGIC 0x1cd1
#define DEVPTS_FIRST 3 /* inode number of terminal 0 */

/* The kernel forgets an inode. With it goes the object, if it has no name left or never had one. */
static __always_inline void inode_gone(struct inode *inode)
{
	struct forgetting forgetting = {};

	if (!objects_made)
		return;
	if (BPF_CORE_READ(inode, i_sb, s_magic) == DEVPTS_SUPER_MAGIC)
		return terminal_forget(BPF_CORE_READ(inode, i_ino) - DEVPTS_FIRST);
	if (BPF_CORE_READ(inode, i_nlink) && !(BPF_CORE_READ(inode, i_sb, s_flags) & SB_KERNMOUNT))
		return;
	/* Not by object_key_of: a hook's pointer is no number to a function of its own. */
	key_fill(&forgetting.keys[0], (__u64)inode, 0);
	forget(&forgetting);
}

#endif
