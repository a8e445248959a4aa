/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * loader.h: a program handed to its loader, `ld.so PROGRAM ARGS`. To the kernel that is an exec of the
 * loader, which then maps the program as it maps libraries. With hooks, each file that a process maps
 * executable while its own program is a loader is judged as if it were run; without, the loader's
 * arguments are judged as paths of programs.
 */
#ifndef ACTPLANE_LOADER_H
#define ACTPLANE_LOADER_H

#define PROT_EXEC 4u
#define LOADER_NAME_BYTES 8
/* More than any process has: the arguments' end is known by its address. */
#define ARGUMENTS_MANY (1u << 24)

/* By what every C library calls it: ld-linux*, ld-musl*, ld-2.31.so, ld.so, ld64.so. */
static __always_inline bool is_loader(struct file *file)
{
	char name[LOADER_NAME_BYTES] = {};

	bpf_probe_read_kernel(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	if (name[0] != 'l' || name[1] != 'd')
		return false;
	return name[2] == '-' || (name[2] == '.' && name[3] == 's' && name[4] == 'o') ||
	       (name[2] == '6' && name[3] == '4' && name[4] == '.');
}

/* Options before the program hide which argument is whose: then all count as matching. */
static __always_inline bool has_options(struct scratch *scratch, struct args_source *source)
{
	long bytes = bpf_probe_read_user_str(scratch->chunk, CHUNK_BYTES, (void *)source->from);
	char first = '-';

	if (bytes > 0)
		bpf_probe_read_user(&first, sizeof(first), (void *)(source->from + bytes));
	return first == '-';
}

/* Not 0: refused, where the hook can. */
GLOBAL int loader_event(struct mapping *mapping)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct scratch *scratch = current_scratch();
	struct file *file, *own;
	struct proc *proc = current_proc();
	struct image_header *image;
	struct args_source source = {};
	struct verdict *v;
	int result;

	if (!mapping)
		return 0;
	file = (void *)mapping->file;
	own = BPF_CORE_READ(task, mm, exe_file);
	if (!proc || !own || own == file || !is_loader(own))
		return 0;
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, OP_EXEC, mapping->refuses))
		return -EPERM;
	image = image_of(v);
	if (!image || !(image->exec_ops & OP_EXEC))
		return image ? 0 : -EPERM;
	source.from = BPF_CORE_READ(task, mm, arg_start);
	source.end = BPF_CORE_READ(task, mm, arg_end);
	source.count = ARGUMENTS_MANY;
	if (has_options(scratch, &source))
		v->flags |= EVENT_STRICT_ARGS;
	if (!path_resolve(scratch, (__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry))) {
		count(COUNTER_STRICT_PATH);
		v->flags |= EVENT_STRICT_PATH;
		scan_all(v);
	} else {
		names_clear(scratch); /* and nothing is earned: a loader's options can put any code into the program */
		exec_name(scratch, v, 0, 1);
		exec_judge(scratch, v, &source);
		data_of_path(&scratch->data, scratch);
	}
	result = conclude(v, proc, &scratch->data, true);
	if (!result && v->outcome < OUTCOME_REFUSED) {
		labels_switch(proc, v);
	}
	return result;
}

/* Arguments of a loader that may be its program: options with values stand before it. */
#define LOADER_ARGUMENTS 8

/* Judge each of a loader's first arguments that is no option as a program, invoked by that path. */
GLOBAL int loader_arguments(struct scratch *scratch, struct verdict *v, struct args_source *source)
{
	__u64 at;

	if (!scratch || !v || !source)
		return 0;
	at = source->from;
	for (int i = 0; i < LOADER_ARGUMENTS; i++) {
		long bytes = at < source->end ? bpf_probe_read_user_str(scratch->path, PATH_BYTES, (void *)at) : 0;

		if (bytes <= 0)
			break;
		at += bytes;
		if (!i || bytes == 1 || scratch->path[0] == '-')
			continue;
		scratch->path_at = 0;
		scratch->path_end = bytes - 1;
		names_clear(scratch);
		exec_name(scratch, v, 0, i);
		exec_judge(scratch, v, source);
	}
	return 0;
}

#endif
