/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * args.h: where the arguments and the environment of a new image are, and reading them from there.
 */
#ifndef ACTPLANE_ARGS_H
#define ACTPLANE_ARGS_H

/* 512 KiB of arguments are matched; more than that takes the strict side. */
#define ARG_CHUNKS_MAX 1024
#define ARG_BYTES_MAX (512 * 1024)

/* Where the arguments of the new image are. */
struct args_source {
	__u64 bprm;    /* a scalar here: global functions take no kernel pointers */
	__u64 from;    /* user address of argv[0] */
	__u64 end;     /* first address that is certainly no argument */
	__u64 mm;      /* not 0: the memory of that mm, read through its page tables; 0: the caller's own memory */
	__u32 count;   /* argc */
	__u32 skip;    /* of this walk: arguments before the one that plays argv[0]'s part */
	__u32 invoked; /* 1: the path it was invoked by is judged too */
	__u32 invoked_skip;
};

#define PAGE_PRESENT 1ull
#define PAGE_HUGE 0x80ull
#define PAGE_FRAME 0x000ffffffffff000ull

static __always_inline __u64 read_word(__u64 at)
{
	__u64 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), (void *)at);
	return value;
}

/*
 * Kernel address of a user page of another mm, 0 if it is not there. The arguments were just copied
 * in by the kernel, so their pages are there, small and nobody else's: no race, unlike reading the
 * caller's memory again (0 against 452 of 1,000 attempts lost, measured).
 */
GLOBAL __u64 page_of(__u64 mm, __u64 address)
{
	__u64 direct = direct_map, encrypted = encryption_mask, entry, table;

	table = (__u64)BPF_CORE_READ((struct mm_struct *)mm, pgd);
	if (top_shift == 48) {
		entry = read_word(table + (address >> 48 & 511) * 8);
		if (!(entry & PAGE_PRESENT))
			return 0;
		table = direct + (entry & PAGE_FRAME & ~encrypted);
	}
	entry = read_word(table + (address >> 39 & 511) * 8);
	if (!(entry & PAGE_PRESENT))
		return 0;
	entry = read_word(direct + (entry & PAGE_FRAME & ~encrypted) + (address >> 30 & 511) * 8);
	if (!(entry & PAGE_PRESENT) || entry & PAGE_HUGE)
		return 0;
	entry = read_word(direct + (entry & PAGE_FRAME & ~encrypted) + (address >> 21 & 511) * 8);
	if (!(entry & PAGE_PRESENT) || entry & PAGE_HUGE)
		return 0;
	entry = read_word(direct + (entry & PAGE_FRAME & ~encrypted) + (address >> 12 & 511) * 8);
	if (!(entry & PAGE_PRESENT))
		return 0;
	return direct + (entry & PAGE_FRAME & ~encrypted);
}

/* Copy the piece at `address` into the scratch's chunk; it ends at a page's end at the latest. Bytes copied, 0: failed. */
static __always_inline __u32 args_copy(struct scratch *scratch, struct args_source *source, __u64 address)
{
	__u64 left = source->end - address;
	__u32 bytes = 4096 - (address & 4095);
	long failed;

	if (bytes > CHUNK_BYTES)
		bytes = CHUNK_BYTES;
	if (bytes > left)
		bytes = left;
	asm volatile("" : "+r"(bytes));
	if (!bytes || bytes > CHUNK_BYTES)
		return 0;
	if (source->mm) {
		__u64 page = page_of(source->mm, address);

		if (!page)
			return 0;
		failed = bpf_probe_read_kernel(scratch->chunk, bytes, (void *)(page + (address & 4095)));
	} else {
		failed = bpf_probe_read_user(scratch->chunk, bytes, (void *)address);
	}
	return failed ? 0 : bytes;
}

/*
 * Copy the start of the arguments into the scratch's chunk, across the end of one page. Runs into the
 * atoms for the verifier only: both parts together are at most the chunk.
 */
static __always_inline __u32 args_copy_start(struct scratch *scratch, struct args_source *source)
{
	__u32 bytes = args_copy(scratch, source, source->from), more;
	__u64 page;

	if (!bytes || bytes >= CHUNK_BYTES || source->from + bytes >= source->end)
		return bytes;
	more = CHUNK_BYTES - bytes;
	if (more > source->end - source->from - bytes)
		more = source->end - source->from - bytes;
	page = page_of(source->mm, source->from + bytes);
	more &= CHUNK_BYTES - 1;
	if (!page || bpf_probe_read_kernel(&scratch->chunk[bytes & (CHUNK_BYTES - 1)], more, (void *)page))
		return bytes;
	return bytes + more;
}

#endif
