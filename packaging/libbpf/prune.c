// Taking out of a program what its constants say is never run, before the kernel sees it.
//
// The programs ask constants whether a policy has labels, gates, paths (src/kernel/settings.ts), and the verifier leaves out
// what is behind a 0. But it moves all of a program each time it rewrites a place of it, and the parts that are left out are
// the larger half: to hand in only what can be reached takes a fifth of its time away. Nothing is decided here that the kernel
// would not decide in the same way, and it verifies what it gets as ever.
#include "prune.h"

#include <stdlib.h>
#include <string.h>

#define CLASS(insn) ((insn)->code & 7)
#define IS_JUMP(insn) (CLASS(insn) == BPF_JMP || CLASS(insn) == BPF_JMP32)
#define OP(insn) ((insn)->code & 0xf0)
#define IS_WIDE(insn) ((insn)->code == (BPF_LD | BPF_IMM | BPF_DW))

struct constants constants_of(struct bpf_object *object) {
	struct bpf_map *map;
	bpf_object__for_each_map(map, object) {
		struct constants found = {.map = bpf_map__fd(map)};
		if (!strstr(bpf_map__name(map), ".rodata")) continue;
		found.content = bpf_map__initial_value(map, &found.bytes);
		return found;
	}
	return (struct constants){.map = -1};
}

// What is known of a register, between two places where ways meet.
struct known {
	enum { NOTHING, ADDRESS, VALUE } what;
	__u32 value; // of an address: in the constants
};

enum taken { UNKNOWN, NEVER, ALWAYS };

// Whether a conditional jump is taken: comparisons with a number, of constants of 32 bits.
static enum taken is_taken(const struct bpf_insn *insn, const struct known *registers) {
	const struct known *left = &registers[insn->dst_reg];
	if ((insn->code & BPF_X) || left->what != VALUE || insn->imm < 0) return UNKNOWN;
	switch (OP(insn)) {
	case BPF_JEQ: return left->value == (__u32)insn->imm ? ALWAYS : NEVER;
	case BPF_JNE: return left->value != (__u32)insn->imm ? ALWAYS : NEVER;
	}
	return UNKNOWN;
}

// Of every conditional jump of the program, looked at from one place where ways meet to the next.
static void decide(const struct constants *constants, const struct bpf_insn *insns, size_t count, const char *meets, char *decided) {
	struct known registers[11] = {0};
	for (size_t i = 0; i < count; i++) {
		const struct bpf_insn *insn = &insns[i];
		struct known result = {NOTHING, 0};
		if (meets[i]) memset(registers, 0, sizeof(registers));
		if (IS_JUMP(insn)) {
			if (OP(insn) == BPF_CALL)
				for (int r = 0; r <= 5; r++) registers[r].what = NOTHING;
			else if (OP(insn) != BPF_JA && OP(insn) != BPF_EXIT)
				decided[i] = is_taken(insn, registers);
			continue;
		}
		if (CLASS(insn) == BPF_ST || CLASS(insn) == BPF_STX) {
			// An atomic operation may fetch into a register: into which, hangs on its kind.
			if ((insn->code & 0xe0) == BPF_ATOMIC) registers[0].what = registers[insn->src_reg].what = NOTHING;
			continue;
		}
		if (IS_WIDE(insn)) {
			if (insn->src_reg == BPF_PSEUDO_MAP_VALUE && insn->imm == constants->map) result = (struct known){ADDRESS, insn[1].imm};
			registers[insn->dst_reg] = result;
			i++;
			continue;
		}
		const struct known *from = &registers[insn->src_reg];
		if (insn->code == (BPF_LDX | BPF_MEM | BPF_W) && from->what == ADDRESS) {
			size_t at = (size_t)from->value + insn->off;
			if (at + sizeof(__u32) <= constants->bytes) {
				result.what = VALUE;
				memcpy(&result.value, constants->content + at, sizeof(__u32));
			}
		}
		registers[insn->dst_reg] = result;
	}
}

// Where the instruction may go on, besides to the next one; -1: nowhere.
static long target_of(const struct bpf_insn *insn, long i) {
	if (IS_WIDE(insn)) return insn->src_reg == BPF_PSEUDO_FUNC ? i + insn->imm + 1 : -1;
	if (!IS_JUMP(insn) || OP(insn) == BPF_EXIT) return -1;
	if (OP(insn) == BPF_CALL) return insn->src_reg == BPF_PSEUDO_CALL ? i + insn->imm + 1 : -1;
	if (insn->code == (BPF_JMP32 | BPF_JA)) return i + insn->imm + 1;
	return i + insn->off + 1;
}

static int goes_on(const struct bpf_insn *insn, char decided) {
	if (!IS_JUMP(insn)) return 1;
	return OP(insn) != BPF_EXIT && OP(insn) != BPF_JA && decided != ALWAYS;
}

// Fills `kept` with what can be reached from the first instruction.
static void reach(const struct bpf_insn *insns, long count, const char *decided, char *kept, long *waiting) {
	long waits = 0;
	waiting[waits++] = 0;
	kept[0] = 1;
	while (waits > 0) {
		long i = waiting[--waits];
		long next = IS_WIDE(&insns[i]) ? i + 2 : i + 1, target = decided[i] == NEVER ? -1 : target_of(&insns[i], i);
		if (goes_on(&insns[i], decided[i]) && next < count && !kept[next]) kept[next] = 1, waiting[waits++] = next;
		if (target >= 0 && target < count && !kept[target]) kept[target] = 1, waiting[waits++] = target;
	}
}

// A jump that is decided and leads to what follows it is not needed.
static void drop_decided(const struct bpf_insn *insns, long count, const char *decided, char *kept) {
	for (long i = 0; i < count; i++) {
		if (!kept[i] || decided[i] == UNKNOWN) continue;
		long target = decided[i] == ALWAYS ? target_of(&insns[i], i) : i + 1, between = i + 1;
		while (between < target && !kept[between]) between++;
		if (between == target) kept[i] = 0;
	}
}

static struct bpf_insn moved(struct bpf_insn insn, long i, char decided, const long *place) {
	long target = target_of(&insn, i), distance = target < 0 ? 0 : place[target] - place[i] - 1;
	if (target < 0) return insn;
	if (decided == ALWAYS) return (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = distance};
	if (IS_WIDE(&insn) || OP(&insn) == BPF_CALL || insn.code == (BPF_JMP32 | BPF_JA))
		insn.imm = distance;
	else
		insn.off = distance;
	return insn;
}

static void take(const struct bpf_insn *insns, long count, const char *decided, const char *kept, const long *place,
		 const struct bpf_prog_load_opts *options, struct pruned *out) {
	for (long i = 0; i < count; i++) {
		if (!kept[i]) continue;
		out->insns[place[i]] = moved(insns[i], i, decided[i], place);
		if (!IS_WIDE(&insns[i])) continue;
		out->insns[place[i] + 1] = insns[i + 1];
		i++;
	}
	const char *function = options->func_info;
	char *to = out->functions;
	for (__u32 k = 0; k < options->func_info_cnt; k++, function += options->func_info_rec_size) {
		__u32 at = *(const __u32 *)function;
		if (!kept[at]) continue;
		memcpy(to, function, options->func_info_rec_size);
		*(__u32 *)to = place[at];
		to += options->func_info_rec_size;
		out->functions_count++;
	}
}

int prune(const struct constants *constants, const struct bpf_insn *insns, size_t count, const struct bpf_prog_load_opts *options,
	  struct pruned *out) {
	char *meets = calloc(count + 1, 1), *decided = calloc(count + 1, 1), *kept = calloc(count + 1, 1);
	long *place = calloc(count + 1, sizeof(long)), *waiting = calloc(count + 1, sizeof(long));
	*out = (struct pruned){.insns = calloc(count + 1, sizeof(*insns)), .functions = calloc(options->func_info_cnt + 1, options->func_info_rec_size)};
	if (!constants->content || !meets || !decided || !kept || !place || !waiting || !out->insns || !out->functions) goto nothing;
	for (size_t i = 0; i < count; i += IS_WIDE(&insns[i]) ? 2 : 1) {
		long target = target_of(&insns[i], i);
		if (target >= 0 && target < (long)count) meets[target] = 1;
		// What a jump leaves behind, nobody comes to but by another one.
		if (IS_JUMP(&insns[i]) && !goes_on(&insns[i], UNKNOWN)) meets[i + 1] = 1;
	}
	decide(constants, insns, count, meets, decided);
	reach(insns, count, decided, kept, waiting);
	drop_decided(insns, count, decided, kept);
	for (size_t i = 0; i < count; i++) {
		place[i] = out->count;
		if (!kept[i]) continue;
		out->count++;
		if (IS_WIDE(&insns[i])) place[++i] = out->count++;
	}
	if (out->count == count) goto nothing;
	take(insns, count, decided, kept, place, options, out);
	goto done;
nothing:
	free(out->insns);
	free(out->functions);
	*out = (struct pruned){0};
done:
	free(meets);
	free(decided);
	free(kept);
	free(place);
	free(waiting);
	return out->count > 0;
}
