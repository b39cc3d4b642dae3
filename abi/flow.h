/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pilus_flows: the flow table. One entry per connection, one lookup per packet.
 *
 * The key is the 5-tuple in canonical order, so both directions of a connection find the same entry. The
 * value holds what is known of the connection (conntrack) and, per direction, the decision where its packets
 * go. A decision carries the epoch (state.h) in which it was made: whatever could change a decision bumps the
 * epoch, and the next packet of each direction decides anew. Established packets cost this one lookup.
 *
 * Written by the BPF programs; each direction's part is written only by packets of that direction, but for what the
 * first packet of all foresees. So there is no lock and no atomic, and the state of a connection is derived from both
 * directions, never stored.
 *
 * The two directions of a connection are often two CPUs'. What each packet reads stands before what each packet writes,
 * and the kernel keeps 48 bytes and the key before the value: with them, the decisions fill two cache lines which stay
 * shared, and the traffic a third one.
 * Read, aged and flushed by the agent. Full: the least recently used flows go first (LRU).
 */
#ifndef PILUS_ABI_FLOW_H
#define PILUS_ABI_FLOW_H

#include "addr.h"

/*
 * addr[0] < addr[1], ports follow their addresses; equal addresses are ordered by port. ICMP echo: the identifier
 * is the port of who asks. Who answers, and protocols without ports: 0. Other ICMP goes by icmp_type, which follows the
 * addresses, too: of who asks the type, else 0.
 */
struct flow_key {
	struct addr addr[2];
	__be16 port[2];
	__u8 protocol;
	__u8 icmp_type[2];
	__u8 reserved;
};
ABI_ASSERT_SIZE(struct flow_key, 40);

/* What happens to the packets of one direction. `target` is what the comment says. */
enum flow_action {
	FLOW_UNDECIDED = 0,
	FLOW_TO_ENDPOINT = 1, /* endpoint id: redirected into the pod */
	FLOW_TO_NODE = 2,     /* node id: sent on the uplink, encapsulated unless routing is native */
	FLOW_TO_STACK = 3,    /* 0: left to the host's network stack */
	FLOW_TO_WORLD = 4,    /* 0: the same, and masqueraded where it leaves by an uplink (nat.h) */
};

/* Through which door the packets of one direction must come; `source` is what the comment says. */
enum flow_origin {
	FLOW_FROM_ENDPOINT = 1, /* endpoint id */
	FLOW_FROM_NODE = 2,     /* node id: out of the overlay */
	FLOW_FROM_STACK = 3,    /* 0: from the host's network stack */
	FLOW_FROM_WORLD = 4,    /* from an uplink as it is, or the masquerade taken off; node id, or 0 */
};

/* What was decided about the packets of one direction. */
struct flow_decision {
	__u32 epoch; /* in which it was */
	__u16 source;
	__u16 target;
	__u8 origin; /* enum flow_origin */
	__u8 action; /* enum flow_action */
	__u8 mapped; /* 1: to a service's client, whose packets have their source replaced where they leave (nat.h) */
	__u8 reserved;
};
ABI_ASSERT_SIZE(struct flow_decision, 12);

/* What was seen of one direction. */
struct flow_traffic {
	__u64 packets;
	__u64 bytes;     /* whole frames, without the overlay's headers */
	__u64 last_seen; /* ns, CLOCK_MONOTONIC to a tick; 0: no packet yet */
	__u8 tcp_flags;  /* every TCP flag seen, or-ed */
	__u8 reserved[7];
};
ABI_ASSERT_SIZE(struct flow_traffic, 32);

/* decision[i] and traffic[i] are of the packets sent by addr[i]; identity[i] is addr[i]'s. */
struct flow {
	__u32 identity[2];
	struct flow_decision decision[2];
	__u8 initiator; /* index of the direction that opened the flow */
	__u8 reserved[7];
	struct flow_traffic traffic[2];
};
ABI_ASSERT_SIZE(struct flow, 104);
_Static_assert(sizeof(struct flow_key) + __builtin_offsetof(struct flow, traffic) == 2 * 64 - 48, "cache lines");

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

#define PROTOCOL_ICMP   1
#define PROTOCOL_TCP    6
#define PROTOCOL_UDP    17
#define PROTOCOL_ICMPV6 58
#define PROTOCOL_SCTP   132

/* Where a connection is in its life; decides how long an idle flow is kept. */
enum flow_state {
	FLOW_OPENING,     /* one side only has spoken */
	FLOW_ESTABLISHED, /* both have */
	FLOW_CLOSING,     /* TCP: FIN from both, or a reset */
};

static inline __attribute__((always_inline)) enum flow_state flow_state(const struct flow_key *key,
                                                                        const struct flow *flow)
{
	__u8 a = flow->traffic[0].tcp_flags, b = flow->traffic[1].tcp_flags;

	if (key->protocol == PROTOCOL_TCP && (((a | b) & TCP_RST) || (a & b & TCP_FIN)))
		return FLOW_CLOSING;
	return flow->traffic[0].last_seen && flow->traffic[1].last_seen ? FLOW_ESTABLISHED : FLOW_OPENING;
}

/* What a packet is to its connection, as the monitor says it (`state new`); FLOW_UNKNOWN where none is kept. */
enum packet_state {
	PACKET_NEW,
	PACKET_ESTABLISHED,
	PACKET_REPLY,
	PACKET_RELATED, /* an ICMP error about a known flow */
	PACKET_REOPENED,
	PACKET_UNKNOWN,
};

#define PACKET_STATE_NAMES {"new", "established", "reply", "related", "reopened", "unknown"}

/*
 * Fills the key for a packet from `src` to `dst`. Returns the index of the packet's direction: key->addr[it] is the
 * source.
 */
static inline __attribute__((always_inline)) int flow_key_fill(struct flow_key *key, const struct addr *src,
                                                               const struct addr *dst, __be16 src_port, __be16 dst_port,
                                                               __u8 protocol)
{
	_Bool swap = addr_equal(src, dst) ? dst_port < src_port : addr_less(dst, src);

	*key = (struct flow_key){
		.addr = {swap ? *dst : *src, swap ? *src : *dst},
		.port = {swap ? dst_port : src_port, swap ? src_port : dst_port},
		.protocol = protocol,
	};
	return swap;
}

#endif
