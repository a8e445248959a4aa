/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * transfer.h: data that moves through a descriptor that is open already. Labels go with it when it
 * moves: a shell opens `> copy` before `cat .env` has read anything, and what goes through a pipe has
 * no name. Only labels: rules about names are judged when a name is used (file.h).
 */
#ifndef ACTPLANE_TRANSFER_H
#define ACTPLANE_TRANSFER_H

struct transfer {
	__u64 mount; /* struct vfsmount */
	__u64 dentry;
	__u64 inode;
	__u32 reads;
	__u32 writes;
};

static __always_inline void transfer_of(struct transfer *transfer, struct file *file, __u32 reads, __u32 writes)
{
	transfer->mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	transfer->dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	transfer->inode = (__u64)BPF_CORE_READ(file, f_inode);
	transfer->reads = reads;
	transfer->writes = writes;
}

/* Files, and pipes with a name and without. Devices hand nothing from one process to another, but for terminals. */
static __always_inline bool carries_labels(__u64 inode)
{
	__u16 kind = BPF_CORE_READ((struct inode *)inode, i_mode) & S_IFMT;

	return kind == S_IFREG || kind == S_IFIFO;
}

/* Not 0: the state of the process is broken. */
GLOBAL int transfer_labels(struct transfer *transfer)
{
	struct scratch *scratch = current_scratch();
	struct proc *proc = current_proc();
	struct verdict *v;

	if (!transfer || !proc || !carries_labels(transfer->inode))
		return 0;
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	if (!verdict_fill(v, proc, transfer->reads ? OP_READ : OP_WRITE, 1))
		return -EPERM;
	v->mount = transfer->mount;
	v->dentry = transfer->dentry;
	if (transfer->reads) {
		object_read(v, transfer->inode);
		if (labels_acquire(proc, v)) {
			/* A pipe has no path; that it was a pipe is told by the empty name. */
			scratch->path_at = PATH_BYTES;
			path_resolve(scratch, transfer->mount, transfer->dentry);
			data_of_path(&scratch->data, scratch);
			emit(EVENT_LABEL, v, proc, 0, &scratch->data);
		}
	}
	if (transfer->writes)
		object_write(v, (struct labels *)proc->labels, transfer->inode);
	return 0;
}

#endif
