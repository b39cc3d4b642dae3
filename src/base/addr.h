/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes and MACs as text and back. The binary form is abi/addr.h's: 16 bytes, IPv4 mapped.
 */
#ifndef PILUS_BASE_ADDR_H
#define PILUS_BASE_ADDR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/addr.h"

/* Lengths of text, with the final NUL. */
#define ADDR_TEXT_MAX   46
#define PREFIX_TEXT_MAX (ADDR_TEXT_MAX + 4)
#define MAC_TEXT_MAX    18

struct prefix {
	struct addr addr; /* bits beyond the length are zero */
	uint8_t bits;     /* 0 … 128, an IPv4 /n is 96 + n */
};

/* Parses "10.0.0.1" or "fd00::1" (no zone, no prefix). Returns 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *ret);

/* Writes the shortest usual form (RFC 5952) and returns `text`. */
const char *addr_format(const struct addr *addr, char text[static ADDR_TEXT_MAX]);

bool addr_is_zero(const struct addr *addr);
bool addr_is_any(const struct addr *addr);      /* 0.0.0.0 or :: */
bool addr_is_loopback(const struct addr *addr); /* 127.0.0.0/8 or ::1 */

/* The address `offset` further on; carries through all 128 bits. */
struct addr addr_add(const struct addr *addr, uint64_t offset);

/* Fewer, equal or more, in the order of numbers, as for qsort. Here, because millions are sorted by it. */
static inline int addr_compare(const struct addr *a, const struct addr *b)
{
	unsigned differing = a->quad[0] == b->quad[0];
	uint64_t left = be64toh(a->quad[differing]), right = be64toh(b->quad[differing]);

	return (left > right) - (left < right);
}

/* Parses "10.0.0.0/8" or a plain address (a host prefix). Returns 0, or -EINVAL, also when bits beyond the length are
 * set. */
int prefix_parse(const char *text, struct prefix *ret);
const char *prefix_format(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX]);

/* The same without NUL; returns where it ends. */
char *prefix_write(const struct prefix *prefix, char at[static PREFIX_TEXT_MAX]);

/* The host prefix of an address. */
struct prefix prefix_of_addr(const struct addr *addr);

/* The prefix of `bits` that the address lies in. */
struct prefix prefix_around(const struct addr *addr, uint8_t bits);

bool prefix_is_v4(const struct prefix *prefix);

bool prefix_equal(const struct prefix *a, const struct prefix *b);

/* Families do not mix: ::/0 contains no IPv4 address. */
bool prefix_contains(const struct prefix *prefix, const struct addr *addr);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);

/* The prefix length as people write it: 24 for an IPv4 /24 (bits is 120). */
unsigned prefix_length(const struct prefix *prefix);

/* "02:00:00:00:00:01" and back; parsing takes either case. Returns 0 or -EINVAL. */
int mac_parse(const char *text, uint8_t ret[static 6]);
const char *mac_format(const uint8_t mac[static 6], char text[static MAC_TEXT_MAX]);

#endif
