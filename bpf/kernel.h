/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * kernel.h: the kernel's types as far as the programs read them. Only names matter: CO-RE
 * relocates every access to the running kernel's layout, so a build needs no vmlinux.h.
 */
#ifndef ACTPLANE_KERNEL_H
#define ACTPLANE_KERNEL_H

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
#define true 1
#define false 0

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};

#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_F_NO_PREALLOC 1
#define BPF_F_MMAPABLE (1 << 10)
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_RB_AVAIL_DATA 0
#define BPF_RB_RING_SIZE 1
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct dentry;

typedef struct {
	__u8 b[16];
} uuid_t;

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct super_block {
	__u32 s_dev;
	uuid_t s_uuid;
	unsigned long s_flags;
	unsigned long s_magic;
	struct dentry *s_root;
};

typedef struct {
	int counter;
} atomic_t;

struct inode {
	__u16 i_mode;
	__u32 i_rdev;
	unsigned long i_ino;
	__u32 i_generation;
	__u32 i_nlink;
	atomic_t i_count;
	struct super_block *i_sb;
	struct hlist_head i_dentry;
};

/* Of xfs, where it is a part of the kernel. */
struct xfs_inode {
	struct inode i_vnode;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	union {
		struct hlist_node d_alias;
	} d_u;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	int mnt_id;
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	void *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	__u32 f_mode;
	__u32 f_flags;
	void *private_data;
};

struct fdtable {
	__u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct mnt_namespace;

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	__u32 flags;
};

typedef struct {
	unsigned long pgd;
} pgd_t;

struct mm_struct {
	pgd_t *pgd;
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
	struct file *exe_file;
};

struct thread_info {
	__u32 status;
};

struct list_head {
	struct list_head *next;
};

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[1];
	struct upid numbers[1];
};

/* Of /proc/PID/...: whose it is. */
struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
};

struct task_struct {
	struct thread_info thread_info;
	__u32 flags;
	__u32 ptrace;
	int pid;
	int tgid;
	int exit_code;
	unsigned long nvcsw;  /* times it left the processor by itself */
	unsigned long nivcsw; /* and was made to */
	__u64 self_exec_id;   /* programs that it has begun */
	struct task_struct *real_parent;
	struct task_struct *parent; /* who traces it, where somebody does */
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct mm_struct *mm;
	struct files_struct *files;
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct list_head ptraced;      /* its tracees, by their ptrace_entry, the newest first */
	struct list_head ptrace_entry;
	struct hlist_node pid_links[1];
};

struct linux_binprm {
	struct mm_struct *mm;
	unsigned long p;
	unsigned long exec;
	int argc;
	struct file *file;
	const char *filename;
	const char *interp;
};

struct iattr {
	unsigned int ia_valid;
};

struct in6_addr {
	__u32 in6_u[4];
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_family;
	unsigned char skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct net_device {
	unsigned int flags;
};

struct dst_entry {
	struct net_device *dev;
};

struct socket;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	struct pid *sk_peer_pid;
	struct socket *sk_socket;
	struct dst_entry *sk_dst_cache;
};

struct inet_sock {
	__be16 inet_sport;
};

struct unix_address;

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct socket {
	__s16 type;
	struct file *file;
	struct sock *sk;
};

struct tty_driver {
	int major;
};

struct tty_struct {
	struct tty_driver *driver;
	int index;
};

struct tty_file_private {
	struct tty_struct *tty;
};

struct msghdr {
	void *msg_name;
	int msg_namelen;
	unsigned int msg_flags;
};

struct pt_regs {
	unsigned long bx; /* the first argument of a 32-bit call */
	unsigned long di;
	unsigned long si;
	unsigned long dx;
	unsigned long cx; /* the second argument of a 32-bit call, the fourth one of a function */
	unsigned long r10;
	unsigned long r8;
	unsigned long ax;
	unsigned long orig_ax;
};

#pragma clang attribute pop

/* Context of the cgroup packet programs, as far as it is read: a stable kernel interface too. */
struct bpf_sock {
	__u32 bound_dev_if;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 mark;
	__u32 priority;
	__u32 src_ip4;
	__u32 src_ip6[4];
	__u32 src_port;
};

struct __sk_buff {
	__u32 words[42];
	struct bpf_sock *sk;
};

/* Context of the cgroup socket-address programs: a stable kernel interface, not relocated. */
struct bpf_sock_addr {
	__u32 user_family;
	__u32 user_ip4;
	__u32 user_ip6[4];
	__u32 user_port;
	__u32 family;
	__u32 type;
	__u32 protocol;
};

/* Mounted by the kernel for itself: pipes, sockets, memfds. Their objects have no path. */
#define SB_KERNMOUNT (1ul << 22)

#define S_IFMT 00170000
#define S_IFREG 0100000
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFSOCK 0140000
#define MAY_WRITE 2u
#define MAY_READ 4u
#define S_IFDIR 0040000

#define FMODE_READ 1u
#define FMODE_WRITE 2u
#define FMODE_CREATED (1u << 20)
#define FMODE_EXEC_FLAG 0x20u /* __FMODE_EXEC in f_flags: the kernel opens a program, not a process a file */
#define O_TRUNC 01000u
#define O_CREAT 0100u
#define PTRACE_MODE_ATTACH 2u
#define MAP_SHARED 1u
#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206
#define PROC_SUPER_MAGIC 0x9fa0ul
#define TMPFS_MAGIC 0x01021994ul
#define RENAME_EXCHANGE 2u
#define ATTR_MODE 1u
#define ATTR_UID 2u
#define ATTR_GID 4u
#define ATTR_SIZE 8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
#define FS_IOC_SETFLAGS 0x40086602u
#define FS_IOC32_SETFLAGS 0x40046602u
#define FS_IOC_FSSETXATTR 0x401c5820u
#define FIOSETOWN 0x8901u
#define SIOCSPGRP 0x8902u
#define F_SETOWN 8u
#define F_SETOWN_EX 15u
#define AT_FDCWD (-100)
#define AT_REMOVEDIR 0x200

#define ZERO_DEVICE (1u << 20 | 5) /* /dev/zero */
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define MSG_FASTOPEN 0x20000000u /* the call connects, and may send with the first packet */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

#define SIGKILL 9
#define EPERM 1
#define EFAULT 14
#define SIGNAL_GROUP_EXIT 4u
#define PF_DUMPCORE 0x200u

#endif
