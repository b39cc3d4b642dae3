/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One address type for both families: 16 bytes in network order, IPv4 mapped (::ffff:a.b.c.d, RFC 4291
 * section 2.5.5.2). One map and one code path serve both; only parsing and rewriting branch on the family.
 */
#ifndef PILUS_ABI_ADDR_H
#define PILUS_ABI_ADDR_H

#include "types.h"

struct addr {
	union {
		__u8 byte[16];
		__be32 word[4];
		__u64 quad[2];
	};
};
ABI_ASSERT_SIZE(struct addr, 16);

/* An IPv4 prefix /n is a prefix of 96 + n bits here. */
#define ADDR_V4_PREFIX_BITS 96
#define ADDR_BITS           128

/* 0x0000ffff in network order: the word that marks a mapped IPv4 address. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ADDR_V4_MARK ((__be32)0xffff0000)
#else
#define ADDR_V4_MARK ((__be32)0x0000ffff)
#endif

static inline __attribute__((always_inline)) struct addr addr_from_v4(__be32 v4)
{
	return (struct addr){.word = {0, 0, ADDR_V4_MARK, v4}};
}

static inline __attribute__((always_inline)) _Bool addr_is_v4(const struct addr *addr)
{
	return !addr->quad[0] && addr->word[2] == ADDR_V4_MARK;
}

static inline __attribute__((always_inline)) _Bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->quad[0] == b->quad[0] && a->quad[1] == b->quad[1];
}

/* A total order that both halves agree on; nobody may depend on which one it is. */
static inline __attribute__((always_inline)) _Bool addr_less(const struct addr *a, const struct addr *b)
{
	return a->quad[1] != b->quad[1] ? a->quad[1] < b->quad[1] : a->quad[0] < b->quad[0];
}

#endif
