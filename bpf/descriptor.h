/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * descriptor.h: reads and writes through descriptors that are open already, judged as if the file were opened for
 * them now: it may have been opened by somebody else, or before the process had the labels it has. A verdict is kept
 * as long as nothing of what it hung on changes, so most of them cost one look.
 */
#ifndef ACTPLANE_DESCRIPTOR_H
#define ACTPLANE_DESCRIPTOR_H

/* A function of its own for its caller's stack. */
static __attribute__((noinline)) bool is_given(struct inode *inode)
{
	struct given given = {};

	given.inode = BPF_CORE_READ(inode, i_ino);
	given.device = BPF_CORE_READ(inode, i_sb, s_dev);
	return bpf_map_lookup_elem(&given_files, &given);
}

/* What is still to be asked about a descriptor; -1: nothing. */
GLOBAL int ask_of(struct judged *now, struct proc *proc, __u32 generation, struct file_request *request)
{
	struct judged *before;
	__u32 differ = 0;
	__u64 key;

	if (!now || !proc || !request)
		return ASK_ALL;
	key = request->file;
	before = bpf_map_lookup_elem(&judged, &key);
	if (!before)
		return ASK_ALL;
	judged_what(now, request->inode);
	if (before->what[0] != now->what[0] || before->what[1] != now->what[1] || before->domain != proc->domain ||
	    before->generation != generation || request->ops & ~before->ops)
		return ASK_ALL;
	EACH_LABEL_WORD(i)
		differ |= before->labels[i] ^ proc->labels[i];
	if (differ)
		return ASK_AGAIN;
	return before->changes && request->ops & OP_WRITE ? ASK_CHANGES : -1;
}

/* Not 0: refused, or the state of the process is broken. */
static __always_inline int descriptor_judge(__u64 address, __u32 ops, __u32 refuses)
{
	struct passage *passage = current_passage();
	struct proc *proc = current_proc();
	struct file *file = (void *)address;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct image_header *image;
	struct file_request *request;
	struct domain_slot *slot;
	struct domain *domain;
	__u32 key, kind;
	int ask;

	if (!with_paths || !proc)
		return 0;
	key = proc->domain;
	domain = bpf_map_lookup_elem(&domains, &key);
	slot = domain ? slot_of(domain) : 0;
	image = slot ? TABLE_RECORD(slot->base, struct image_header) : 0;
	if (!image || !slot->generation || !passage) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	if (!(image->path_ops & ops) || is_internal((__u64)inode))
		return 0;
	request = &passage->request;
	__builtin_memset(request, 0, sizeof(*request));
	request->file = address;
	request->inode = (__u64)inode;
	request->ops = ops;
	ask = ask_of(&passage->judged, proc, slot->generation, request);
	if (ask < 0 || (ops == OP_WRITE && is_given(inode)))
		return 0;
	kind = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	request->ask = ask;
	/* What a kill at the start of the call prevents is writing to a file: a pipe takes the bytes all the same. */
	request->refuses = refuses == REFUSES_BY_KILL && kind != S_IFREG ? REFUSES_NOT : refuses;
	request->base.mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	request->base.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	return opened_event(request);
}

GLOBAL int descriptor_event(__u64 address, __u32 ops, __u32 refuses)
{
	return descriptor_judge(address, ops, refuses);
}

#endif
