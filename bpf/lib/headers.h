/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Headers of the wire that the kernel's UAPI does not describe.
 */
#ifndef PILUS_BPF_HEADERS_H
#define PILUS_BPF_HEADERS_H

#include "bpf.h"

#define IPV6_EXTENSIONS_MAX  6
#define IPV4_FRAGMENT_MASK   0x3fff /* more fragments, or an offset */
#define IPV4_OFFSET_MASK     0x1fff
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_FRAGMENT_MASK   0xfff9 /* more fragments, or an offset */

/* Any extension header; the fragment header's fields fit. */
struct ipv6_extension {
	__u8 next;
	__u8 length; /* in units of 8 bytes, the first not counted */
	__be16 fragment_offset;
	__be32 fragment_id;
};

static __always_inline _Bool is_ipv6_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
	       next == IPPROTO_FRAGMENT;
}

/* IEEE 802.1Q, behind the ethertype that announces it. */
struct vlan_tag {
	__be16 tag;
	__be16 ethertype;
};

#endif
