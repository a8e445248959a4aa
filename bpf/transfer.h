/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * transfer.h: data that moves through a descriptor that is open already. Labels go with it when it
 * moves: a shell opens `> copy` before `cat .env` has read anything, and what goes through a pipe or a
 * socket has no name.
 *
 * A writer labels the channel before it writes, for who waits at its other end wakes before the writer's
 * call has ended. A reader takes the labels when its call ends and before it can use what it read.
 */
#ifndef ACTPLANE_TRANSFER_H
#define ACTPLANE_TRANSFER_H

/* What reading the channel gives. */
GLOBAL int channel_read(struct verdict *v, struct channel *channel)
{
	if (!with_flow || !v || !channel)
		return 0;
	object_read(v, channel->inode);
	for (int k = 0; k < CHANNEL_KEYS; k++) {
		struct object_key key = channel->keys[k];

		if (key.device)
			object_see(v, &key);
	}
	return 0;
}

GLOBAL int channel_write(struct verdict *v, struct labels *labels, struct channel *channel)
{
	if (!with_flow || !v || !labels || !channel)
		return 0;
	if (channel->inode)
		object_write(v, labels, channel->inode);
	for (int k = 0; k < CHANNEL_KEYS; k++)
		channel_gain(v, labels, &channel->keys[k], channel->keys[k].device);
	return 0;
}

/* The process takes the labels of what it reads; who asks where they come from is told the name. */
GLOBAL int passage_read(struct scratch *scratch, struct passage *passage, struct proc *proc)
{
	struct verdict *v;

	if (!with_flow || !scratch || !passage || !proc)
		return 0;
	v = &scratch->verdict;
	channel_read(v, &passage->from);
	if (!labels_acquire(proc, v))
		return 0;
	/* A pipe has no path; that it was one is told by the empty name. */
	scratch->path_at = PATH_BYTES;
	path_resolve(scratch, passage->mount, passage->dentry);
	data_of_path(&scratch->data, scratch);
	scratch->data.second = (__u64)passage->from.keys;
	scratch->data.second_bytes = sizeof(passage->from.keys);
	emit(EVENT_LABEL, v, proc, CHANNEL_KEYS, &scratch->data);
	return 0;
}

/* Nothing that a write could pass on. */
static __always_inline bool has_nothing(struct proc *proc)
{
	__u32 any = proc->flags & PROC_SHARES;

	EACH_LABEL_WORD(i)
		any |= proc->labels[i];
	return !any;
}

/* Files, pipes, sockets and terminals. Other devices hand nothing from one process to another. */
static __always_inline bool carries_labels(struct file *file)
{
	__u16 kind = BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT;

	return kind == S_IFREG || kind == S_IFIFO || kind == S_IFSOCK || kind == S_IFCHR;
}

/* Not 0: the state of the process is broken. */
GLOBAL int transfer_labels(struct transfer *transfer)
{
	struct scratch *scratch = current_scratch();
	struct passage *passage;
	struct proc *proc = current_proc();
	struct file *file;
	struct verdict *v;

	if (!with_flow || !transfer || !proc)
		return 0;
	file = (void *)transfer->file;
	if (!carries_labels(file))
		return 0;
	passage = current_passage();
	if (!scratch || !passage) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	if (!transfer->reads && !passage->reads && has_nothing(proc))
		return 0;
	v = &scratch->verdict;
	if (!verdict_fill(v, proc, transfer->reads ? OP_READ : OP_WRITE, 1))
		return -EPERM;
	v->mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	v->dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	if (transfer->reads) {
		channel_of(&passage->from, transfer, v->session, 0);
		passage->mount = v->mount;
		passage->dentry = v->dentry;
		passage->reads = 1;
		passage->writes = 0;
		if (!transfer->only_notes)
			passage_read(scratch, passage, proc);
	}
	if (transfer->writes) {
		channel_of(&passage->to, transfer, v->session, 1);
		passage->writes = passage->reads;
		channel_write(v, (struct labels *)proc->labels, &passage->to);
		/* Connected or accepted meanwhile, it has another place, where nobody will look here any more. */
		if (passage->to.keys[0].device == CHANNEL_EMBRYO) {
			channel_of(&passage->to, transfer, v->session, 1);
			channel_write(v, (struct labels *)proc->labels, &passage->to);
		}
	}
	return 0;
}

/* A datagram goes to the socket of `file`. Not 0: the state of the process is broken. */
GLOBAL int transfer_to(__u64 file)
{
	struct scratch *scratch = current_scratch();
	struct proc *proc = current_proc();

	if (!with_flow || !file || !proc)
		return 0;
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	if (!verdict_fill(&scratch->verdict, proc, OP_WRITE, 1))
		return -EPERM;
	object_write(&scratch->verdict, (struct labels *)proc->labels,
		     (__u64)BPF_CORE_READ((struct file *)file, f_inode));
	return 0;
}

/* The call failed and nothing was read. One that met a bad address may have read before it did. */
static __always_inline bool read_nothing(__s64 result)
{
	return result < 0 && result != -EFAULT;
}

/*
 * The end of a system call. What it read came from there, whatever the descriptor means by now. Not 0: where it named
 * files that it has compared.
 */
GLOBAL __u64 transfer_done(__s64 result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct passage *passage = bpf_task_storage_get(&passages, task, 0, 0);
	struct scratch *scratch;
	struct proc *proc;
	__u32 reads, writes;
	__u64 compared;

	if (!with_flow || !passage || !(passage->reads | passage->compared))
		return 0;
	reads = passage->reads;
	passage->reads = 0;
	writes = passage->writes;
	passage->writes = 0;
	compared = passage->compared;
	passage->compared = 0;
	proc = current_proc();
	if (!proc || !objects_made || read_nothing(result))
		return 0;
	if (!reads)
		return compared;
	scratch = current_scratch();
	if (!scratch || !verdict_fill(&scratch->verdict, proc, OP_READ, 0)) {
		count(COUNTER_STRICT_STATE);
		bpf_send_signal(SIGKILL);
		return 0;
	}
	passage_read(scratch, passage, proc);
	if (writes)
		channel_write(&scratch->verdict, (struct labels *)proc->labels, &passage->to);
	return compared;
}

#endif
