/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * table.h: reading the words of an image. Every record is aligned to its size, so a mask that
 * clears the low bits both proves the bounds to the verifier and changes nothing.
 */
#ifndef ACTPLANE_TABLE_H
#define ACTPLANE_TABLE_H

#define CHUNK_SHIFT 16
#define CHUNK_MASK (TABLE_CHUNK_WORDS - 1)

/* The chunk that word `at` is in, of a table of several; null when there is no such one. */
static __always_inline struct table_chunk *chunk_of(__u32 at)
{
	__u32 key = at >> CHUNK_SHIFT;

	return bpf_map_lookup_elem(&table, &key);
}

/*
 * The words from `at` on, of a record as long as the low bits of `mask` that are not set say; null as above. No offset of its
 * image leads out of the only chunk.
 */
static __always_inline void *words_at(__u32 at, __u32 mask)
{
	struct table_chunk *chunk = &only_chunk;

	if (with_chunks) {
		chunk = chunk_of(at);
		if (!chunk)
			return 0;
		asm volatile("" : "+r"(chunk)); /* nothing is computed from it before that is asked */
	}
	return &chunk->words[at & CHUNK_MASK & mask];
}

/* A record at word `at`, its size a power of two; null when there is no such chunk. */
#define TABLE_RECORD(at, type) ((type *)words_at(at, ~(__u32)(sizeof(type) / 4 - 1)))

/* One word; 0 when it cannot be read, which every list takes as its end. */
static __always_inline __u32 table_word(__u32 at)
{
	__u32 *word = TABLE_RECORD(at, __u32);

	return word ? *word : 0;
}

#endif
