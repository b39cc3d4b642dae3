/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One packet on its way through a program: what was parsed of it, and what was found out about it since. Stages take it
 * and add to it; trace.h tells it. Offsets are into the skb as it is: who adds or removes room updates them. It is what
 * fills the stack of 512 bytes: eight more may be too many for from_netdev on kernel 6.1.
 */
#ifndef PILUS_BPF_PACKET_H
#define PILUS_BPF_PACKET_H

#include "abi/drop.h"
#include "abi/event.h"
#include "abi/flow.h"
#include "abi/metrics.h"
#include "bpf.h"

/* What the headers of a packet say, or of one quoted by an ICMP error. */
struct tuple {
	struct addr source;
	struct addr destination;
	__be16 source_port;
	__be16 destination_port;
	__be16 ethertype;
	__u8 protocol;
	__u8 tcp_flags;
	__u8 hops; /* TTL or hop limit */
	__u8 icmp_type;
	_Bool related; /* an ICMP error: it belongs to another flow than its own addresses say */
};

struct packet {
	/* parsed */
	struct tuple tuple;
	struct flow_key key;
	__u32 frame;     /* offset of the ethernet header: 0, or inside an overlay packet */
	__u32 transport; /* offset of the L4 header; 0: a later fragment, it has none */
	__u32 length;    /* of the frame, without the overlay's headers */
	__be32 fragment_id;
	_Bool first_fragment; /* of several: the others will ask for its ports */
	_Bool ahead;          /* a later fragment whose first was not seen: its ports are unknown, and 0 here */
	__u8 direction;       /* key.addr[direction] is the source */

	/* found out */
	__u8 point;           /* enum trace_point: where it entered */
	__u8 metric;          /* enum metric_direction: how its drop is counted */
	__u8 origin;          /* enum flow_origin: through which door, */
	__u16 from;           /* and from whom: what flow_decision.source says */
	__u8 state;           /* enum packet_state */
	_Bool notable : 1;    /* see struct event */
	_Bool translated : 1; /* it was sent to a service: the flow's answers have their source replaced */
	_Bool direct : 1;     /* and is translated there: see direct.h */
	_Bool mapped : 1;     /* it is such an answer: see struct flow_decision */
	__u16 source_endpoint;
	__u16 destination_endpoint;
	__u16 node;    /* the peer of the overlay */
	__u32 towards; /* ifindex of the device it is redirected to, or its client is at; 0: none (yet) */
	__u32 source_identity;
	__u32 destination_identity;
	__u32 vni;
	__u32 story;                  /* enum story_step, or-ed */
	struct event_verdict verdict; /* of the policy that was asked last */
};

/* Spreads flows over the overlay's UDP source ports, and marks events; equal for both directions. */
static __always_inline __u32 packet_hash(const struct packet *packet)
{
	const struct flow_key *key = &packet->key;
	__u64 ports = key->port[0] | (__u64)key->port[1] << 16 | (__u64)key->protocol << 32;
	__u64 mix = key->addr[0].quad[0] ^ key->addr[1].quad[0];

	mix = (mix ^ key->addr[0].quad[1]) * 0x9e3779b97f4a7c15;
	mix = (mix ^ mix >> 32 ^ key->addr[1].quad[1]) * 0x9e3779b97f4a7c15;
	mix = (mix ^ mix >> 32 ^ ports) * 0x9e3779b97f4a7c15;
	return mix >> 32;
}

#endif
