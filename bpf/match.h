/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * match.h: bytes to accept list, accept list to verdict. The work depends on the length of the
 * name and on how many entries accept it, not on how many rules the image holds.
 */
#ifndef ACTPLANE_MATCH_H
#define ACTPLANE_MATCH_H

/* Entries one accept list or image may hold; the compiler keeps below it. */
#define ENTRIES_MAX (1 << 20)

static __always_inline void walker_enter(struct walker *w, __u32 number)
{
	struct state *state = TABLE_RECORD(w->states_at + number * 4, struct state);

	w->number = number;
	if (state)
		w->state = *state;
	else
		w->failed = 1;
}

static __always_inline void walker_step(struct walker *w, __u8 byte)
{
	__u32 class = (table_word(w->classes_at + (byte >> 2)) >> ((byte & 3) * 8)) & 255;
	struct comb *comb = TABLE_RECORD(w->comb_at + (w->state.base + class) * 2, struct comb);

	if (!comb) {
		w->failed = 1;
		return;
	}
	walker_enter(w, comb->check == w->number ? comb->next : w->state.otherwise);
}

/* Start automaton `group` of `kind`. False: the image has no such group. */
static __always_inline bool walker_begin(struct walker *w, struct verdict *v, __u32 kind, __u32 group)
{
	__u32 at = table_word(v->base + (offsetof(struct image_header, automata) / 4) +
			      kind * GROUPS_MAX + group);
	struct automaton *automaton;

	__builtin_memset(w, 0, sizeof(*w));
	if (!at)
		return false;
	automaton = TABLE_RECORD(v->base + at, struct automaton);
	if (!automaton)
		return false;
	w->classes_at = v->base + automaton->classes_at;
	w->states_at = v->base + automaton->states_at;
	w->comb_at = v->base + automaton->comb_at;
	w->end = v->base + automaton->end_at;
	walker_enter(w, automaton->start);
	return true;
}

struct path_match {
	struct scratch *scratch;
	struct table_chunk *chunk; /* the one that holds the whole automaton */
};

static long path_match_step(__u32 index, struct path_match *m)
{
	struct scratch *scratch = m->scratch;
	struct walker *w = &scratch->walker;
	__u32 at = scratch->walk_at;

	if (at >= PATH_BYTES || at >= scratch->path_end || !w->number || w->failed)
		return 1;
	scratch->walk_at = at + 1;
	walker_step(w, scratch->path[at]);
	return 0;
}

/*
 * The same inside one chunk, which needs no look-up, several bytes a round. A dead state leads to
 * itself, so nothing is asked between the bytes; the last few go by path_match_step.
 */
#define FAST_BYTES 4

static long path_match_fast_step(__u32 index, struct path_match *m)
{
	struct scratch *scratch = m->scratch;
	struct walker *w = &scratch->walker;
	__u32 at = scratch->walk_at, number = w->number;
	__u32 *words = m->chunk->words;

	if (at + FAST_BYTES > scratch->path_end || !number)
		return 1;
	asm volatile("" : "+r"(at)); /* keep the bound in the register the verifier looks at */
	if (at > PATH_BYTES)
		return 1;
	for (int i = 0; i < FAST_BYTES; i++) {
		__u32 state = (w->states_at + number * 4) & CHUNK_MASK & ~3u;
		__u32 class = ((__u8 *)words)[(w->classes_at * 4 + scratch->path[at + i]) & (CHUNK_MASK * 4 + 3)];
		__u32 cell = (w->comb_at + (words[state] + class) * 2) & CHUNK_MASK & ~1u;
		__u32 differ = words[cell] ^ number;
		/* 0 where they are the same, else all ones: no branch, whose two ways the verifier would both follow. */
		__u32 mask = 0 - ((differ | (0 - differ)) >> 31);

		number = (words[cell + 1] & ~mask) | (words[state + 1] & mask);
	}
	scratch->walk_at = at + FAST_BYTES;
	w->number = number;
	return 0;
}

/* The chunk that holds the whole automaton; null: it lies across several. */
static __always_inline struct table_chunk *walker_chunk(struct walker *w)
{
	__u32 key = w->classes_at >> CHUNK_SHIFT;

	if (!with_chunks)
		return &only_chunk;
	if (w->states_at >> CHUNK_SHIFT != key || w->comb_at >> CHUNK_SHIFT != key || (w->end - 1) >> CHUNK_SHIFT != key)
		return 0;
	return chunk_of(w->classes_at);
}

/* ---- accept lists ---- */

static __always_inline bool gate_is_open(struct session *session, struct verdict *v, __u32 gate)
{
	__u64 key, since, within;
	struct run *run;
	struct image_header *image = image_of(v);
	struct gate_record *record;

	/* One that the session numbered after this image was made is not for it to judge. */
	if (gate >= GATES_MAX || !image || gate >= image->gates)
		return false;
	since = session->approved_ns[gate];
	if (!since) {
		key = session->open_run[gate];
		if (!key)
			return false;
		run = bpf_map_lookup_elem(&runs, &key);
		if (!run || session->mappers[gate] || session->staled[gate] - run->base != run->own)
			return false;
		since = run->started_ns;
	}
	record = TABLE_RECORD(v->base + image->gates_at + gate * 4, struct gate_record);
	if (!record)
		return false;
	within = (__u64)record->within_ns_high << 32 | record->within_ns_low;
	return !within || bpf_ktime_get_ns() - since <= within;
}

struct gates_scan {
	struct session *session;
	struct verdict *v;
	__u32 count;
};

static long gates_scan_step(__u32 gate, struct gates_scan *scan)
{
	if (gate >= GATES_MAX || gate >= scan->count)
		return 1;
	if (gate_is_open(scan->session, scan->v, gate))
		scan->v->open_gates |= 1ull << gate;
	return 0;
}

/* Find out which gates are open, once an operation and before the first clause that may ask. */
GLOBAL int gates_look(struct verdict *v)
{
	struct gates_scan scan = { .v = v };
	struct image_header *image;

	if (!with_gates || !v || v->gates_looked)
		return 0;
	v->gates_looked = 1;
	image = image_of(v);
	scan.session = session_of(v);
	if (!image || !scan.session)
		return 0;
	scan.count = image->gates;
	bpf_loop(GATES_MAX, gates_scan_step, &scan, 0);
	return 0;
}

#define CLAUSES (1u << ENTRY_CLAUSE)
/* What changes state, apart by who may be lied to by it: of an exec, what lets something pass has to be earned. */
#define CHANGES (1u << ENTRY_LABEL | 1u << ENTRY_OPEN | 1u << ENTRY_STALE)
#define EARNINGS (1u << ENTRY_OPEN | 1u << ENTRY_LINEAGE | 1u << ENTRY_ENDORSE | 1u << ENTRY_DECLASSIFY)
#define EARNED_BY_FILE (1u << ENTRY_ENDORSE | 1u << ENTRY_DECLASSIFY)

/* Reading an accept list. */
struct entries_scan {
	struct verdict *v;
	struct scratch *scratch; /* of an exec: it has the atoms, and takes the labels to be earned */
	__u32 at;         /* first item of the list */
	__u32 entries_at;
	__u32 wanted;     /* bit set of entry kinds, or ALL_CLAUSES */
	__u32 foreign;    /* 1: the list is of another image of the session: of its clauses, those that this one has hold */
};

struct atoms_scan {
	__u32 *atoms;
	__u32 at;
	__u32 absent;  /* stop at the first absent (1) or present (0) atom */
	__u32 stopped;
};

static long atoms_scan_step(__u32 index, struct atoms_scan *scan)
{
	__u32 atom = table_word(scan->at + index);
	__u32 word = scan->atoms[(atom >> 5) & (ATOM_WORDS_MAX - 1)];
	__u32 present = word >> (atom & 31) & 1;

	if (present != scan->absent) {
		scan->stopped = 1;
		return 1;
	}
	return 0;
}

/*
 * Of a `block` that this tier can only carry out by a kill: whether the kill comes before the effect
 * of every operation the entry is about. Then and only then it is killed; else it is observed.
 */
static __always_inline __u32 outcome_of(struct entry *entry, struct verdict *v)
{
	__u32 about = entry->ops & v->ops;
	bool before = v->refuses == REFUSES_BY_KILL || !(about & ~kill_before_ops);

	if (entry->effect < EFFECT_BLOCK)
		return OUTCOME_OBSERVED;
	if (v->refuses == REFUSES)
		return OUTCOME_REFUSED;
	if (entry->effect == EFFECT_KILL)
		return before ? OUTCOME_KILLED_BEFORE : OUTCOME_KILLED_AFTER;
	return before ? OUTCOME_KILLED_BEFORE : OUTCOME_OBSERVED;
}

/* A stronger deed replaces a weaker one; observed < refused, and a kill outranks both. */
static __always_inline void verdict_add(struct verdict *v, struct entry *entry)
{
	__u32 outcome = outcome_of(entry, v);
	__u32 n = v->clauses_count;

	if (entry->effect > v->effect)
		v->effect = entry->effect;
	if (outcome > v->outcome)
		v->outcome = outcome;
	/* Conjunctions of one clause follow each other: named once. */
	if (n && v->clauses[(n - 1) & (EVENT_CLAUSES_MAX - 1)] == entry->id)
		return;
	if (n >= EVENT_CLAUSES_MAX) {
		v->flags |= EVENT_MORE_CLAUSES;
		return;
	}
	v->clauses[n & (EVENT_CLAUSES_MAX - 1)] = entry->id;
	v->clauses_count = n + 1;
}

/*
 * Asks for no label and no gate: nothing that happens later can make it match. A send is judged each time by itself.
 */
static __always_inline bool has_had_its_say(struct verdict *v, struct entry *entry)
{
	__u32 asks = entry->gates[0] | entry->gates[1] | entry->needs[0] | entry->needs[1];

	if (!(v->flags & VERDICT_AGAIN) || entry->ops & v->ops & OP_SEND)
		return false;
	if (with_labels)
		EACH_LABEL_WORD(i)
			asks |= entry->all[i];
	return !asks;
}

static __always_inline bool condition_holds(struct verdict *v, struct entry *entry)
{
	__u32 missing = 0, present = 0;

	if (!with_labels)
		return true;
	EACH_LABEL_WORD(i) {
		__u32 seen = v->seen[i] & ~v->cleans[i];

		missing |= entry->all[i] & ~seen;
		present |= entry->none[i] & seen;
	}
	return !missing && !present;
}

/* Whether the domain's own image has that clause of its session. */
GLOBAL int clause_is_ours(struct verdict *v, __u32 id)
{
	struct image_header *image;

	if (!v)
		return 0;
	image = image_of(v);
	return image && id < image->clauses &&
	       table_word(v->base + image->clause_set_at + (id >> 5)) >> (id & 31) & 1;
}

/* A clause that is about the name: it is matched where its condition holds. */
GLOBAL int clause_judge(struct verdict *v, struct entry *entry)
{
	__u64 gates, needs;

	if (!v || !entry || !condition_holds(v, entry) || has_had_its_say(v, entry))
		return 0;
	gates = (__u64)entry->gates[1] << 32 | entry->gates[0];
	needs = (__u64)entry->needs[1] << 32 | entry->needs[0];
	if (!(gates & v->open_gates || needs & ~v->open_gates))
		verdict_add(v, entry);
	return 0;
}

/* An entry that is no clause and is about the name: what it changes. `given`, of an exec: what has to be earned goes there. */
GLOBAL int entry_change(struct verdict *v, struct entry *entry, struct labels *given)
{
	if (!v || !entry || (!with_labels && !with_gates))
		return 0;
	switch (entry->kind) {
	case ENTRY_LABEL:
		EACH_LABEL_WORD(i)
			v->seen[i] |= entry->all[i];
		return 0;
	case ENTRY_LINEAGE:
	case ENTRY_ENDORSE:
		EACH_LABEL_WORD(i)
			if (given)
				given->words[i] |= entry->all[i];
		return 0;
	case ENTRY_DECLASSIFY:
		EACH_LABEL_WORD(i)
			v->cleans[i] |= entry->all[i];
		return 0;
	case ENTRY_OPEN:
		v->opens |= 1ull << (entry->id & (GATES_MAX - 1));
		return 0;
	case ENTRY_STALE:
		v->stales |= 1ull << (entry->id & (GATES_MAX - 1));
		return 0;
	}
	return 0;
}

/* In place of entry kinds: every clause that refuses, whatever it is about. There is no list. */
#define ALL_CLAUSES (1u << 31)

static __always_inline struct entry *entry_wanted(struct entries_scan *scan, __u32 number)
{
	struct entry *entry = TABLE_RECORD(scan->entries_at + number * 32, struct entry);

	if (!entry) {
		count(COUNTER_ERRORS);
		return 0;
	}
	return entry->ops & scan->v->ops && scan->wanted >> (entry->kind & 31) & 1 ? entry : 0;
}

static long entries_scan_step(__u32 index, struct entries_scan *scan)
{
	struct verdict *v = scan->v;
	bool all = scan->wanted & ALL_CLAUSES;
	struct entry *entry = entry_wanted(scan, all ? index : table_word(scan->at + index));

	if (!entry)
		return 0;
	if (entry->kind != ENTRY_CLAUSE)
		entry_change(v, entry, 0);
	/* Without a name to walk only what refuses is taken as matched. */
	else if (!(all && entry->effect < EFFECT_BLOCK) && !(scan->foreign && !clause_is_ours(v, entry->id)))
		clause_judge(v, entry);
	return 0;
}

/*
 * Apply the entries of the list at `at` (0: none) of the image at `base` whose kind is in `wanted`. Of an exec it is exec_scan.
 * One function for every list that has no arguments: the verifier follows what a loop does for each place that has one.
 */
GLOBAL int scan_kept(struct verdict *v, __u32 base, __u32 at, __u32 wanted)
{
	struct entries_scan scan = { .v = v };
	struct image_header *image;

	if (!v || !(at | (wanted & ALL_CLAUSES)))
		return 0;
	image = TABLE_RECORD(base, struct image_header);
	if (!image)
		return 0;
	scan.at = base + at + 1;
	scan.entries_at = base + image->entries_at;
	scan.wanted = wanted;
	scan.foreign = base != v->base;
	if (wanted & CLAUSES)
		gates_look(v);
	bpf_loop(wanted & ALL_CLAUSES ? image->entries : table_word(base + at), entries_scan_step, &scan, 0);
	return 0;
}

/* As scan_kept, of the domain's own image. */
static __always_inline void scan_list(struct verdict *v, __u32 at, __u32 wanted)
{
	scan_kept(v, v->base, at, wanted);
}

/* The strict side of a name that cannot be had: every block or kill clause of the operation matches. */
static __always_inline void scan_all(struct verdict *v)
{
	scan_kept(v, v->base, 0, CLAUSES | ALL_CLAUSES);
}

/*
 * Walk group `group` of `kind` over the scratch's path: the accept list it ends in, 0 for none, -1 for
 * no such group. The walker is left in the state it came to.
 */
GLOBAL int path_accept(struct scratch *scratch, struct verdict *v, __u32 kind, __u32 group)
{
	struct path_match m = { .scratch = scratch };
	struct walker *w;

	if (!scratch || !v)
		return -1;
	w = &scratch->walker;
	scratch->walk_at = scratch->path_at;
	if (!walker_begin(w, v, kind, group))
		return -1;
	if (scratch->from)
		walker_enter(w, scratch->from);
	m.chunk = walker_chunk(w);
	if (m.chunk) {
		bpf_loop(PATH_BYTES / FAST_BYTES, path_match_fast_step, &m, 0);
		walker_enter(w, w->number);
	}
	bpf_loop(PATH_BYTES, path_match_step, &m, 0);
	if (w->failed)
		count(COUNTER_ERRORS);
	return w->number ? w->state.accept : 0;
}

/* Where the automaton that accepted the path stands one slash behind it; 0: dead. */
GLOBAL int state_behind_slash(struct scratch *scratch)
{
	if (!scratch || !scratch->walker.number)
		return 0;
	walker_step(&scratch->walker, '/');
	return scratch->walker.number;
}

/* Of a folder that the automaton was walked over: the gates that go stale by a name below it. */
GLOBAL __u64 gates_below(struct scratch *scratch, struct verdict *v)
{
	__u32 at;

	if (!scratch || !v || !state_behind_slash(scratch))
		return 0;
	at = scratch->walker.state.extra;
	return at ? table_word(v->base + at) | (__u64)table_word(v->base + at + 1) << 32 : 0;
}

/* As gates_below, of what may be a folder: the list that accepts any name in it. */
GLOBAL __u32 any_below(struct scratch *scratch)
{
	if (!scratch || !state_behind_slash(scratch))
		return 0;
	walker_step(&scratch->walker, 1); /* a byte that no pattern names */
	return scratch->walker.number ? scratch->walker.state.accept : 0;
}

#endif
