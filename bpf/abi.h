/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * abi.h: what the kernel half and user space both read. src/ir/abi.ts (the image) and
 * src/kernel/state.ts (maps and events) are its TypeScript views; tests compare them through BTF.
 *
 * Labels, gates and clauses go by the numbers of their session, which are never given twice: they mean
 * the same in every image of its domains, one after another and beside each other.
 *
 * A compiled policy is an IMAGE: an array of u32 words, copied into the table (`table`, or `only_chunk`) at the
 * word offset `domain.base`. All offsets inside an image are in words and relative to its start,
 * so equal policies give equal bytes wherever they are loaded. The table has the words in chunks;
 * records are aligned to their own size so that none straddles a chunk.
 *
 *   bytes of a name --automaton--> state --accept--> list of entries --ops, labels, gates--> verdict
 */
#ifndef ACTPLANE_ABI_H
#define ACTPLANE_ABI_H

#define IMAGE_MAGIC 0x4e4c5041u /* "APLN" */
#define IMAGE_ABI 1

#define LABEL_WORDS 8          /* 256 labels a session, as u32 words */
#define GATES_MAX 64           /* gates a domain: one u64 */
#define GROUPS_MAX 8           /* automata a kind: a set that would explode is split */
#define TABLE_CHUNK_WORDS 65536 /* 256 KiB a map value; the most kernels take is 4 MiB */
#define ATOM_WORDS_MAX 512     /* 16,384 atoms, 2 KiB of task storage */

/* Which bytes an automaton reads. */
enum automaton_kind {
	AUTOMATON_PATH = 0,     /* absolute path of a file object */
	AUTOMATON_EXEC = 1,     /* absolute path of a program, or the path it was invoked by */
	AUTOMATON_ARGS = 2,     /* argv joined and ended by NUL, argv[0] first */
	AUTOMATON_ENDPOINT = 3, /* protocol (6, 17), 16 bytes of address, 2 bytes of port, big endian */
	AUTOMATON_UNIX = 4,     /* abstract socket name */
	AUTOMATON_KINDS = 5,
};

/* One bit an operation; a clause names several (`write` covers six), an event carries several. */
enum operation {
	OP_EXEC = 1 << 0,
	OP_OPEN = 1 << 1,
	OP_READ = 1 << 2,
	OP_WRITE = 1 << 3,
	OP_CREATE = 1 << 4,
	OP_UNLINK = 1 << 5,
	OP_RENAME = 1 << 6,
	OP_LINK = 1 << 7,
	OP_METADATA = 1 << 8,
	OP_TRUNCATE = 1 << 9,
	OP_MOUNT = 1 << 10,
	OP_CONNECT = 1 << 11,
	OP_BIND = 1 << 12,
	OP_SEND = 1 << 13,
	OP_RECV = 1 << 14,
	OP_SIGNAL = 1 << 15,
	OP_PTRACE = 1 << 16,
};

enum effect { EFFECT_NONE = 0, EFFECT_NOTIFY = 1, EFFECT_BLOCK = 2, EFFECT_KILL = 3 };

/* Word 0 of an image. */
struct image_header {
	__u32 magic;
	__u32 abi;
	__u32 words;        /* length of the image */
	__u32 clauses;      /* every clause id of the session that the image has is below it */
	__u32 gates;        /* of the session, whether this policy asks about them or not */
	__u32 gates_at;     /* struct gate_record[gates] */
	__u32 entries;      /* count */
	__u32 entries_at;   /* struct entry[entries], aligned to 32 words */
	__u32 atom_words;   /* words of the atom bitmap in use */
	__u32 path_ops;     /* operations that some entry of a PATH automaton names: others need no path */
	__u32 exec_ops;     /* as path_ops, for EXEC automata */
	__u32 endpoint_ops; /* as path_ops, for ENDPOINT automata */
	__u32 flowing[LABEL_WORDS]; /* labels that flow into objects: all but the hidden lineage labels */
	__u32 clause_set_at; /* a bit a clause id: which of them the image has */
	__u32 earned_at; /* labels that a program has to earn: of lineages and endorsements; LABEL_WORDS words */
	__u32 referred;  /* 0 in an image; in the table, set by control_refer while something refers to it */
	__u32 reserved[1];
	__u32 automata[AUTOMATON_KINDS][GROUPS_MAX]; /* offsets of struct automaton; 0 ends the list */
};

/* Aligned to its 8 words. */
struct automaton {
	__u32 classes_at; /* 256 bytes in 64 words, little endian: byte value -> class */
	__u32 states_at;  /* struct state[states], aligned to 4 words */
	__u32 comb_at;    /* struct comb[], aligned to 2 words; every base + class is inside it */
	__u32 start;      /* start state */
	__u32 states;
	__u32 combs;
	__u32 classes;
	__u32 end_at;     /* first word behind classes, states and comb */
};

/*
 * next(s, byte) = comb[s.base + class].check == s ? comb[...].next : s.otherwise.
 * State 0 is dead (its `otherwise` is 0 and no comb names it): the walk ends there.
 */
struct state {
	__u32 base;
	__u32 otherwise;
	__u32 accept; /* offset of a list: PATH, EXEC, ENDPOINT: entry numbers; ARGS: atoms to set. 0: none */
	__u32 extra;  /* EXEC: offset of struct exec_extra; PATH: of two words, the gates that go stale by a name below; 0: none */
};

struct comb {
	__u32 check;
	__u32 next;
};

/* A list is a count and that many words. */

/* What an accepting EXEC state says besides its entries. */
struct exec_extra {
	__u32 args_start; /* start state of the ARGS automata for this program's subcommands; 0: the default start */
	__u32 atoms;      /* count, then that many atoms: `target` patterns this path matches */
};

enum entry_kind {
	ENTRY_CLAUSE = 1, /* a rule's clause, or one conjunction of its `if` */
	ENTRY_LABEL = 2,  /* the operation gives the process the labels in `all` */
	ENTRY_OPEN = 3,   /* the operation is (or, with EXITS, starts) what gate `id` waits for */
	ENTRY_STALE = 4,  /* the operation makes gate `id` stale */
	/* Of an exec that is trusted (trust.h), because each of them lets something pass: */
	ENTRY_LINEAGE = 5,    /* the process gets the hidden labels in `all`, which stand for what it has run */
	ENTRY_ENDORSE = 6,    /* the process gets the labels in `all` */
	ENTRY_DECLASSIFY = 7, /* while the program runs, the labels in `all` are held aside */
};

/* 32 words, aligned to 32. */
struct entry {
	__u32 kind;
	__u32 ops;
	__u32 effect;
	__u32 id;              /* CLAUSE: clause id; OPEN, STALE: gate */
	__u32 gates[2];        /* CLAUSE: any of these gates being open is an exception */
	__u32 args_at;         /* exec: list of atoms that must all be present; 0: none */
	__u32 except_at;       /* exec: any of these atoms on the resolved program is an exception */
	__u32 all[LABEL_WORDS];
	__u32 none[LABEL_WORDS]; /* `not L`, and the hidden labels of `unless lineage-includes` */
	__u32 except_not_at;   /* exec: any of these atoms absent from the resolved program is an exception */
	__u32 needs[2];        /* CLAUSE: gates that must all be open: approvals that the condition asks for */
	__u32 reserved[5];
};

enum gate_flags { GATE_EXITS = 1 /* opens when the run ends normally with `status` */ };

/* 4 words, aligned to 4. */
struct gate_record {
	__u32 flags;
	__u32 status;
	__u32 within_ns_low; /* 0 and 0: never expires */
	__u32 within_ns_high;
};

/* ---- state kept by the kernel half ---- */

/* One policy of a domain. */
struct domain_slot {
	__u32 base;       /* word offset of its image in the table */
	__u32 generation; /* from 1, in every event; 0: there is no policy, and everything is refused */
};

/*
 * An element of `domains`. A new policy is written into the slot that is not in force, and one store to
 * `active` puts it in force. The other slot, and the words its image had, change only when no program that
 * has read them can still be running.
 */
struct domain {
	__u32 session;
	__u32 active;
	struct domain_slot slots[2];
};

#define RUNS_MAX 4 /* gate runs a process can be inside at once; a deeper one's own writes count as foreign (strict) */

/* A process inside a run of a gate's program. */
struct run_ref {
	__u64 run;   /* key of `runs`; 0: free */
	__u32 gate;
	__u32 leads; /* 1: this process is the run; its exit ends it */
};

/* Value of `procs`, key: thread group id in the first pid namespace. */
struct proc {
	__u32 labels[LABEL_WORDS];
	__u32 cleans[LABEL_WORDS]; /* labels that its program declassifies */
	__u32 held[LABEL_WORDS];   /* of those the ones it would have: no rule sees them and no output carries them */
	__u32 domain;
	__u32 session;
	__u32 parent;
	__u32 flags;
	__u64 started_ns;
	__u64 maps; /* gates that go stale by a file of which it has a shared mapping it could write to */
	struct run_ref runs[RUNS_MAX];
};

/* Value of `runs`. A gate is open while staled(gate) - base == own: only its own subtree wrote since it started. */
struct run {
	__u64 base;
	__u64 own;
	__u64 started_ns;
	__u32 gate;
	__u32 leader;
};

/* Value of `sessions`, key: session. */
struct session {
	__u64 runs_made;
	__u64 staled[GATES_MAX];  /* events that make the gate stale, ever */
	__u64 open_run[GATES_MAX]; /* key of the run that satisfied the gate last; 0: none */
	__u64 approved_ns[GATES_MAX]; /* when an operator opened the gate; 0: none did, or it was closed */
	__u32 mappers[GATES_MAX];  /* processes whose `maps` have the gate: a store into memory is no event, so it is shut */
	__u32 named_objects; /* objects that carry accept lists, ever: nobody looks for them while it is 0 */
	__u32 moved_directories;
	__u32 spill[LABEL_WORDS]; /* labels of objects for which the table had no room: every read acquires them (strict) */
};

/* Key of `objects`: a file's labels in one session. */
struct object_key {
	__u64 inode;
	__u32 device;
	__u32 generation;
	__u32 session;
	__u32 system; /* of the file system's own number: one that is mounted later may have the device of an earlier one */
};

/* In an object's key, in place of a device number, for what is no inode: no device has the major number 4095. */
enum channel_device {
	CHANNEL_EMBRYO = 0xfff00001u,     /* a socket that is not connected or not accepted; its inode is an address of the kernel */
	CHANNEL_UNIX_NAMED = 0xfff00002u, /* datagrams to unix sockets that were named in the call, all of them */
	CHANNEL_STREAM = 0xfff00003u,     /* one direction of a TCP connection; its inode: address it comes from, and goes to; its generation: their ports */
	CHANNEL_PLACE = 0xfff00004u,      /* where UDP datagrams go: address, and port */
	CHANNEL_TERMINAL = 0xfff00005u,   /* one direction of a pseudo terminal, by its number */
	CHANNEL_COMMON = 0xfff00006u,     /* shared memory that is not told apart */
	CHANNEL_MEMORY = 0xfff00007u,     /* of a process: what it shares with those that it forks; its generation: the process */
	CHANNEL_SEGMENT = 0xfff00008u,    /* of System V shared memory, by its number */
	CHANNEL_QUEUE = 0xfff00009u,      /* of System V messages, by its number */
	CHANNEL_FIRST = 0xfff0000au,      /* what goes to an address as a TCP connection is made, before its ends are known: address, and port */
	CHANNEL_NAME = 0xfff0000bu,       /* no channel: a path that has the lists of a file which was not remembered (file.h) */
};

/*
 * A place in an image that may no longer be any domain's: it stays in the table while something refers to
 * it. `at` is an accept list, or a state of an automaton; 0: nothing.
 */
struct kept {
	__u32 base; /* of the image */
	__u32 at;
};

/*
 * An object, while it carries something. `lists` are the accept lists of the name it had when a governed
 * process renamed or linked it: of the rules about that name, those that a domain still has go on to hold.
 */
struct object {
	__u32 labels[LABEL_WORDS];
	struct kept lists[GROUPS_MAX];
	__u32 named; /* 1: it has lists */
	__u32 common; /* 1: mapped by a process that shares more memory than is told apart */
	__u64 inode;  /* where the kernel had it when it gained its last labels or lists, with OBJECT_IN_MEMORY */
};

/*
 * Value of `moved`, key as of `objects`: a directory that a governed process renamed. What is below it goes
 * on to be matched by its old path: these are the states in which the automata stood behind it and a slash.
 */
struct moved {
	struct kept states[GROUPS_MAX];
};

/* Key of `hits`: how often a clause of a session matched. */
struct hit_key {
	__u32 session;
	__u32 clause;
};

/* The element of `engine`: what a process of user space has to know before it takes over what is pinned. */
struct engine_record {
	__u64 layout; /* of maps and variables; that of another version is not taken over */
	__u32 tier;   /* 1: lsm, 2: modify-return, 3: tracepoint */
	__u32 reserved;
};

/* Value of `mounts`, key: device of a file system. Where the whole of it is mounted for the supervisor. */
#define MOUNT_PREFIX_MAX 255
struct mount_place {
	__u32 id;     /* mnt_id, as /proc/self/mountinfo tells it */
	__u32 bytes;  /* of the prefix; 0 for the root */
	__u8 prefix[MOUNT_PREFIX_MAX + 1]; /* no slash at its end */
};

/* ---- what user space asks of the control_* programs ---- */

/* Their context; each reads what it is about. */
struct control {
	__u32 tgid;
	__u32 domain;
	__u32 session;
	__u32 gate;
	__u32 open;  /* 1: open the gate; 0: close it */
	__u32 moves; /* 1: only a process that is governed */
};

/* What they return. */
enum control_result {
	CONTROL_DONE = 0,
	CONTROL_NO_DOMAIN = 1,     /* no such domain or session */
	CONTROL_OTHER_SESSION = 2, /* the process is governed in another session */
	CONTROL_FULL = 3,          /* no room for another process */
	CONTROL_NOT_GOVERNED = 4,  /* there is nothing to move */
};

/* ---- what the kernel half tells ---- */

enum event_type {
	EVENT_FORK = 1,
	EVENT_EXEC = 2,   /* data: program path, then argv joined by NUL (up to EVENT_ARGV_MAX) */
	EVENT_EXIT = 3,
	EVENT_MATCH = 4,  /* data: target, then second name (rename, link) or argv */
	EVENT_LABEL = 5,  /* the process acquired labels and has `labels` now; data: the path or address they came from, then `detail` object_keys under which they may have lain */
	EVENT_GATE_OPEN = 6,
	EVENT_GATE_STALE = 7, /* data: what was touched */
	EVENT_GATE_START = 8, /* a run began that may open the gate */
	EVENT_RUN_FAILED = 9, /* the run did not end as the gate wants */
	EVENT_OBJECT = 10,    /* the event's object gained `labels`, told before it carries them; data: its path, if it has one */
};

#define OBJECT_INTERNAL 0x10000 /* in `object_mode`: mounted by the kernel for itself, so a pipe, a socket, a memfd */
#define OBJECT_KEY 0x20000      /* the object is told as its key in `objects`, and nothing else of it is known */

/* What was done about a match. */
enum outcome {
	OUTCOME_OBSERVED = 0,
	OUTCOME_REFUSED = 1,       /* EPERM before any effect */
	OUTCOME_KILLED_BEFORE = 2, /* SIGKILL before the operation had an effect */
	OUTCOME_KILLED_AFTER = 3,
};

enum event_flags {
	EVENT_STRICT_PATH = 1,   /* the path could not be resolved: every block or kill clause of the operation counts as matched */
	EVENT_STRICT_ARGS = 2,   /* the arguments could not be read or are over the limit */
	EVENT_MORE_CLAUSES = 4,  /* more clauses matched than the event can name */
	EVENT_BUILTIN = 8,       /* a built-in protection refused, not a clause; detail: enum builtin */
	/* Of an exec that would have earned something (a gate, an endorsement): its caller could put other code in. */
	EVENT_STEERED_LOADER = 16,      /* it earned nothing */
	EVENT_STEERED_INTERPRETER = 32, /* it earned no endorsement and no declassification */
};

/* Protections that hold whatever the policy says. */
enum builtin {
	BUILTIN_BPF = 1,      /* bpf(2) by a governed process */
	BUILTIN_SIGNAL = 2,   /* a signal to the supervisor or its guardian */
	BUILTIN_TRACE = 3,    /* tracing one of them */
	BUILTIN_NAMELESS = 4, /* running a memfd, a deleted or a never linked file */
	BUILTIN_EARNED = 5,   /* tracing a process that may what the tracer may not */
	BUILTIN_PINS = 6,     /* opening, changing or unmounting a bpffs, where programs and maps outlive the tool */
	BUILTIN_ARGUMENTS = 7, /* a program has other arguments than those that were judged */
};

#define EVENT_CLAUSES_MAX 16
#define EVENT_PATH_MAX 4095 /* bytes of a target an event tells; a power of two less one, for the verifier */
#define EVENT_ARGV_MAX 1023

struct event {
	__u64 time_ns;  /* CLOCK_MONOTONIC */
	__u64 detail;   /* EXIT: status as wait(2) gives it; gate events: the gates, a bit each; EXEC: those that it did not earn; BUILTIN: which */
	__u32 type;
	__u32 size;     /* of the whole record, data included */
	__u32 tgid;
	__u32 tid;
	__u32 parent;
	__u32 uid;
	__u32 domain;
	__u32 session;
	__u32 generation;
	__u32 op;       /* the event's operations, as bits */
	__u32 effect;   /* strongest matching effect */
	__u32 outcome;
	__u32 flags;
	__u32 clauses_count;
	__u32 first_bytes;  /* of `data`: the target */
	__u32 second_bytes; /* of `data`, after the first: argv or the second name */
	__u32 words;        /* arguments in the second part, which may be cut and hold more behind them */
	__u32 object_mode;  /* type bits of i_mode of the file, pipe or program that the event is about; 0: none, or not known */
	__u32 labels[LABEL_WORDS]; /* the process's, with what this event would add; of OBJECT: what the object gained */
	__u32 clauses[EVENT_CLAUSES_MAX];
	__u64 object_inode;
	__u32 object_device;
	__u32 object_generation;
	__u32 script;       /* EXEC: the kernel runs an interpreter; this argument names the script. 0: no script */
	__u32 reserved;
	__u8 data[];
};

/* Indices of the variable `counters` (u64 each). */
enum counter {
	COUNTER_EVENTS = 0,       /* records written to the ring */
	COUNTER_EVENTS_LOST = 1,  /* the ring was full; the verdict stood */
	COUNTER_CHECKS = 2,       /* operations of governed processes that were decided */
	COUNTER_MATCHES = 3,
	COUNTER_REFUSED = 4,
	COUNTER_KILLED = 5,
	COUNTER_STRICT_PATH = 6,
	COUNTER_STRICT_ARGS = 7,
	COUNTER_STRICT_STATE = 8, /* no scratch, no domain or no image for a governed process: refused */
	COUNTER_PROCS_FULL = 9,   /* a child could not be recorded: its parent was killed */
	COUNTER_OBJECTS_FULL = 10, /* labels went to the session's spill set */
	COUNTER_RUNS_FULL = 11,    /* a gate's run could not be recorded: the gate stays closed */
	COUNTER_ERRORS = 12,       /* a helper failed where it never should */
	COUNTER_HITS_FULL = 13,    /* a match found no room to be counted by its clause; the verdict stood */
	COUNTER_UNTOLD = 14,       /* objects that gained labels while the ring was half full: it is kept for what is done */
	COUNTER_UNJUDGED = 15,     /* the kernel skipped the program that judges: refused */
	COUNTER_SLIPPED = 16,      /* it skipped all that refuse, and what was refused went on: its process was killed */
	COUNTER_NAMES_FULL = 17,   /* files were opened by a name that rules are about, and there was no room to remember that */
	COUNTERS = 18,
};

/* Argument of `any_name`: a file that the tool shows, one of its own descriptors. */
struct shown_file {
	__u32 descriptor;
	__u32 domain;
	__u32 folders; /* 1: what is made below a folder is to be judged by its name after a rename too */
};

#endif
