/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pilus_fragments: LRU hash, which ports a fragmented datagram has. The first fragment writes it, the later ones,
 * which carry no L4 header, read it: all fragments of a datagram belong to one flow. Written only for senders that have
 * been verified. Programs only.
 */
#ifndef PILUS_ABI_FRAGMENT_H
#define PILUS_ABI_FRAGMENT_H

#include "addr.h"

struct fragment_key {
	struct addr source;
	struct addr destination;
	__be32 id;     /* IPv4: the 16-bit identification */
	__u8 protocol; /* IPv6: 0, only the first fragment says it (RFC 8200, section 4.5) */
	__u8 reserved[3];
};
ABI_ASSERT_SIZE(struct fragment_key, 40);

struct fragment_ports {
	__be16 source;
	__be16 destination;
	__u8 protocol;
	__u8 icmp_type;
	__u8 reserved[2];
};
ABI_ASSERT_SIZE(struct fragment_ports, 8);

#endif
