/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * file.h: one operation on one named file, decided. The hooks (tier_*.h) say which operations an
 * event is and what its object is; here is what follows from it.
 */
#ifndef ACTPLANE_FILE_H
#define ACTPLANE_FILE_H

/* Operations that give an object another name. */
#define OP_NAMES (OP_RENAME | OP_LINK)

/* Of a descriptor that was judged before: what the new labels change; only what it does to gates. */
enum file_ask { ASK_ALL = 0, ASK_AGAIN = 1, ASK_CHANGES = 2 };

struct way_walk {
	struct scratch *scratch;
	struct verdict *v;
	__u32 way;
	__u32 own; /* image of the domain */
};

static long way_walk_step(__u32 index, struct way_walk *walk)
{
	struct scratch *scratch = walk->scratch;
	struct verdict *v = walk->v;
	__u32 group = index & (GROUPS_MAX - 1), way = walk->way & (WAYS - 1);
	struct kept *list = &scratch->lists.ways[way][group], *from = &scratch->lists.moved[group];
	int accept;

	scratch->from = 0;
	if (way == WAY_MOVED) {
		/* Behind a renamed directory a dead automaton has nothing to say. */
		if (!from->at)
			return 0;
		scratch->from = from->at;
		v->base = from->base;
	}
	list->base = v->base;
	accept = path_accept(scratch, v, AUTOMATON_PATH, group);
	v->base = walk->own;
	if (accept < 0)
		return 1;
	list->at = accept;
	return 0;
}

/*
 * Walk every PATH group over the scratch's path and keep what accepts it. By the way of a renamed directory
 * each group is walked from the state that was kept, in the image it was kept of.
 */
static __always_inline void way_walk(struct scratch *scratch, struct verdict *v, __u32 way)
{
	struct way_walk walk = { .scratch = scratch, .v = v, .way = way, .own = v->base };

	bpf_loop(groups_here(), way_walk_step, &walk, 0);
	scratch->from = 0;
}

struct ways_scan {
	struct scratch *scratch;
	struct verdict *v;
	__u32 wanted;
};

static long ways_scan_step(__u32 index, struct ways_scan *scan)
{
	struct file_lists *lists = &scan->scratch->lists;
	__u32 group = index & (groups_here() - 1), way = index / groups_here() & (WAYS - 1);
	struct kept *list = &lists->ways[way][group], *first = &lists->ways[WAY_PATH][group];

	if (list->at && (way == WAY_PATH || list->at != first->at || list->base != first->base))
		scan_kept(scan->v, list->base, list->at, scan->wanted);
	return 0;
}

/* Apply the entries of every list that accepts the file, by whichever way; a list that stands there twice, once. */
static __always_inline void ways_scan(struct scratch *scratch, struct verdict *v, __u32 wanted)
{
	struct ways_scan scan = { .scratch = scratch, .v = v, .wanted = wanted };

	bpf_loop(WAYS * groups_here(), ways_scan_step, &scan, 0);
}

/* The lists that an object carries from an earlier name. */
static __always_inline void object_lists(struct scratch *scratch, struct verdict *v, __u64 inode)
{
	struct object_key key;
	struct object *object;

	object_key_of(&key, inode, v->session);
	object = bpf_map_lookup_elem(&objects, &key);
	if (object && object->named)
		EACH_GROUP(i)
			scratch->lists.ways[WAY_OBJECT][i] = object->lists[i];
}

static __always_inline void ways_clear(struct scratch *scratch)
{
	for (int way = 0; way < WAYS; way++)
		EACH_GROUP(i)
			scratch->lists.ways[way][i].at = 0;
	scratch->moved_session = 0;
	scratch->moved_at = 0;
}

/*
 * Where a file was not remembered, for want of room, its rename or link leaves what rules say of it with its new name
 * instead: whoever opens it by that finds it. What is made under the name later has nothing of it.
 */
struct path_fold {
	struct scratch *scratch;
	__u64 one;
	__u64 other;
};

static long path_fold_step(__u32 index, struct path_fold *fold)
{
	struct scratch *scratch = fold->scratch;
	__u32 at = scratch->walk_at;

	if (at >= PATH_BYTES || at >= scratch->path_end)
		return 1;
	scratch->walk_at = at + 1;
	fold->one = (fold->one ^ scratch->path[at]) * 0x100000001b3ull;
	fold->other = (fold->other + scratch->path[at]) * 0x9e3779b97f4a7c15ull;
	return 0;
}

/* The key of the scratch's path. */
static __always_inline void name_key(struct object_key *key, struct scratch *scratch, __u32 session)
{
	struct path_fold fold = { .scratch = scratch, .one = names_seed, .other = ~names_seed };

	scratch->walk_at = scratch->path_at;
	bpf_loop(PATH_BYTES, path_fold_step, &fold, 0);
	__builtin_memset(key, 0, sizeof(*key));
	key->device = CHANNEL_NAME;
	key->inode = fold.one;
	key->generation = fold.other >> 32;
	key->system = fold.other;
	key->session = session;
}

/* The lists that the scratch's path carries itself; what was made under it just now has none. */
GLOBAL int name_lists(struct scratch *scratch, struct verdict *v)
{
	struct object_key key;
	struct object *name;

	if (!remembers_names || !scratch || !v || !names_given)
		return 0;
	name_key(&key, scratch, v->session);
	if ((v->ops & (OP_CREATE | OP_NAMES)) == OP_CREATE) {
		bpf_map_delete_elem(&objects, &key);
		return 0;
	}
	name = bpf_map_lookup_elem(&objects, &key);
	if (name)
		EACH_GROUP(i)
			scratch->lists.ways[WAY_OBJECT][i] = name->lists[i];
	return 0;
}

/* A name goes, or leads to what another one led to: after the call that did it, and the old name before the new one. */
GLOBAL int name_moves(struct scratch *scratch, struct verdict *v)
{
	struct file_lists *lists;
	struct object_key key;
	struct object *name;
	__u32 differs = 0;

	if (!remembers_names || !scratch || !v || !names_missed)
		return 0;
	lists = &scratch->lists;
	name_key(&key, scratch, v->session);
	if (v->ops & (OP_RENAME | OP_UNLINK | OP_CREATE))
		bpf_map_delete_elem(&objects, &key);
	EACH_GROUP(i) {
		if (v->ops & OP_CREATE)
			differs |= lists->next[i].at != lists->ways[WAY_PATH][i].at ? lists->next[i].at : 0;
		else
			lists->next[i] = lists->ways[WAY_OBJECT][i].at ? lists->ways[WAY_OBJECT][i] : lists->ways[WAY_PATH][i];
	}
	name = differs ? object_make_at(&key) : 0;
	if (!name)
		return 0;
	EACH_GROUP(i)
		name->lists[i] = lists->next[i];
	names_given = 1;
	return 0;
}

/* The one way of a file of which only the name is known. 0: it cannot be resolved. */
GLOBAL int name_ways(struct scratch *scratch, struct verdict *v, struct file_request *request)
{
	if (!with_paths || !scratch || !v || !request)
		return 0;
	ways_clear(scratch);
	if (!name_resolve(scratch, request->name, &request->base))
		return 0;
	way_walk(scratch, v, WAY_PATH);
	name_lists(scratch, v);
	return 1;
}

/*
 * Every way to name the file: the path by which it was found, its canonical path, the one below a renamed
 * directory's old name, and its own earlier names. The scratch's path is the first at the end. 0: it cannot be
 * resolved.
 */
GLOBAL int file_ways(struct scratch *scratch, struct verdict *v, struct file_request *request)
{
	struct session *session;
	__u32 canonical, at;
	int found;

	if (!with_paths || !scratch || !v || !request)
		return 0;
	session = session_of(v);
	ways_clear(scratch);
	if (!session)
		return 0;
	canonical = path_canonical(scratch, request->base.mount, request->base.dentry);
	if (canonical)
		way_walk(scratch, v, WAY_CANONICAL);
	scratch->moved_session = session->moved_directories ? v->session : 0;
	/* Without a mount, through one that is no place, or above its root, the canonical path is the only one. */
	found = request->base.mount && !(canonical && is_private(request->base.mount)) &&
		path_resolve(scratch, request->base.mount, request->base.dentry);
	if (!found && canonical) {
		scratch->moved_at = 0;
		found = path_canonical(scratch, request->base.mount, request->base.dentry);
	}
	scratch->moved_session = 0;
	if (!found)
		return 0;
	at = scratch->path_at;
	if (with_names && scratch->moved_at) {
		scratch->path_at = scratch->moved_at;
		way_walk(scratch, v, WAY_MOVED);
		scratch->path_at = at;
	}
	way_walk(scratch, v, WAY_PATH);
	name_lists(scratch, v);
	if (with_names && session->named_objects && request->inode && !(request->remembers && v->ops & OP_CREATE))
		object_lists(scratch, v, request->inode);
	return 1;
}

/*
 * The labels that the file sources give to whoever reads the object: by the lists of its ways, or by the
 * name in the scratch. `v->seen` is borrowed for it.
 */
GLOBAL int path_sources(struct scratch *scratch, struct verdict *v, struct labels *sources, __u32 by_ways)
{
	__u32 ops;

	if (!with_flow || !scratch || !v || !sources)
		return 0;
	ops = v->ops;
	v->ops = OP_READ;
	/* What the rules have seen waits in `sources` meanwhile: the stack is short here. */
	EACH_LABEL_WORD(i) {
		sources->words[i] = v->seen[i];
		v->seen[i] = 0;
	}
	if (by_ways) {
		ways_scan(scratch, v, 1u << ENTRY_LABEL);
	} else {
		EACH_GROUP(i) {
			int accept = path_accept(scratch, v, AUTOMATON_PATH, i);

			if (accept < 0)
				break;
			scan_list(v, accept, 1u << ENTRY_LABEL);
		}
	}
	v->ops = ops;
	EACH_LABEL_WORD(i) {
		__u32 found = v->seen[i];

		v->seen[i] = sources->words[i];
		sources->words[i] = found;
	}
	return 0;
}

/* The scratch's path is a folder that moves, or may be one: what is below it moves, too. */
GLOBAL int below_scan(struct scratch *scratch, struct verdict *v, __u32 is_certain)
{
	if (!with_gates || !scratch || !v)
		return 0;
	EACH_GROUP(i) {
		if (path_accept(scratch, v, AUTOMATON_PATH, i) < 0)
			break;
		if (is_certain)
			v->stales |= gates_below(scratch, v);
		else
			scan_list(v, any_below(scratch), 1u << ENTRY_STALE);
	}
	return 0;
}

/* A rename: of a folder, by every path to it; where only the name is known, of what may be one. */
GLOBAL int below_stale(struct scratch *scratch, struct verdict *v, struct file_request *request)
{
	if (!with_gates || !scratch || !v || !request)
		return 0;
	if (request->name)
		return below_scan(scratch, v, 0);
	if (!request->folder)
		return 0;
	if (path_canonical(scratch, request->base.mount, request->base.dentry))
		below_scan(scratch, v, 1);
	if (path_resolve(scratch, request->base.mount, request->base.dentry))
		below_scan(scratch, v, 1);
	return 0;
}

/* Resolve the name and let the rules see it. A name that cannot be had takes the strict side. */
static __always_inline void file_judge(struct scratch *scratch, struct verdict *v, struct file_request *request,
				       bool opened)
{
	bool is_name = !opened && request->name;
	struct image_header *image = image_of(v);
	bool is_about = image && image->path_ops & v->ops;

	scratch->path_at = PATH_BYTES;
	/* A name that is new or is to be remembered has to be known for every rule about paths: the object may be one it is about. */
	if (!image || !(is_about || ((v->ops & OP_NAMES || request->remembers) && image->path_ops)))
		return;
	if (is_name ? name_ways(scratch, v, request) : file_ways(scratch, v, request)) {
		ways_scan(scratch, v, CHANGES);
		if (!opened && v->ops & OP_RENAME)
			below_stale(scratch, v, request);
		if (request->ask != ASK_CHANGES)
			ways_scan(scratch, v, CLAUSES);
		return;
	}
	if (is_internal(request->inode) || (request->remembers && !is_about))
		return;
	count(COUNTER_STRICT_PATH);
	v->flags |= EVENT_STRICT_PATH;
	scan_all(v);
}

struct names_keep {
	struct scratch *scratch;
	struct verdict *v;
	struct moved *moved_dir;
	__u32 differs; /* not 0: a list of the old name that the new one has not */
	__u32 at;
	__u32 own; /* image of the domain */
};

/* Leave in WAY_PATH the list that says most of what the object was before it gets another name. */
static long list_keep(__u32 index, struct names_keep *keep)
{
	struct file_lists *lists = &keep->scratch->lists;
	__u32 group = index & (GROUPS_MAX - 1);
	struct kept *kept = &lists->ways[WAY_PATH][group], *next = &lists->next[group];

	if (lists->ways[WAY_MOVED][group].at)
		*kept = lists->ways[WAY_MOVED][group];
	else if (!kept->at)
		*kept = lists->ways[WAY_CANONICAL][group];
	/* The new name may have been judged by the policy before: then they are never the same. */
	if (kept->at != next->at || kept->base != next->base)
		keep->differs |= kept->at;
	return 0;
}

/* Where the automata of a group stand behind a directory. Below one that moved before, what counts is where that one was. */
static long state_keep(__u32 index, struct names_keep *keep)
{
	struct scratch *scratch = keep->scratch;
	struct verdict *v = keep->v;
	__u32 group = index & (GROUPS_MAX - 1);
	struct kept *from = &scratch->lists.moved[group], *state = &keep->moved_dir->states[group];

	scratch->from = 0;
	scratch->path_at = keep->at;
	if (scratch->moved_at && from->at) {
		scratch->from = from->at;
		scratch->path_at = scratch->moved_at;
		v->base = from->base;
	}
	if (path_accept(scratch, v, AUTOMATON_PATH, group) >= 0) {
		state->base = v->base;
		state->at = state_behind_slash(scratch);
	}
	v->base = keep->own;
	return 0;
}

/*
 * Whether an object that is opened by a name may be remembered by it. More than half of the table they never are: labels
 * always find room. What is refused counts as a fresh one, for when many were removed.
 */
static __always_inline bool name_has_room(struct verdict *v, __u64 inode)
{
	struct object_key key;

	if (!remembers_names || v->ops & OP_NAMES || names_remembered < NAMES_MAX)
		return true;
	object_key_of(&key, inode, v->session);
	if (bpf_map_lookup_elem(&objects, &key))
		return true;
	objects_fresh++;
	names_missed = 1;
	count(COUNTER_NAMES_FULL);
	return false;
}

/*
 * The object gets another name: what rules said of this one goes on to hold. A directory takes along what
 * is below it. Not 0: there is no room for that, and the operation has to be refused.
 */
GLOBAL int name_keep(struct scratch *scratch, struct verdict *v, __u64 inode)
{
	bool is_directory = (BPF_CORE_READ((struct inode *)inode, i_mode) & S_IFMT) == S_IFDIR;
	struct session *session;
	struct object_key key;
	struct object *object;
	struct names_keep keep = { .scratch = scratch, .v = v };
	bool is_new;

	if (!with_names || !scratch || !v)
		return 0;
	/* What was just made is not what its number stood for before: without hooks nobody is told of the end of that. */
	is_new = v->ops & OP_CREATE;
	session = session_of(v);
	if (!session)
		return -EPERM;
	keep.own = v->base;
	bpf_loop(groups_here(), list_keep, &keep, 0);
	if (keep.differs) {
		if (!name_has_room(v, inode))
			return 0;
		object = object_make(v, inode, &key);
		if (!object)
			return -EPERM;
		/* The first name stays: a later one was in the agent's hands. */
		if (!object->named || is_new) {
			EACH_GROUP(i)
				object->lists[i] = scratch->lists.ways[WAY_PATH][i];
			if (remembers_names)
				object->inode = inode | lives_in_memory(inode);
			object_is_named(object, 1);
			__sync_fetch_and_add(&session->named_objects, 1);
		}
	} else if (is_new) {
		object_key_of(&key, inode, v->session);
		object = bpf_map_lookup_elem(&objects, &key);
		if (object)
			object_is_named(object, 0);
	}
	if (!is_directory || !(v->ops & OP_RENAME))
		return 0;
	object_key_of(&key, inode, v->session);
	if (bpf_map_lookup_elem(&moved, &key))
		return 0;
	bpf_map_update_elem(&moved, &key, &not_moved, BPF_NOEXIST);
	keep.moved_dir = bpf_map_lookup_elem(&moved, &key);
	if (!keep.moved_dir) {
		count(COUNTER_OBJECTS_FULL);
		return -EPERM;
	}
	keep.at = scratch->path_at;
	bpf_loop(groups_here(), state_keep, &keep, 0);
	scratch->from = 0;
	scratch->path_at = keep.at;
	__sync_fetch_and_add(&session->moved_directories, 1);
	return 0;
}

/* Files and FIFOs give to a reader what a writer gave to them. Devices do not: /dev/null is nobody's secret. */
GLOBAL int holds_data(__u64 inode)
{
	__u16 kind = BPF_CORE_READ((struct inode *)inode, i_mode) & S_IFMT;

	return kind == S_IFREG || kind == S_IFIFO;
}

/* As name_keep, of an object that has this name and may get another one unseen. */
static __always_inline int name_remember(struct scratch *scratch, struct verdict *v, __u64 inode)
{
	EACH_GROUP(i)
		scratch->lists.next[i].at = 0;
	return name_keep(scratch, v, inode);
}

/* The process takes what it saw of the name in the scratch; who asks where its labels come from is told that. */
GLOBAL int labels_take(struct scratch *scratch, struct verdict *v, struct proc *proc)
{
	if (!scratch || !v || !proc || !labels_acquire(proc, v))
		return 0;
	data_of_path(&scratch->data, scratch);
	emit(EVENT_LABEL, v, proc, 0, &scratch->data);
	return 0;
}

/* What goes on when the operation goes ahead: labels of the process and of the object, gates. Not 0: no room. */
static __always_inline int file_commit(struct scratch *scratch, struct verdict *v, struct proc *proc, __u64 inode,
				       bool opened)
{
	if (v->ops & OP_READ)
		labels_take(scratch, v, proc);
	if (v->ops & (OP_WRITE | OP_CREATE | OP_TRUNCATE) && holds_data(inode)) {
		core_uncover(proc);
		object_write(v, (struct labels *)proc->labels, inode);
	}
	/* Under its new name no source pattern may match: the object itself carries the label from here on. */
	if (!opened && with_names && v->ops & OP_NAMES && !(v->ops & OP_CREATE) && inode) {
		path_sources(scratch, v, &scratch->labels, 1);
		object_write(v, &scratch->labels, inode);
		if (name_keep(scratch, v, inode))
			return -EPERM;
	}
	if (!with_gates)
		return 0;
	if (v->stales) {
		__u64 closed = gates_stale(v, proc, v->stales);

		if (closed) {
			data_of_path(&scratch->data, scratch);
			emit(EVENT_GATE_STALE, v, proc, closed, &scratch->data);
		}
	}
	if (v->opens) {
		gates_open(v, proc, v->opens);
		emit(EVENT_GATE_START, v, proc, v->opens, &scratch->data);
	}
	return 0;
}

/* ---- descriptors that are open ---- */

static __always_inline void judged_what(struct judged *judged, __u64 address)
{
	struct inode *inode = (void *)address;

	judged->what[0] = BPF_CORE_READ(inode, i_ino);
	judged->what[1] = (__u64)BPF_CORE_READ(inode, i_sb, s_dev) << 32 | BPF_CORE_READ(inode, i_generation);
}

/* The verdict about a descriptor, for its next use. */
GLOBAL int judged_keep(struct verdict *v, struct proc *proc, struct file_request *request)
{
	struct passage *passage = current_passage();
	struct judged *now, *before;
	__u64 key;

	if (!v || !proc || !request || !passage)
		return 0;
	key = request->file;
	now = &passage->judged;
	judged_what(now, request->inode);
	now->domain = v->domain;
	now->generation = v->generation;
	now->ops = request->ops;
	now->changes = v->stales || v->opens;
	EACH_LABEL_WORD(i)
		now->labels[i] = proc->labels[i];
	before = bpf_map_lookup_elem(&judged, &key);
	if (before && request->ask) {
		now->ops |= before->ops;
		now->changes |= before->changes;
	}
	bpf_map_update_elem(&judged, &key, now, BPF_ANY);
	return 0;
}

/* `opened`: something is read or written through a descriptor, and no name is in play. */
static __always_inline int file_judged(struct file_request *request, bool opened)
{
	struct scratch *scratch = current_scratch();
	struct proc *proc = current_proc();
	struct verdict *v;
	__u64 inode, excepted;
	int result;

	if (!with_paths || !request || !proc)
		return 0;
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	if (!verdict_begin(v, proc, request->ops, request->refuses))
		return -EPERM;
	v->inode = request->inode;
	if (opened || !request->name) {
		v->mount = request->base.mount;
		v->dentry = request->base.dentry;
	}
	if (request->ask == ASK_AGAIN)
		v->flags |= VERDICT_AGAIN;
	inode = request->inode;
	if (request->ops & OP_READ && holds_data(inode))
		object_read(v, inode);
	file_judge(scratch, v, request, opened);
	if (remembers_names && !opened && request->name && v->ops & (OP_NAMES | OP_UNLINK))
		name_moves(scratch, v);
	if (!opened && request->only_refuse && v->effect < EFFECT_BLOCK) {
		EACH_GROUP(i)
			scratch->lists.next[i] = scratch->lists.ways[WAY_PATH][i];
		return 0;
	}
	data_of_path(&scratch->data, scratch);
	result = conclude(v, proc, &scratch->data, true);
	if (result || (!opened && request->only_refuse) || v->outcome >= OUTCOME_REFUSED)
		return result;
	/* A gate that made an exception may close at any time: then every use is judged. */
	excepted = v->open_gates;
	if (file_commit(scratch, v, proc, request->inode, opened))
		return -EPERM;
	if (!opened && request->remembers && request->inode && name_remember(scratch, v, request->inode))
		return -EPERM;
	if (request->file && !excepted)
		judged_keep(v, proc, request);
	return 0;
}

/* Not 0: the operation is refused, where the hook can. */
GLOBAL int file_event(struct file_request *request)
{
	return file_judged(request, false);
}

/* As file_event, of a descriptor that is open: its programs need nothing of what is about names. */
GLOBAL int opened_event(struct file_request *request)
{
	return file_judged(request, true);
}

/*
 * What rules say of the file's name is written down with the file: it may have another name already, or get one
 * unseen. Not 0: there is no room for that.
 */
GLOBAL int name_show(struct scratch *scratch, struct shown_file *shown)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file_request request = {};
	struct verdict *v;
	struct file *file;

	if (!scratch || !shown)
		return 0;
	v = &scratch->verdict;
	file = file_of(task, shown->descriptor);
	if (!file || !verdict_of_domain(v, shown->domain, shown->folders ? OP_RENAME : 0, 0))
		return 0;
	request.inode = (__u64)BPF_CORE_READ(file, f_inode);
	request.base.mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	request.base.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	if (!file_ways(scratch, v, &request))
		return 0;
	return name_remember(scratch, v, request.inode);
}

/* A file that is being mapped; a number, because global functions take no kernel pointers. */
struct mapping {
	__u64 file;
	__u32 refuses;
	__u32 reserved;
};

/* A process maps a file so that it can store into it, now or after an mprotect(2), without any further call. */
GLOBAL int store_event(struct mapping *mapping)
{
	struct scratch *scratch = current_scratch();
	struct file_request request = {};
	struct proc *proc = current_proc();
	struct image_header *image;
	struct file *file;
	struct verdict *v;
	__u64 closed, fresh;

	if (!with_gates || !proc || !mapping)
		return 0;
	file = (void *)mapping->file;
	if (!scratch) {
		count(COUNTER_STRICT_STATE);
		return -EPERM;
	}
	v = &scratch->verdict;
	if (!verdict_fill(v, proc, OP_WRITE, 1))
		return -EPERM;
	image = image_of(v);
	request.inode = (__u64)BPF_CORE_READ(file, f_inode);
	if (!image || !(image->path_ops & OP_WRITE) || is_internal(request.inode))
		return 0;
	request.base.mount = (__u64)BPF_CORE_READ(file, f_path.mnt);
	request.base.dentry = (__u64)BPF_CORE_READ(file, f_path.dentry);
	if (file_ways(scratch, v, &request)) {
		ways_scan(scratch, v, 1u << ENTRY_STALE);
	} else {
		count(COUNTER_STRICT_PATH);
		v->stales = image->gates < GATES_MAX ? (1ull << (image->gates & (GATES_MAX - 1))) - 1 : ~0ull;
	}
	fresh = v->stales & ~proc->maps;
	if (!fresh)
		return 0;
	/* Told before the mapping counts, while it can be seen which gates were open. */
	closed = gates_stale(v, proc, fresh);
	/* Of two threads that do so at once one is counted. */
	mappers_count(v, fresh & ~__sync_fetch_and_or(&proc->maps, fresh), 1);
	if (closed) {
		data_of_path(&scratch->data, scratch);
		emit(EVENT_GATE_STALE, v, proc, closed, &scratch->data);
	}
	return 0;
}

#endif
