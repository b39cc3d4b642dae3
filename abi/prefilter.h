/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is refused on an uplink before anything is allocated for it. Written by the agent, read with every packet.
 *
 * A *revision* is the program, loaded with tables of its own, just as large as what they hold, and with its settings
 * as constants: the verifier removes what this revision has no use for. Revisions are exchanged by replacing the
 * program in its link, so a packet sees one or the other, whole. A change of a few rows, none of whose prefixes lies in
 * another's, leaves the program and edits the tables: a packet is told something else by one row at most, and sees one
 * revision whole then, too. These maps are not pinned; the program holds them:
 *
 * source_table, destination_table  array, index -> struct prefilter_bucket: IPv4
 * source_hash, destination_hash    hash,     struct prefilter_prefix -> struct prefilter_entry: IPv6
 * source_trie, destination_trie    LPM trie, struct prefilter_prefix -> struct prefilter_entry
 * rates                            LRU hash, struct addr -> __u64: when the source has used up what it is allowed so
 * far (ns, CLOCK_MONOTONIC) sampled                          per-CPU array of one, __u64: when a drop may be told again
 *
 * Pinned, and shared by all revisions:
 *
 * pilus_prefilter  per-CPU array, index = set -> struct metric: what was refused because of the set
 *
 * The longest prefix counts. A trie takes as long as several looks into a hash, so families whose prefixes have few
 * lengths, as most lists have, are all in a hash: an address is looked up once for each length, the longest first. Else
 * hosts are there, and the others in the trie.
 *
 * IPv4's hash is written here: an array of buckets, each a cache line, is one access to memory where the kernel's hash
 * is three, a sixth of its size, and filled through mmap, not by system calls. A row is in the bucket that
 * prefilter_place says or, where that is crowded, in one of the next.
 *
 * That allowing goes before denying is the agent's to see to: it leaves out what lies in an allowed prefix.
 */
#ifndef PILUS_ABI_PREFILTER_H
#define PILUS_ABI_PREFILTER_H

#include "addr.h"

#define PREFILTER_SETS_MAX 256

enum prefilter_verdict {
	PREFILTER_NONE, /* as if nothing had been found: IPv4, where a prefix of IPv6 has it in it */
	PREFILTER_DENY,
	PREFILTER_ALLOW, /* whatever else would refuse the packet */
};

struct prefilter_entry {
	__u16 set;
	__u8 verdict; /* enum prefilter_verdict */
	__u8 reserved;
};
ABI_ASSERT_SIZE(struct prefilter_entry, 4);

struct prefilter_prefix {
	__u32 prefix_bits; /* as in struct ipcache_key */
	struct addr addr;
} __attribute__((packed, aligned(4)));
ABI_ASSERT_SIZE(struct prefilter_prefix, 20);

enum prefilter_match { PREFILTER_SOURCE, PREFILTER_DESTINATION, PREFILTER_MATCHES };

enum prefilter_family { PREFILTER_V4 = 1, PREFILTER_V6 = 2 };

/* What is refused whoever sends it. */
enum prefilter_kind {
	PREFILTER_FRAGMENTS = 1,
	PREFILTER_UDP_SOURCE_PORT_0 = 2,
};

#define PREFILTER_LENGTHS_MAX 5

#define PREFILTER_BUCKET_ROWS 10
#define PREFILTER_PROBES      4 /* buckets that a row may be in */

struct prefilter_bucket {
	__be32 addr[PREFILTER_BUCKET_ROWS];
	__u16 row[PREFILTER_BUCKET_ROWS]; /* PREFILTER_ROW; 0: there is none */
	__u32 crowded;                    /* rows of this bucket are in the next */
};
ABI_ASSERT_SIZE(struct prefilter_bucket, 64);

/* `length`: the index of the mask in struct prefilter_config. */
#define PREFILTER_ROW(length, verdict, set) ((__u16)(((length) + 1) << 13 | (verdict) << 8 | (set)))
#define PREFILTER_ROW_LENGTH(row)           ((row) >> 13) /* plus one */
#define PREFILTER_ROW_VERDICT(row)          ((row) >> 8 & 3)
#define PREFILTER_ROW_SET(row)              ((row) & 0xff)
_Static_assert(PREFILTER_SETS_MAX <= 256 && PREFILTER_LENGTHS_MAX < 8, "they fit in a row");

/* Which of 2^`bits` buckets. The seed is random, so that nobody can write a list whose rows are all in one. */
static inline __attribute__((always_inline)) __u32 prefilter_place(__be32 addr, __u32 length, __u64 seed, __u32 bits)
{
	return ((addr | (__u64)length << 32) ^ seed) * 0x9e3779b97f4a7c15 >> 32 >> (32 - bits);
}

struct prefilter_length {
	struct addr mask; /* of `bits` */
	__u8 bits;
	__u8 reserved[7];
};
ABI_ASSERT_SIZE(struct prefilter_length, 24);

/* .rodata.prefilter, set before loading. */
struct prefilter_config {
	__u64 rate_interval; /* ns between two packets of a source that keeps to the rate; 0: no limit */
	__u64 rate_burst;    /* ns that it may be ahead of it */
	__u64 seed;
	struct prefilter_length lengths[PREFILTER_MATCHES][PREFILTER_LENGTHS_MAX]; /* of the hash; the longest first */
	__be32 masks[PREFILTER_MATCHES][PREFILTER_LENGTHS_MAX];                    /* of the table, likewise */
	__u8 length_count[PREFILTER_MATCHES];
	__u8 mask_count[PREFILTER_MATCHES];
	__u8 bucket_bits[PREFILTER_MATCHES];
	__u8 tries[PREFILTER_MATCHES]; /* enum prefilter_family, or-ed: of whom there is something in it */
	__u8 refuse;                   /* enum prefilter_kind, or-ed */
	__u8 reserved[7];
};
ABI_ASSERT_SIZE(struct prefilter_config, 40 + 56 * PREFILTER_LENGTHS_MAX);

/* Drops are told in the monitor at most this often, on each CPU: an attack must not be multiplied by telling it. */
#define PREFILTER_SAMPLE_NS 100000000

#endif
