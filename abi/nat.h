/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Translations of packets. The masquerade: what a pod sends to the world leaves with the node's address, and what the
 * world answers comes back. Services (service.h), where no socket was told: what is sent to one goes to a backend, and
 * what that answers comes from the service.
 *
 * pilus_nat         LRU hash, struct nat_key -> struct nat_entry: what packets say -> what they are to say. Written by
 *                   the programs, read, aged and flushed by the agent. Those of the masquerade.
 * pilus_service_nat the same, of services (NAT_SERVICE and the kinds behind it): anybody outside can make any number
 *                   of these, and is not to evict those of pods.
 * pilus_masquerade  LPM trie, struct masquerade_key -> struct masquerade_entry: the node's address towards a
 *                   destination. Written by the agent, read when a connection is mapped.
 *
 * A mapping is two entries, one for each direction:
 *
 *     {pod, port -> remote, port}   NAT_SOURCE       {node, chosen port}
 *     {remote, port -> node, port}  NAT_DESTINATION  {pod, port}
 *
 * The second is the reservation: it is made first, and only where there is none. Each says all that the other does, so
 * that one which was evicted is made again by the next packet of the other direction (within NAT_CHECK_NS).
 *
 * A service's mapping is the mirror image:
 *
 *     {client, port -> service, port}   NAT_DESTINATION  {backend, port}
 *     {backend, port -> client, port}   NAT_SOURCE       {service, port}
 *
 * Where the backend would not answer by this node, or is the client itself, the packet gets another source besides, by
 * a second mapping like a masquerade's: a detour. All destinations are replaced where packets arrive, all sources where
 * they leave; in between they are of the flow between client and backend.
 */
#ifndef PILUS_ABI_NAT_H
#define PILUS_ABI_NAT_H

#include "addr.h"

/*
 * In the order of the wire, as the packet has it where it is looked up. ICMP echo: the identifier is the port of who
 * asks; who answers has 0.
 */
struct nat_key {
	struct addr source;
	struct addr destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 reserved[3];
};
ABI_ASSERT_SIZE(struct nat_key, 40);

/* Which end of the packet is replaced. */
enum nat_end {
	NAT_SOURCE = 0,
	NAT_DESTINATION = 1,
};

enum nat_kind {
	NAT_POD = 0,     /* a pod's connection, masqueraded */
	NAT_HOST = 1,    /* the host's own, whose port had been given to a pod before */
	NAT_SERVICE = 2, /* to a service */
	NAT_DETOUR = 3,  /* the same connection's source */
	NAT_DIRECT = 4, /* to a service, translated where its backend is, which answers from there (bpf/lib/direct.h) */
};

struct nat_entry {
	struct addr addr;
	__be16 port;
	__u8 end;  /* enum nat_end */
	__u8 kind; /* enum nat_kind */
	union {
		__u32 ifindex; /* the uplink that the connection leaves by; of a detour, that its client is at */
		__u32 backend; /* of a service: its id */
	};
	__u64 created; /* ns, CLOCK_MONOTONIC */
	__u64 checked; /* when the other entry was last seen to be there */
};
ABI_ASSERT_SIZE(struct nat_entry, 40);

#define NAT_CHECK_NS 1000000000ull

/* The prefix begins with the uplink. Of uplink 0 are the destinations that pods reach with their own addresses; of
 * MASQUERADE_TO_NODES is as whom detours lead to other nodes' pods: this node's router, of whom policies there know
 * nothing but that it is behind this node. */
struct masquerade_key {
	__u32 prefix_bits; /* MASQUERADE_UPLINK_BITS + as in struct ipcache_key */
	__u32 ifindex;
	struct addr addr;
};
ABI_ASSERT_SIZE(struct masquerade_key, 24);

#define MASQUERADE_UPLINK_BITS 32
#define MASQUERADE_TO_NODES    0xffffffffu

struct masquerade_entry {
	struct addr source; /* of uplink 0 zero */
};
ABI_ASSERT_SIZE(struct masquerade_entry, 16);

/* node_config.masquerade */
enum masquerade_family {
	MASQUERADE_V4 = 1,
	MASQUERADE_V6 = 2,
};

/* On the skb of a pod's packet that is to be masqueraded where it leaves: the host's own rules must leave it alone. */
#define MARK_MASQUERADE 0x00100000

/* On the skb of what a service's client outside sends to another node (its id, or-ed) and is too large for the
 * overlay's packets: the overlay's device sends it in several. */
#define MARK_OUTSIDE 0x00200000

#endif
