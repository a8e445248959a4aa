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
};

/* Is this a directory that was renamed? The first one on the way up decides where what is below it was. */
static __always_inline void moved_look(struct path_walk *walk)
{
	struct scratch *scratch = walk->scratch;
	struct dentry *dentry = (void *)walk->dentry;
	struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct object_key key;
	struct moved *moved_dir;

	if (!inode || scratch->moved_at || scratch->climb.at >= PATH_BYTES)
		return;
	__builtin_memset(&key, 0, sizeof(key));
	key_fill(&key, (__u64)inode, scratch->moved_session);
	moved_dir = bpf_map_lookup_elem(&moved, &key);
	if (!moved_dir)
		return;
	scratch->moved_at = scratch->climb.at + 1; /* behind the slash */
	bpf_probe_read_kernel(scratch->lists.moved, sizeof(scratch->lists.moved), moved_dir->states);
}

static long path_step(__u32 index, struct path_walk *walk)
{
	struct dentry *dentry = (void *)walk->dentry;
	struct mount *mount = (void *)walk->mount;

	if (walk->dentry == walk->root) {
		struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

		if (parent == mount) {
			walk->scratch->climb.resolved = 1;
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

	if (walk->scratch->climb.skip) {
		walk->scratch->climb.skip--;
		walk->dentry = (__u64)up;
		return 0;
	}

	if (with_names && walk->scratch->moved_session)
		moved_look(walk);

	__u32 length = BPF_CORE_READ(dentry, d_name.len);
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	__u32 at = walk->scratch->climb.at;

	if (length >= NAME_BYTES || at < length + 1)
		return 1;
	at -= length + 1;
	asm volatile("" : "+r"(at)); /* keep the bound in the register the verifier looks at */
	if (at >= PATH_BYTES)
		return 1;
	walk->scratch->path[at] = '/';
	if (bpf_probe_read_kernel(&walk->scratch->path[at + 1], length & (NAME_BYTES - 1), name))
		return 1;
	walk->scratch->climb.at = at;
	walk->dentry = (__u64)up;
	return 0;
}

static __always_inline struct mount *mount_of(__u64 vfsmount)
{
	return (void *)(vfsmount - __builtin_preserve_field_info(((struct mount *)0)->mnt, BPF_FIELD_BYTE_OFFSET));
}

/* In place of names to skip: up to the file system's own root, whatever part of it is mounted where. */
#define IN_FILE_SYSTEM (~0u)
/* Kept with the climb: in a register the verifier would follow the climb once for each of its values. */
#define RESOLVED_INSIDE 2

/*
 * Put the path of `dentry`, less its last `skip` names, before what stands in the scratch from `at` on.
 * 0: it cannot be resolved. One function for both kinds of path, for the verifier follows a loop in each place.
 */
GLOBAL int path_prepend(struct scratch *scratch, __u64 vfsmount, __u64 dentry, __u32 at, __u32 skip)
{
	struct path_walk walk = {
		.scratch = scratch,
		.dentry = dentry,
		.mount = (__u64)mount_of(vfsmount),
	};
	struct dentry *file = (void *)dentry;
	struct path_climb *climb;

	if (!scratch)
		return 0;
	climb = &scratch->climb;
	climb->at = at;
	climb->skip = skip == IN_FILE_SYSTEM ? 0 : skip;
	climb->resolved = skip == IN_FILE_SYSTEM ? RESOLVED_INSIDE : 0;
	walk.root = (__u64)BPF_CORE_READ((struct vfsmount *)vfsmount, mnt_root);
	bpf_loop(PATH_STEPS_MAX, path_step, &walk, 0);
	/* There path_step stopped, unresolved. */
	if (climb->resolved == RESOLVED_INSIDE)
		return walk.dentry == (__u64)BPF_CORE_READ(file, d_sb, s_root);
	if (!climb->resolved)
		return 0;
	if (climb->at == PATH_BYTES) {
		/* The root of all: no name was found on the way. */
		climb->at = PATH_BYTES - 1;
		scratch->path[PATH_BYTES - 1] = '/';
	}
	scratch->path_at = climb->at;
	scratch->path_end = PATH_BYTES;
	return 1;
}

/* Put the path of `dentry` on `vfsmount` into the scratch. 0: it cannot be resolved. */
static __always_inline int path_resolve(struct scratch *scratch, __u64 vfsmount, __u64 dentry)
{
	return path_prepend(scratch, vfsmount, dentry, PATH_BYTES, 0);
}

/*
 * Put the canonical path before the rest: where the file system is mounted for the supervisor, and the
 * object's path inside it. 0: it is the path by which the file was found, or that mount is not known.
 */
GLOBAL int path_canonical(struct scratch *scratch, __u64 vfsmount, __u64 dentry)
{
	struct mount *mount = mount_of(vfsmount);
	struct dentry *file = (void *)dentry;
	struct mount_place *place;
	__u32 device, at, bytes;

	if (!scratch)
		return 0;
	device = BPF_CORE_READ(file, d_sb, s_dev);
	place = bpf_map_lookup_elem(&mounts, &device);
	if (!place || place->id == (__u32)BPF_CORE_READ(mount, mnt_id))
		return 0;
	if (!path_prepend(scratch, 0, dentry, PATH_BYTES, IN_FILE_SYSTEM))
		return 0;
	bytes = place->bytes & MOUNT_PREFIX_MAX;
	at = scratch->climb.at;
	if (at < bytes)
		return 0;
	at -= bytes;
	asm volatile("" : "+r"(at));
	if (at >= PATH_BYTES)
		at = PATH_BYTES - 1;
	bpf_probe_read_kernel(&scratch->path[at], bytes, place->prefix);
	scratch->path_at = at;
	scratch->path_end = PATH_BYTES;
	return 1;
}

/*
 * A mount in nobody's namespace (the pointer is an error), by which overlayfs reaches what lies below it: its
 * root is no place, and what is opened through it may lie elsewhere.
 */
static __always_inline bool is_private(__u64 vfsmount)
{
	return (__u64)BPF_CORE_READ(mount_of(vfsmount), mnt_ns) >= (__u64)-4096;
}

struct name_folding {
	struct scratch *scratch;
};

/* One byte, or with index == bytes the end of the first name. `.`, `..` and empty names go as they end. */
static long name_fold_step(__u32 index, struct name_folding *folding)
{
	struct name_fold *fold = &folding->scratch->fold;
	__u8 *path = folding->scratch->path;
	__u32 at = fold->bytes - 1 - index;
	__u32 back = fold->back, length = fold->out - back;
	__u8 byte = index < fold->bytes ? path[at & (PATH_BYTES - 1)] : '/';
	bool dots, double_dots;

	if (byte != '/') {
		fold->back = back - 1;
		path[(back - 1) & (PATH_BYTES - 1)] = byte;
		return 0;
	}
	dots = length == 1 && path[back & (PATH_BYTES - 1)] == '.';
	double_dots = length == 2 && path[back & (PATH_BYTES - 1)] == '.' &&
		      path[(back + 1) & (PATH_BYTES - 1)] == '.';
	if (double_dots) {
		fold->skip++;
	} else if (length && !dots) {
		if (fold->skip) {
			fold->skip--;
		} else {
			fold->out = back - 1;
			path[(back - 1) & (PATH_BYTES - 1)] = '/';
		}
	}
	fold->back = fold->out;
	return index >= fold->bytes;
}

/*
 * Put the path that the caller wrote at user address `name` into the scratch, absolute from the
 * directory (or the root) `base` it is relative to. Symbolic links on the way are not followed.
 * 0: it cannot be read.
 */
GLOBAL int name_resolve(struct scratch *scratch, __u64 name, struct path_base *base)
{
	struct name_folding folding = { .scratch = scratch };
	struct name_fold *fold;
	bool absolute;
	long bytes;

	if (!scratch || !base)
		return 0;
	bytes = bpf_probe_read_user_str(scratch->path, PATH_BYTES, (void *)name);
	if (bytes <= 1)
		return 0;
	fold = &scratch->fold;
	fold->bytes = bytes - 1;
	fold->out = PATH_BYTES;
	fold->back = PATH_BYTES;
	fold->skip = 0;
	absolute = scratch->path[0] == '/';
	bpf_loop(PATH_BYTES, name_fold_step, &folding, 0);
	return absolute ? path_prepend(scratch, base->root_mount, base->root_dentry, fold->out, 0)
			: path_prepend(scratch, base->mount, base->dentry, fold->out, fold->skip);
}

#endif
