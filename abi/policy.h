/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What endpoints may do. Written by the agent, read by the programs when a flow is decided: established packets never
 * ask.
 *
 * pilus_policy        LPM trie, struct policy_key      -> struct policy_entry
 * pilus_policy_cidrs  LPM trie, struct policy_cidr_key -> a block's id (__u32): the prefixes that the set's rules name
 *
 * A *set* is the policy of all pods with the same labels; an endpoint says which is its own and which directions it
 * closes (endpoint.h). Nothing in use is ever changed in a way that a packet could see half of: the entries of a new
 * set are written first, then the endpoints are pointed to it, then the epoch is bumped; the old ones go later. There
 * is no map in a map, because the kernel waits for every CPU when an inner one is replaced.
 *
 * A connection is judged as it was opened, by the opener's egress and the receiver's ingress. For each there are up to
 * four questions, one for each way to name the peer: its identity, anybody, the smallest block that its address lies
 * in, and the same for blocks that mean the world only. One denial denies; else one permission permits.
 */
#ifndef PILUS_ABI_POLICY_H
#define PILUS_ABI_POLICY_H

#include "addr.h"

enum policy_direction { POLICY_INGRESS, POLICY_EGRESS, POLICY_DIRECTIONS };

/* Peers: identities are below 2^24. */
#define POLICY_ANYBODY     0
#define POLICY_BLOCK       (1u << 24) /* | block id of the set: whoever has the address */
#define POLICY_WORLD_BLOCK (2u << 24) /* | block id: neither a pod nor a node */
#define POLICY_BLOCK_MAX   ((1u << 24) - 1)

/*
 * In the order of the wire, as the trie compares from the first bit. The set, the peer and the direction are always
 * there; a prefix that ends with them means every protocol, one that ends with the protocol every port. Ranges of ports
 * are several prefixes. ICMP has its type for a port.
 */
struct policy_key {
	__u32 prefix_bits;
	__be32 set;
	__be32 peer;
	__u8 direction; /* enum policy_direction */
	__u8 protocol;
	__be16 port;
};
ABI_ASSERT_SIZE(struct policy_key, 16);

#define POLICY_PEER_BITS     72 /* set, peer and direction */
#define POLICY_PROTOCOL_BITS 80
#define POLICY_PORT_BITS     96

enum policy_effect {
	POLICY_ALLOW = 1,
	POLICY_DENY = 2,
};

struct policy_entry {
	__u64 packets; /* that asked: those that open a flow, or go on with one after a change */
	__u64 bytes;
	__u32 rule;       /* the agent's number for the rule that it came from */
	__u8 verdict;     /* enum policy_effect */
	__u8 prefix_bits; /* of its key, as a look-up does not tell which it found */
	__u8 reserved[2];
};
ABI_ASSERT_SIZE(struct policy_entry, 24);

/* What of a connection the entry that decided is about: the peer, the protocol and port, both, or any. */
#define POLICY_MATCHES(X)        \
	X(NONE, 0, "none")       \
	X(L3_ONLY, 1, "L3-Only") \
	X(L3_L4, 2, "L3-L4")     \
	X(L4_ONLY, 3, "L4-Only") \
	X(ALL, 4, "all")

enum policy_match {
#define X(symbol, code, name) POLICY_MATCH_##symbol = code,
	POLICY_MATCHES(X)
#undef X
};

/* The set is always there: prefix_bits is POLICY_SET_BITS + as in struct ipcache_key. */
struct policy_cidr_key {
	__u32 prefix_bits;
	__be32 set;
	struct addr addr;
};
ABI_ASSERT_SIZE(struct policy_cidr_key, 24);

#define POLICY_SET_BITS 32

#endif
