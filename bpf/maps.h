/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * maps.h: everything the programs keep, and how large. Sizes marked "at load" are set by the
 * loader from the policy and the machine; the number here is what a map has without it.
 */
#ifndef ACTPLANE_MAPS_H
#define ACTPLANE_MAPS_H

struct table_chunk {
	__u32 words[TABLE_CHUNK_WORDS];
};

/*
 * The images, wherever user space has found room for them. At load: as many chunks as they may fill. Of a single policy
 * whose image fills no more than one it is `only_chunk`.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct table_chunk);
} table SEC(".maps");

/*
 * A variable, of which the programs know where it lies: nothing is looked up, which the kernel would have to write into the
 * programs at each of more than a hundred places, and nothing can be missing, which the verifier would follow.
 */
struct table_chunk only_chunk SEC(".bss.table");

/* Which words of the table are taken, by their first one: user space's own record, which outlives the process. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u32);
} images SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct engine_record);
} engine SEC(".maps");

/* Written through memory that user space shares, so that a policy is put in force by one store. At load: how many. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct domain);
} domains SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, struct session);
} sessions SEC(".maps");

/* At load: as many governed processes as may be alive at once. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 32768);
	__type(key, __u32);
	__type(value, struct proc);
} procs SEC(".maps");

/* Least recently used go first: a forgotten run leaves its gate closed, the strict side. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct run);
} runs SEC(".maps");

#define OBJECTS_MAX 262144
/* Of files with no more to them than a name, where names are remembered: the other half is for labels. */
#define NAMES_MAX (OBJECTS_MAX / 2)
#define SWEEP_LEAST 8192 /* a sweep of so many takes about a millisecond */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, OBJECTS_MAX);
	__type(key, struct object_key);
	__type(value, struct object);
} objects SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct object_key);
	__type(value, struct moved);
} moved SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct mount_place);
} mounts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* How often each clause matched, once it did. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct hit_key);
	__type(value, __u64);
} hits SEC(".maps");

#define PATH_BYTES 4096
#define NAME_BYTES 256
#define CHUNK_BYTES 1024

struct labels {
	__u32 words[LABEL_WORDS];
};

/* Of a process's runs, while it may begin one; places count from 1. Here for the verifier, as `walker` below. */
struct run_places {
	__u32 free;   /* one that may be taken; 0: none */
	__u32 led;    /* an earlier run of the gate that this process led; 0: none */
	__u32 inside; /* 1: inside the very run that holds the gate open: a make that make started */
};

/* What a program can do about an operation. BY_KILL: a kill that comes now is before the effect, whatever the operation. */
enum refusal { REFUSES_NOT = 0, REFUSES = 1, REFUSES_BY_KILL = 2 };

/* What the rules saw of one operation and what they said. */
struct verdict {
	__u64 thread;  /* as bpf_get_current_pid_tgid */
	__u64 opens;   /* gates this operation opens or starts a run of */
	__u64 stales;
	union {
		struct {
			__u64 open_gates; /* once gates_looked */
			__u32 gates_looked;
		};
		struct run_places places; /* behind the last clause that may ask for gates */
	};
	__u32 cleans[LABEL_WORDS]; /* labels that the process's program declassifies: rules do not see them in `seen` */
	__u32 base;    /* image */
	__u32 refuses; /* enum refusal */
	/* From here on as in struct event, into which it is copied in two pieces. */
	__u32 domain;
	__u32 session;
	__u32 generation;
	__u32 ops;
	__u32 effect;  /* strongest match */
	__u32 outcome;
	__u32 flags;
	__u32 clauses_count;
	__u32 seen[LABEL_WORDS]; /* labels of the process, the object and the sources */
	__u32 clauses[EVENT_CLAUSES_MAX];
	__u64 inode;   /* of the object that the operation is about; 0: it has none */
	__u64 mount;   /* struct vfsmount and dentry by which the object's path is found; 0: it has no path */
	__u64 dentry;
};

#define SAME_PLACE(a, a_from, b, b_from) \
	_Static_assert(offsetof(struct verdict, a) - offsetof(struct verdict, a_from) == \
		       offsetof(struct event, b) - offsetof(struct event, b_from), "verdict and event hold the same")
SAME_PLACE(session, domain, session, domain);
SAME_PLACE(generation, domain, generation, domain);
SAME_PLACE(ops, domain, op, domain);
SAME_PLACE(effect, domain, effect, domain);
SAME_PLACE(outcome, domain, outcome, domain);
SAME_PLACE(flags, domain, flags, domain);
SAME_PLACE(clauses_count, domain, clauses_count, domain);
SAME_PLACE(clauses, seen, clauses, labels);

/* Where the labels of some data lie (channel.h): with an inode, and under further keys of `objects`. Unused ones are 0. */
#define CHANNEL_KEYS 2
struct channel {
	__u64 inode;
	struct object_key keys[CHANNEL_KEYS];
};

/*
 * What was judged of an open descriptor or connection. It is judged again where something of it differs: the key is
 * an address in the kernel, which another object may have had, so a record says all that the verdict hung on.
 */
struct judged {
	__u64 what[2]; /* inode number, device and generation; or the address at the other end */
	__u32 labels[LABEL_WORDS];
	__u32 domain;
	__u32 generation; /* of the policy */
	__u32 ops;
	__u32 changes; /* 1: each write does something to a gate */
};

/* Key of `given_files`. */
struct given {
	__u64 inode;
	__u32 device;
	__u32 reserved;
};

/* On a verdict that is made once more: clauses that ask for no label and no gate have had their say. */
#define VERDICT_AGAIN 0x80000000u

/* A path as a program wrote it, being moved to the end of the buffer from its last byte to its first. */
struct name_fold {
	__u32 bytes; /* of the path as written */
	__u32 out;   /* where the kept part begins */
	__u32 back;  /* where the name being moved begins */
	__u32 skip;  /* names that a later `..` takes back */
};

/* A path being put together from its end to its beginning. */
struct path_climb {
	__u32 at;
	__u32 skip;     /* names to leave out: `..` after the path */
	__u32 resolved; /* 1: the root of all was reached; RESOLVED_INSIDE: it is not asked for */
};

/* An automaton being walked: absolute offsets, and the current state's record. */
struct walker {
	__u32 classes_at;
	__u32 states_at;
	__u32 comb_at;
	__u32 end; /* first word behind all of it */
	__u32 number; /* current state; 0 is dead */
	struct state state;
	__u32 failed;
};

/* How far a walk over arguments has come. */
struct args_walk {
	__u64 address;
	__u32 start; /* state of the automaton in which they begin; 0: its own */
	__u32 bytes; /* in the chunk; 0: they could not be read */
	__u32 left;  /* arguments not yet ended, argv[0] included */
	__u32 skip;
};

/* What accepts one of a program's names. */
struct exec_name {
	__u32 accepts[GROUPS_MAX];
	__u32 extras[GROUPS_MAX];
	__u32 any;   /* not 0: some group accepts it */
	__u32 skip;  /* arguments the kernel put between argv[0] and the program's own */
};

/* What an event's data is made of: kernel memory, then kernel or user memory. */
struct event_data {
	__u64 first;
	__u64 second;
	__u32 first_bytes;
	__u32 second_bytes;
	__u32 words;
	__u16 second_user; /* 1: `second` is the calling process's memory */
	__u16 script;      /* of an exec: which argument names the script; 0: none */
};

/* The names of a program: where it is in the caller's mounts; the path it was invoked by; its canonical path, if that is another. */
enum exec_names { NAME_RESOLVED = 0, NAME_INVOKED = 1, NAME_CANONICAL = 2, EXEC_NAMES = 3 };

/* The variable of an environment that is being looked at. */
struct variable {
	__u64 head;     /* the first bytes of its name */
	__u32 position; /* in it */
	__u32 left;     /* arguments before the environment */
	__u32 steered;  /* what the variables until here say: bits of enum steered */
};

/* By which lists one file is accepted: every way it can be named is judged. */
enum file_way { WAY_PATH = 0, WAY_CANONICAL = 1, WAY_MOVED = 2, WAY_OBJECT = 3, WAYS = 4 };
struct file_lists {
	struct kept ways[WAYS][GROUPS_MAX];
	struct kept moved[GROUPS_MAX]; /* states behind a renamed directory that the path goes through */
	struct kept next[GROUPS_MAX]; /* of the new name, while the old one of a rename is judged */
};

/*
 * One a thread, in task storage and not per CPU: programs are preempted on preemptible kernels and
 * shared scratch was then corrupted (0.4-3.5 % of runs, measured). Kernel 7.3 refuses 8,192 bytes
 * of task storage, so the whole stays below 8,000.
 */
struct scratch {
	__u8 path[PATH_BYTES + NAME_BYTES]; /* a name in [path_at, path_end) */
	__u16 path_at;
	__u16 path_end;
	__u16 walk_at;  /* the byte that the walk over the path stands before */
	__u16 moved_at; /* not 0: behind a renamed directory, the rest of the path begins here */
	__u32 from;  /* not 0: the state to start in instead of the automaton's own */
	__u32 moved_session; /* not 0: look for renamed directories of this session on the way up */
	struct labels labels; /* of an object that gets a new name; what an exec would give, were it trusted */
	struct args_walk args;
	union {
		__u8 chunk[CHUNK_BYTES]; /* of arguments */
		struct {
			struct event_data data; /* of a file event: the stack above the path walk is short */
			struct file_lists lists; /* of a file */
		};
	};
	__u32 atoms[ATOM_WORDS_MAX];
	/* What the steps of a loop hand to each other lies here and not on the stack: the verifier then knows nothing of it and stops after a few rounds. */
	union {
		struct name_fold fold;
		struct path_climb climb;
		struct walker walker; /* over paths and arguments */
		struct variable variable;
	};
	struct exec_name names[EXEC_NAMES];
	__u32 earning; /* by which of them the exec may earn something, a bit each */
	struct verdict verdict;
};

_Static_assert(sizeof(struct scratch) < 8000, "kernel 7.3 refuses task storage of 8,192 bytes");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* What an exec is going to change, between its check and its point of no return. */
struct exec_pending {
	__u32 labels[LABEL_WORDS];
	__u32 cleans[LABEL_WORDS];
	__u64 opens;
	__u64 stales;
	__u64 args; /* hash of the arguments that were judged; 0: no rule is about any */
	__u32 flags;
};

/* Where a relative and an absolute path of a task begin. */
struct path_base {
	__u64 mount;
	__u64 dentry;
	__u64 root_mount;
	__u64 root_dentry;
};

/* A descriptor through which data moves. */
struct transfer {
	__u64 file;
	__u32 reads;
	__u32 writes;
	__u32 named; /* 1: the call may say itself where a datagram goes */
	__u32 only_notes; /* 1: what is read is asked for at the end of the call and not before */
};

/* A file operation of a governed process (file.h). */
struct file_request {
	struct path_base base; /* the object itself, or the directory that `name` is relative to */
	__u64 name;  /* not 0: user address of the path as the caller wrote it */
	__u64 inode; /* 0: the object does not exist yet, or is not known */
	__u64 file;  /* not 0: the descriptor that is used, whose verdict is kept */
	__u32 ops;
	__u32 refuses;
	__u32 only_refuse; /* 1: judge and change nothing, another name of the operation is still to be judged */
	__u32 ask;
	__u32 folder;    /* 1: a rename that moves a folder */
	__u32 remembers; /* 1: what rules say of this name goes on to hold for the object */
};

/* What the ENDPOINT automata read: protocol, IPv6 or mapped IPv4 address, port; network order. */
struct endpoint {
	__u8 bytes[32]; /* 19 in use; a power of two so that an index is bounded by a mask */
};

/* A system call that moves data: what it is and its arguments, whichever way it came (moving.h). */
struct call {
	__u64 number;
	__u64 args[5];
	__s32 from; /* descriptors between which it moves data; -1: none */
	__s32 to;
	__u32 named; /* as of struct transfer */
	__u32 reserved;
};

/*
 * Data that a thread's system call moves, and what is being judged of it: the stack has no room. What is read arrives
 * while the call waits, so its labels are asked for once more at the end of the call.
 */
struct passage {
	struct channel from;
	struct channel to;
	__u64 mount; /* of what is read, to tell its name */
	__u64 dentry;
	__u32 reads;  /* 1: until the end of the call */
	__u32 writes; /* 1: what is read goes on to `to` in the same call */
	__u64 compared; /* not 0: until the end of the call, where it names files that are compared with another (moving.h) */
	__u64 compared_files; /* what they were when it began, folded */
	struct call call;
	struct transfer transfer;
	struct file_request request;
	struct judged judged;
	struct endpoint endpoint;
	struct event_data data;
};

/*
 * Memory that a process shares with others: objects that it reads, and mostly writes, without a call. What the
 * process acquires they carry at once, and what they carry it has. Beyond the last place all are one.
 */
#define POOLS_MAX 16
struct pools {
	__u32 count;
	__u32 writes; /* a bit for each that it can write to */
	struct object_key keys[POOLS_MAX];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, __u32);
	__type(value, struct pools);
} pools SEC(".maps");

/* A record that went is made again by judging again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct judged);
} judged SEC(".maps");

/*
 * Files that whoever started the command gave it as its output: what it writes there was asked for, and no rule
 * about their names is. Opened by name they are files like any other.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct given);
	__type(value, __u32);
} given_files SEC(".maps");

/* Connections over which nothing leaves any more, with their own port; key: address of the sock. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
} severed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct exec_pending);
} pendings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct passage);
} passages SEC(".maps");

/*
 * The verdict about an address, while it is made; key: thread. Cgroup programs have no task storage
 * before 6.18, and with a verdict on the stack the calls below need more than its 512 bytes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct verdict);
} address_verdicts SEC(".maps");

const struct verdict no_verdict = {};
const struct object no_object = {};
const struct pools no_pools = {};
const struct moved not_moved = {};

/* ---- settings, fixed when the programs are loaded ---- */

/* Operations of which a `block` is carried out by killing before the effect; 0 where hooks refuse. */
const volatile __u32 kill_before_ops = 0;

/*
 * What a policy has, where the programs serve only that one: what is behind a 0 the verifier neither walks nor keeps.
 * Nothing but time hangs on it: a policy without labels has none that could be lost.
 */
const volatile __u32 with_labels = 1;   /* of any kind, those of lineages too */
const volatile __u32 with_many_labels = 1; /* more than one word has */
const volatile __u32 with_flow = 1;     /* labels that go with data */
const volatile __u32 with_gates = 1;
const volatile __u32 with_earnings = 1; /* what a program has to earn (trust.h) */
const volatile __u32 with_paths = 1;    /* operations on files */
const volatile __u32 with_endpoints = 1;
/* Whether rules stay with an object when it gets another name. */
const volatile __u32 with_names = 1;

/* Whether the table has more than one chunk, and some kind of names more than one automaton. */
const volatile __u32 with_chunks = 1;
const volatile __u32 with_many_groups = 1;

/*
 * Of a label set. Most policies have no label beyond its first word: the others are 0 then and stay it. Asked once, for
 * the verifier follows both answers.
 */
#define EACH_LABEL_WORD(i) for (int i = 0, many = with_many_labels; i < LABEL_WORDS && (!i || many); i++)

/* As much of automata: where no kind has more than one, what lies in the others' places means nothing. */
#define EACH_GROUP(i) for (int i = 0, many = with_many_groups; i < GROUPS_MAX && (!i || many); i++)

static __always_inline __u32 groups_here(void)
{
	return with_many_groups ? GROUPS_MAX : 1;
}

/*
 * 1: the tier sees the names of a rename and not its object, so what is opened is written down with its name. Only
 * for a single domain: another one's rules are not about that name.
 */
const volatile __u32 remembers_names = 0;

/* ---- set while running ---- */

/* Thread group id of the tool in the first pid namespace; its forks are told in `last_child`. */
__u32 tool_tgid = 0;
__u32 last_child = 0;
/* 1 once an object carries something: until then nobody looks for what has gone. */
__u32 objects_made = 0;
/* Objects that were made since the last sweep, and after how many the next one is due. */
__u32 objects_fresh = 0;
__u32 sweep_after = SWEEP_LEAST;
/*
 * Where names are remembered: objects that have lists; 1 once one found no room; names that carry lists themselves, ever;
 * and what nobody knows who would choose a name that is taken for another.
 */
__s32 names_remembered = 0;
__u32 names_missed = 0;
__u32 names_given = 0;
__u64 names_seed = 0;
/* As much for `severed`. */
__u32 connections_severed = 0;
/*
 * By COUNTER_*. A variable and no map, which would have to be looked into at every place that counts. Written all the
 * time, so in cache lines of their own.
 */
__u64 counters[(COUNTERS + 7) / 8 * 8] __attribute__((aligned(64))) = {};
/* The process that keeps the programs attached when the tool is killed. */
__u32 guardian_tgid = 0;

/* The mount namespace and the root directory in which the tool sees files. */
__u64 tool_mounts = 0;
__u64 tool_root = 0;

/* How x86-64 finds a page: where it maps all memory, which address bits encrypt, and 48 where tables have five levels. */
__u64 direct_map = 0xffff888000000000ull;
__u64 encryption_mask = 0;
__u32 top_shift = 39;

/*
 * A global function: the verifier checks it once, by its own, instead of at every call (the whole is
 * then a few thousand instructions instead of more than a million). It sees its pointers as plain
 * memory that may be null and takes back a number of unknown value; `weak` keeps the compiler from
 * assuming more.
 */
#define GLOBAL __attribute__((noinline, weak))

static __always_inline void count(__u32 which)
{
	__sync_fetch_and_add(&counters[which], 1);
}

#endif
