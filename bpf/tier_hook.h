/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * tier_hook.h: the tiers whose hooks refuse: BPF-LSM (`lsm_*`) and modify-return on the security_*
 * functions behind the same hooks (`mod_*`), from one body each.
 *
 *   file_open             open, read, write, create, truncate of a file that gets a descriptor
 *   path_unlink, _rmdir   unlink
 *   path_mknod, _mkdir, _symlink  create (mknod also stands before O_CREAT's new file)
 *   path_rename, _link    both names
 *   path_truncate, file_truncate  truncate
 *   sb_mount, move_mount  mount
 *   path_chmod, _chown    metadata: mode and owner
 *   inode_setattr         metadata: times
 *   inode_setxattr, _removexattr, _set_acl, _remove_acl  metadata: extended attributes and access control lists
 *   file_ioctl, inode_file_setattr  metadata: flags that file systems have (chattr)
 *   file_ioctl, file_fcntl  signal: a descriptor gets an owner, to whom it sends signals
 *   bprm_creds_for_exec   an exec begins
 *   bprm_check_security   exec, once for a script and once for its interpreter
 *   socket_connect, _bind, _sendmsg  addresses; sendmsg with an address is a connect of its own
 *   task_kill             signal, by the program of the process that would get it
 *   file_send_sigiotask   signals that descriptors send: not to who holds the rules
 *   ptrace_access_check   ptrace: attaching, and writing to the memory of, another process
 *   ptrace_traceme        ptrace: asking to be traced
 *   file_permission, file_receive  read, write by descriptors that were opened earlier or by others
 *   file_permission, socket_recvmsg, unix_may_send  labels, when data moves through an open descriptor
 *   sys_enter             labels, where no hook sees data move
 *   sys_exit              labels, when a call has read something; whether a refusal was carried out, where the kernel
 *                         skips programs
 *   inode_free_security, sk_free_security  the end of what carried labels
 *   mmap_file             exec of a program that its loader maps; mappings that can be stored into
 *   bpf                   bpf(2): never for a governed process
 *   sb_umount             the end of a bpffs with what is pinned in it: not by a governed process
 */
#ifndef ACTPLANE_TIER_HOOK_H
#define ACTPLANE_TIER_HOOK_H

/*
 * One body for the programs of a hook. `name` is the LSM hook, `function` what security_ calls it. `mod_` judges and
 * refuses by itself; where the kernel may skip it, `first_` judges and each `take` refuses (copies.h).
 */
#define HOOK(name, function, body) HOOK_OF_TWO(name, function, body, body)
#define HOOK_OF_TWO(name, function, lsm_body, mod_body)                                                           \
	SEC("lsm/" #name) int lsm_##name(__u64 *ctx) { lsm_body }                                                     \
	static __always_inline int judge_##name(__u64 *ctx) { mod_body }                                              \
	SEC("fmod_ret/security_" #function) int mod_##name(__u64 *ctx) { return judge_##name(ctx); }                  \
	enum { PLACE_##name = __COUNTER__ + 1 };                                                                      \
	SEC("kprobe/security_" #function) int first_##name(struct pt_regs *regs)                                      \
	{                                                                                                             \
		__u64 ctx[] = ARGUMENTS_OF(regs);                                                                         \
		return JUDGE_FIRST(PLACE_##name, judge_##name(ctx));                                                      \
	}                                                                                                             \
	SEC("fmod_ret/security_" #function) int take0_##name(__u64 *ctx) { return hook_verdict(PLACE_##name, 0); }    \
	SEC("fmod_ret/security_" #function) int take1_##name(__u64 *ctx) { return hook_verdict(PLACE_##name, 1); }    \
	SEC("fmod_ret/security_" #function) int take2_##name(__u64 *ctx) { return hook_verdict(PLACE_##name, 2); }    \
	SEC("fmod_ret/security_" #function) int take3_##name(__u64 *ctx) { return hook_verdict(PLACE_##name, 3); }

/* A hook that is asked in nobody's name and in no time: any of the programs judges. */
#define HOOK_OF_NOBODY(name, function, body)                                      \
	SEC("lsm/" #name) int lsm_##name(__u64 *ctx) { body }                         \
	SEC("fmod_ret/security_" #function) int mod_##name(__u64 *ctx) { body }       \
	SEC("fmod_ret/security_" #function) int take0_##name(__u64 *ctx) { body }     \
	SEC("fmod_ret/security_" #function) int take1_##name(__u64 *ctx) { body }     \
	SEC("fmod_ret/security_" #function) int take2_##name(__u64 *ctx) { body }     \
	SEC("fmod_ret/security_" #function) int take3_##name(__u64 *ctx) { body }

/*
 * Overlayfs opens the file below in the name of the one above (before 6.7): then the file's own name is that of
 * its inode, of which there is at least one while it is being opened. Where the supervisor has no place for the
 * file system below, no rule can be about that name, and the one above stands.
 */
static __always_inline void below_overlay(struct file_request *request, struct inode *inode)
{
	struct dentry *above = (void *)request->base.dentry;
	__u32 device = BPF_CORE_READ(inode, i_sb, s_dev);
	struct hlist_node *alias;

	if (!bpf_core_field_exists(above->d_u.d_alias))
		return;
	if (BPF_CORE_READ(above, d_inode) == inode || !bpf_map_lookup_elem(&mounts, &device))
		return;
	alias = BPF_CORE_READ(inode, i_dentry.first);
	if (!alias)
		return;
	request->base.mount = 0;
	request->base.dentry = (__u64)alias - __builtin_preserve_field_info(((struct dentry *)0)->d_u.d_alias, BPF_FIELD_BYTE_OFFSET);
}

static __always_inline int on_file_open(struct file *file)
{
	struct file_request request = { .ops = OP_OPEN, .refuses = 1 };
	__u32 mode, flags;
	struct inode *inode;

	if (!current_proc())
		return 0;
	flags = BPF_CORE_READ(file, f_flags);
	/* The kernel opens a program or its loader: that is an exec, judged as one. */
	if (flags & FMODE_EXEC_FLAG)
		return 0;
	if (is_pinned_there(BPF_CORE_READ(file, f_path.dentry)))
		return guard_event(BUILTIN_PINS) ? -EPERM : 0;
	mode = BPF_CORE_READ(file, f_mode);
	inode = BPF_CORE_READ(file, f_inode);
	request.inode = (__u64)inode;
	request.file = (__u64)file;
	request.base.mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	request.base.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	below_overlay(&request, inode);
	if (mode & FMODE_READ)
		request.ops |= OP_READ;
	if (mode & FMODE_WRITE)
		request.ops |= OP_WRITE;
	if (flags & O_TRUNC && (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFREG)
		request.ops |= OP_TRUNCATE;
	return file_event(&request) ? -EPERM : 0;
}

/* An operation on the name `dentry` in the directory `dir`. */
static __always_inline int on_name_of_two(struct path *dir, struct dentry *dentry, __u32 ops, __u32 only_refuse,
					  __u32 folder)
{
	struct file_request request = { .ops = ops, .refuses = 1, .only_refuse = only_refuse, .folder = folder };

	if (!current_proc())
		return 0;
	if (is_pinned_there(dentry))
		return guard_event(BUILTIN_PINS) ? -EPERM : 0;
	request.base.mount = (__u64)BPF_CORE_READ(dir, mnt);
	request.base.dentry = (__u64)dentry;
	request.inode = (__u64)BPF_CORE_READ(dentry, d_inode);
	return file_event(&request) ? -EPERM : 0;
}

static __always_inline int on_name(struct path *dir, struct dentry *dentry, __u32 ops)
{
	return on_name_of_two(dir, dentry, ops, 0, 0);
}

static __always_inline __u32 is_folder(struct dentry *dentry)
{
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);

	return inode && (BPF_CORE_READ(inode, i_mode) & S_IFMT) == S_IFDIR;
}

/* Nothing changes by the old name before the new one has passed. */
static __always_inline int on_two_names(struct path *old_dir, struct dentry *old, struct path *new_dir,
					struct dentry *new, __u32 op)
{
	__u32 replaces = BPF_CORE_READ(new, d_inode) ? OP_UNLINK : 0, folder;

	if (!current_proc())
		return 0;
	folder = is_folder(old) || is_folder(new);
	if (on_name_of_two(new_dir, new, op | OP_CREATE | replaces, 1, folder))
		return -EPERM;
	if (on_name_of_two(old_dir, old, op, 0, folder))
		return -EPERM;
	return on_name_of_two(new_dir, new, op | OP_CREATE | replaces, 0, folder);
}

/* Two files change their names, and each takes along what rules said of its own. */
static __always_inline int on_exchange(struct path *dir, struct dentry *one, struct path *other_dir, struct dentry *other)
{
	__u32 to = OP_RENAME | OP_CREATE, folder;

	if (!current_proc())
		return 0;
	folder = is_folder(one) || is_folder(other);
	if (on_name_of_two(other_dir, other, to, 1, folder) || on_name_of_two(dir, one, to, 1, folder))
		return -EPERM;
	if (on_name_of_two(other_dir, other, OP_RENAME, 0, folder))
		return -EPERM;
	if (on_name_of_two(other_dir, other, to, 1, folder) || on_name_of_two(dir, one, OP_RENAME, 0, folder))
		return -EPERM;
	return 0;
}

static __always_inline int on_rename(__u64 *ctx)
{
	return ctx[4] & RENAME_EXCHANGE
		       ? on_exchange((void *)ctx[0], (void *)ctx[1], (void *)ctx[2], (void *)ctx[3])
		       : on_two_names((void *)ctx[0], (void *)ctx[1], (void *)ctx[2], (void *)ctx[3], OP_RENAME);
}

static __always_inline int on_path(struct path *path, __u32 ops)
{
	return on_name(path, BPF_CORE_READ(path, dentry), ops);
}

/* A mount by which the caller may have come to the file: hooks on inodes are not told. 0: neither is of its file system. */
static __always_inline __u64 likely_mount(struct dentry *dentry)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct super_block *own = BPF_CORE_READ(dentry, d_sb);
	struct vfsmount *mount = BPF_CORE_READ(task, fs, pwd.mnt);

	if (BPF_CORE_READ(mount, mnt_sb) == own)
		return (__u64)mount;
	mount = BPF_CORE_READ(task, fs, root.mnt);
	return BPF_CORE_READ(mount, mnt_sb) == own ? (__u64)mount : 0;
}

/* What is no content of the file changes, and the hook has no path. */
static __always_inline int on_metadata(struct dentry *dentry)
{
	struct file_request request = { .ops = OP_METADATA, .refuses = 1 };

	if (!current_proc())
		return 0;
	request.base.mount = likely_mount(dentry);
	request.base.dentry = (__u64)dentry;
	request.inode = (__u64)BPF_CORE_READ(dentry, d_inode);
	return file_event(&request) ? -EPERM : 0;
}

/* Times alone: mode, owner and size have hooks with a path. */
static __always_inline int on_attributes(struct dentry *dentry, struct iattr *attributes)
{
	unsigned int what = BPF_CORE_READ(attributes, ia_valid);

	return what & (ATTR_ATIME | ATTR_MTIME) && !(what & (ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_SIZE))
		       ? on_metadata(dentry)
		       : 0;
}

static __always_inline int on_ioctl(struct file *file, __u32 command, __u64 argument)
{
	__s32 owner = 0;

	if (command == FS_IOC_SETFLAGS || command == FS_IOC32_SETFLAGS || command == FS_IOC_FSSETXATTR)
		return on_path(&file->f_path, OP_METADATA);
	if (command != FIOSETOWN && command != SIOCSPGRP)
		return 0;
	bpf_probe_read_user(&owner, sizeof(owner), (void *)argument);
	return owner_event(owner) ? -EPERM : 0;
}

static __always_inline int on_sigio(struct task_struct *owner)
{
	if (!is_protected(owner))
		return 0;
	asm volatile(""); /* a branch: the verifier of 6.12 does not see that -(a || b) is 0 or -1 */
	return -EPERM;
}

static __always_inline int on_fcntl(__u32 command, __u64 argument)
{
	__s32 owner[2] = {};

	if (command == F_SETOWN)
		return owner_event(argument) ? -EPERM : 0;
	if (command != F_SETOWN_EX)
		return 0;
	/* struct f_owner_ex: what kind of number it is, and the number. */
	bpf_probe_read_user(owner, sizeof(owner), (void *)argument);
	return owner_event(owner[1]) ? -EPERM : 0;
}

static __always_inline int on_address(struct socket *socket, const void *address, __u32 ops)
{
	struct proc *proc = current_proc();
	struct endpoint endpoint;
	struct event_data data;
	__u16 family = 0, port = 0, type;
	__u8 protocol;

	if (!proc || !address)
		return 0;
	bpf_probe_read_kernel(&family, sizeof(family), address);
	type = BPF_CORE_READ(socket, type);
	protocol = type == SOCK_STREAM ? IPPROTO_TCP : type == SOCK_DGRAM ? IPPROTO_UDP : 0;
	bpf_probe_read_kernel(&port, sizeof(port), address + 2);
	if (family == AF_INET) {
		__be32 v4 = 0;

		bpf_probe_read_kernel(&v4, sizeof(v4), address + 4);
		endpoint_v4(&endpoint, protocol, v4, port);
	} else if (family == AF_INET6) {
		__u32 v6[4] = {};

		bpf_probe_read_kernel(v6, sizeof(v6), address + 8);
		endpoint_v6(&endpoint, protocol, v6, port);
	} else {
		return 0;
	}
	return endpoint_event(proc, bpf_get_current_pid_tgid(), ops, &endpoint, &data, true, REFUSES, 0);
}

/* A hook's argument as a number: global functions take no pointers of the kernel. */
static __always_inline __u64 address_of(void *argument)
{
	void *pointer = argument;
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

static __always_inline int on_mmap(struct file *file, __u64 protection, __u64 flags)
{
	struct mapping mapping = { .file = (__u64)file, .refuses = 1 };
	__u64 address;

	if (!current_proc())
		return 0;
	address = address_of(file);
	if (file && descriptor_event(address, OP_READ, REFUSES))
		return -EPERM;
	if (mapping_begins(address, flags, file ? file_is_written(file) : 0))
		return -EPERM;
	if (!file)
		return 0;
	if (flags & MAP_SHARED && BPF_CORE_READ(file, f_mode) & FMODE_WRITE && store_event(&mapping))
		return -EPERM;
	return protection & PROT_EXEC && loader_event(&mapping) ? -EPERM : 0;
}

/* Every read and write of a descriptor, splice and its like included. */
static __always_inline int on_permission(struct file *file, __u32 mask)
{
	struct transfer transfer = { .file = (__u64)file, .reads = mask & MAY_READ, .writes = mask & MAY_WRITE };

	__u32 ops = (mask & MAY_READ ? OP_READ : 0) | (mask & MAY_WRITE ? OP_WRITE : 0);

	if (!ops || !current_proc())
		return 0;
	/* What a file that is compared holds is told by the answer. */
	if (ops == OP_WRITE && is_comparing())
		ops |= OP_READ;
	if (is_socket(file)) {
		if (ops & OP_WRITE && connection_event(sock_of(file), REFUSES))
			return -EPERM;
	} else if (descriptor_event(address_of(file), ops, REFUSES)) {
		return -EPERM;
	}
	return transfer_labels(&transfer) ? -EPERM : 0;
}

/* A descriptor arrives from another process. */
static __always_inline int on_receive(struct file *file)
{
	__u32 mode = BPF_CORE_READ(file, f_mode);
	__u32 ops = (mode & FMODE_READ ? OP_READ : 0) | (mode & FMODE_WRITE ? OP_WRITE : 0);

	return ops && descriptor_event(address_of(file), ops | OP_OPEN, REFUSES) ? -EPERM : 0;
}

/* send(2) and recv(2) and their like; they move data without asking about a file. */
static __always_inline int on_message(struct socket *socket, __u32 reads)
{
	struct transfer transfer = { .reads = reads, .writes = !reads };

	if (!current_proc())
		return 0;
	transfer.file = (__u64)BPF_CORE_READ(socket, file);
	return transfer.file && transfer_labels(&transfer) ? -EPERM : 0;
}

/* A datagram to the unix socket `other`, whether by its name or over a connection. */
static __always_inline int on_datagram(struct socket *other)
{
	if (!current_proc())
		return 0;
	return transfer_to((__u64)BPF_CORE_READ(other, file)) ? -EPERM : 0;
}

static __always_inline int on_sendmsg(struct socket *socket, struct msghdr *message)
{
	const void *name = BPF_CORE_READ(message, msg_name);

	bool is_stream = BPF_CORE_READ(socket, type) == SOCK_STREAM;

	/* A stream that is connected goes to its other end whatever the call names; one that is not may be connected by it. */
	if (name && (!is_stream || BPF_CORE_READ(message, msg_flags) & MSG_FASTOPEN) &&
	    on_address(socket, name, OP_CONNECT | OP_SEND))
		return -EPERM;
	if ((!name || is_stream) && current_proc() &&
	    connection_event((__u64)BPF_CORE_READ(socket, sk), REFUSES))
		return -EPERM;
	return on_message(socket, 0);
}

/* Data that passes every hook. */
static __always_inline int on_hookless(__u64 *ctx)
{
	__u64 number = number_of((void *)bpf_get_current_task(), ctx[1]);

	if ((is_hookless(number) || compares((void *)ctx[0], number)) && current_proc())
		moving_begins(ctx[0], number, 0);
	return 0;
}

TRACE(sys_enter, hook_sys_enter, 0, return on_hookless(ctx);)

HOOK(file_permission, file_permission, return on_permission((void *)ctx[0], ctx[1]);)
HOOK(file_receive, file_receive, return on_receive((void *)ctx[0]);)
HOOK(file_open, file_open, return on_file_open((void *)ctx[0]);)
HOOK(path_unlink, path_unlink, return on_name((void *)ctx[0], (void *)ctx[1], OP_UNLINK);)
HOOK(path_rmdir, path_rmdir, return on_name((void *)ctx[0], (void *)ctx[1], OP_UNLINK);)
/* A new regular file is made by an open that goes on to open it: refused here, nothing is left behind. */
HOOK(path_mknod, path_mknod,
     return on_name((void *)ctx[0], (void *)ctx[1],
		    (ctx[2] & S_IFMT) == S_IFREG || !(ctx[2] & S_IFMT) ? OP_CREATE | OP_OPEN | OP_WRITE : OP_CREATE);)
HOOK(path_mkdir, path_mkdir, return on_name((void *)ctx[0], (void *)ctx[1], OP_CREATE);)
HOOK(path_symlink, path_symlink, return on_name((void *)ctx[0], (void *)ctx[1], OP_CREATE);)
HOOK(path_truncate, path_truncate, return on_path((void *)ctx[0], OP_TRUNCATE);)
/* From 6.2 on ftruncate(2) has a hook of its own; before, path_truncate stands in both. */
HOOK(file_truncate, file_truncate, return on_path(&((struct file *)ctx[0])->f_path, OP_TRUNCATE);)
/* mount(2) and move_mount(2), by the place where something is to be mounted. */
HOOK(sb_mount, sb_mount, return on_path((void *)ctx[1], OP_MOUNT);)
HOOK(move_mount, move_mount, return on_path((void *)ctx[1], OP_MOUNT);)
/* What was asked for: what it becomes has another place in the arguments of security_mmap_file. */
HOOK_OF_TWO(mmap_file, mmap_file, return on_mmap((void *)ctx[0], ctx[1], ctx[3]);,
      return on_mmap((void *)ctx[0], ctx[1], ctx[2]);)
HOOK(path_chmod, path_chmod, return on_path((void *)ctx[0], OP_METADATA);)
HOOK(path_chown, path_chown, return on_path((void *)ctx[0], OP_METADATA);)
HOOK(inode_setxattr, inode_setxattr, return on_metadata((void *)ctx[1]);)
HOOK(inode_removexattr, inode_removexattr, return on_metadata((void *)ctx[1]);)
/* From 6.2 on; before, access control lists are extended attributes. */
HOOK(inode_set_acl, inode_set_acl, return on_metadata((void *)ctx[1]);)
HOOK(inode_remove_acl, inode_remove_acl, return on_metadata((void *)ctx[1]);)
/* From 6.9 on the hook has the arguments of its function; before, it lacks the first. */
HOOK(inode_setattr, inode_setattr, return on_attributes((void *)ctx[1], (void *)ctx[2]);)
SEC("lsm/inode_setattr") int lsm_inode_setattr_old(__u64 *ctx)
{
	return on_attributes((void *)ctx[0], (void *)ctx[1]);
}
HOOK(file_ioctl, file_ioctl, return on_ioctl((void *)ctx[0], ctx[1], ctx[2]);)
HOOK(file_ioctl_compat, file_ioctl_compat, return on_ioctl((void *)ctx[0], ctx[1], ctx[2]);)
/* file_setattr(2), from 6.17 on. */
HOOK(inode_file_setattr, inode_file_setattr, return on_metadata((void *)ctx[0]);)
/* link(old dentry, new directory, new dentry): the old name's mount is the new one's, links do not cross mounts. */
HOOK(path_link, path_link,
     return on_two_names((void *)ctx[1], (void *)ctx[0], (void *)ctx[1], (void *)ctx[2], OP_LINK);)
HOOK(path_rename, path_rename, return on_rename(ctx);)
HOOK(bprm_creds_for_exec, bprm_creds_for_exec, return exec_begins();)
HOOK(bprm_check_security, bprm_check, return exec_check((void *)ctx[0]);)
HOOK(socket_connect, socket_connect, return on_address((void *)ctx[0], (void *)ctx[1], OP_CONNECT);)
HOOK(socket_bind, socket_bind, return on_address((void *)ctx[0], (void *)ctx[1], OP_BIND);)
HOOK(socket_sendmsg, socket_sendmsg, return on_sendmsg((void *)ctx[0], (void *)ctx[1]);)
HOOK(socket_recvmsg, socket_recvmsg, return on_message((void *)ctx[0], 1);)
HOOK(unix_may_send, unix_may_send, return on_datagram((void *)ctx[1]);)

/* Signal 0 asks whether a process is there and does nothing to it. */
HOOK(task_kill, task_kill, return ctx[2] ? on_process((void *)ctx[0], OP_SIGNAL) : 0;)
/*
 * A signal that a descriptor sends its owner, perhaps out of an interrupt: who is interrupted has nothing to do with
 * it, and may be using its scratch. So rules are asked when the owner is set; who holds the rules gets none at all.
 */
HOOK_OF_NOBODY(file_send_sigiotask, file_send_sigiotask, return on_sigio((void *)ctx[0]);)
HOOK(file_fcntl, file_fcntl, return on_fcntl(ctx[1], ctx[2]);)
HOOK(ptrace_traceme, ptrace_traceme, return on_traceme((void *)ctx[0]);)
HOOK(ptrace_access_check, ptrace_access_check,
     return ctx[1] & PTRACE_MODE_ATTACH ? on_process((void *)ctx[0], OP_PTRACE) : 0;)
HOOK(bpf, bpf, return on_bpf();)
HOOK(sb_umount, sb_umount, return on_umount((void *)ctx[0], ctx[1]);)

/* One body for hooks that only tell. */
#define TELL(name, function, body)                                     \
	SEC("lsm/" #name) int lsm_##name(__u64 *ctx) { body return 0; }  \
	SEC("fentry/security_" #function) int mod_##name(__u64 *ctx) { body return 0; } \
	SEC("kprobe/security_" #function) int first_##name(struct pt_regs *regs)      \
	{                                                                            \
		__u64 ctx[] = ARGUMENTS_OF(regs);                                        \
		body return 0;                                                          \
	}

TELL(inode_free_security, inode_free, inode_gone((void *)ctx[0]);)
TELL(sk_free_security, sk_free, socket_gone((void *)ctx[0]);)

SEC("raw_tp/sys_exit") int first_slip(__u64 *ctx)
{
	slip_seen(ctx[1]);
	return 0;
}

/* What was read is known at the end of the call, before the caller can use it. */
SEC("raw_tp/sys_exit") int hook_sys_read(__u64 *ctx)
{
	if (current_proc())
		moving_ends(ctx[1]);
	return 0;
}

TRACE(sched_process_exec, hook_exec_done, execs_begun(), return exec_done((void *)ctx[2]);)

#endif
