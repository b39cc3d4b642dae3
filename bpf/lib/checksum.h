/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The internet checksum (RFC 1071), where a program keeps it by hand. A sum is of one's complement and not folded yet,
 * as bpf_csum_diff gives it.
 */
#ifndef PILUS_BPF_CHECKSUM_H
#define PILUS_BPF_CHECKSUM_H

#include "bpf.h"

/* To 16 bits, not complemented. */
static __always_inline __u16 checksum_fold(__s64 sum)
{
	__u64 folded = (__u32)sum;

	folded = (folded & 0xffff) + (folded >> 16);
	return (folded & 0xffff) + (folded >> 16);
}

/* The checksum of something that has changed by `difference` (RFC 1624). */
static __always_inline __u16 checksum_update(__u16 checksum, __s64 difference)
{
	return ~checksum_fold((__u64)checksum_fold(difference) + (__u16)~checksum);
}

/* One less in the TTL (RFC 1141). */
static __always_inline void checksum_hop(struct iphdr *ip)
{
	__u32 sum = ip->check + bpf_htons(0x0100);

	ip->check = sum + (sum >= 0xffff);
	ip->ttl--;
}

#endif
