/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * table.h: reading the words of an image. Every record is aligned to its size, so a mask that
 * clears the low bits both proves the bounds to the verifier and changes nothing.
 */
#ifndef ACTPLANE_TABLE_H
#define ACTPLANE_TABLE_H

#define CHUNK_SHIFT 16
#define CHUNK_MASK (TABLE_CHUNK_WORDS - 1)

/* A record of `size` words (a power of two) at word `at`; null when there is no such chunk. */
#define TABLE_RECORD(at, type)                                                     \
	({                                                                         \
		__u32 at_ = (at), key_ = at_ >> CHUNK_SHIFT;                       \
		struct table_chunk *chunk_ = bpf_map_lookup_elem(&table, &key_);   \
		chunk_ ? (type *)&chunk_->words[at_ & CHUNK_MASK &                 \
						~(__u32)(sizeof(type) / 4 - 1)]    \
		       : (type *)0;                                                \
	})

/* One word; 0 when it cannot be read, which every list takes as its end. */
static __always_inline __u32 table_word(__u32 at)
{
	__u32 *word = TABLE_RECORD(at, __u32);

	return word ? *word : 0;
}

#endif
