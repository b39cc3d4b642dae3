/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The flow table: is a packet's flow known, may its decision be used again, and if not, what is decided now. See
 * abi/flow.h.
 *
 * A packet's way through every program: flow_find; if flow_is_decided, flow_recall and flow_count; else decide and
 * flow_record.
 */
#ifndef PILUS_BPF_FLOW_H
#define PILUS_BPF_FLOW_H

#include "flow_table.h"
#include "fragment.h"
#include "icmp.h"
#include "packet.h"
#include "policy.h"
#include "state.h"

/* What becomes of a packet: as in struct flow_decision. */
struct decision {
	__u8 action; /* enum flow_action */
	__u16 target;
};

/* An entry before anything is known of it: too large for a stack. */
const struct flow flow_blank SEC(".rodata.flow") = {};

static __always_inline struct flow_decision *flow_decision(struct flow *flow, const struct packet *packet)
{
	return &flow->decision[packet->direction & 1];
}

static __always_inline struct flow_traffic *flow_traffic(struct flow *flow, const struct packet *packet)
{
	return &flow->traffic[packet->direction & 1];
}

/* Of the answers. */
static __always_inline struct flow_decision *flow_decision_back(struct flow *flow, const struct packet *packet)
{
	return &flow->decision[!(packet->direction & 1)];
}

/* A SYN on a connection that has ended begins another one with the same addresses and ports. */
static __always_inline _Bool flow_is_reopened_by(const struct flow *flow, const struct packet *packet)
{
	return unlikely(packet->tuple.tcp_flags & TCP_SYN) && !(packet->tuple.tcp_flags & TCP_ACK) &&
	       flow_state(&packet->key, flow) == FLOW_CLOSING;
}

static __always_inline struct flow *flow_find(const struct packet *packet)
{
	struct flow_key key = packet->key;

	return bpf_map_lookup_elem(&pilus_flows, &key);
}

/* May the packet go the way its predecessors went? `packet->origin` is known; the caller still holds `source` against
 * its sender. */
static __always_inline _Bool flow_is_decided(struct flow *flow, const struct packet *packet)
{
	const struct flow_decision *decision = flow_decision(flow, packet);

	return decision->epoch == state_epoch() && decision->origin == packet->origin && decision->action &&
	       !packet->tuple.related && !flow_is_reopened_by(flow, packet) &&
	       (!packet->translated || flow_decision_back(flow, packet)->mapped);
}

/* What is known of the flow, for the packet and for who hears of it. */
static __always_inline struct decision flow_recall(struct flow *flow, struct packet *packet)
{
	const struct flow_decision *decision = flow_decision(flow, packet);

	packet->from = decision->source;
	packet->source_identity = flow->identity[packet->direction & 1];
	packet->destination_identity = flow->identity[!(packet->direction & 1)];
	packet->state = packet->direction == flow->initiator ? PACKET_ESTABLISHED : PACKET_REPLY;
	packet->mapped = decision->mapped;
	packet->story |= STORY_FLOW_HIT;
	return (struct decision){decision->action, decision->target};
}

/* A SYN+ACK, or an answer on a flow whose opening was not seen, comes from the side that did not open it. */
static __always_inline __u8 flow_initiator(const struct packet *packet)
{
	_Bool answer = (packet->tuple.tcp_flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

	return (packet->direction ^ answer) & 1;
}

static __always_inline void flow_decide(struct flow *flow, const struct packet *packet, const struct decision *decision,
                                        __u32 epoch)
{
	struct flow_decision *forth = flow_decision(flow, packet);

	forth->source = packet->from;
	forth->target = decision->target;
	forth->origin = packet->origin;
	forth->action = decision->action;
	forth->epoch = epoch;
	flow->identity[packet->direction & 1] = packet->source_identity;
	flow->identity[!(packet->direction & 1)] = packet->destination_identity;
}

/*
 * Between endpoints and nodes the way back is the way there, and a policy judges both alike: it is decided with it, as
 * long as nothing came that way. What comes by another door, or as somebody else, decides anew.
 */
static __always_inline void flow_foresee(struct flow *flow, const struct packet *packet,
                                         const struct decision *decision, __u32 epoch)
{
	struct flow_decision *back = flow_decision_back(flow, packet);

	if (packet->origin > FLOW_FROM_NODE || decision->action > FLOW_TO_NODE)
		return;
	back->source = decision->target;
	back->target = packet->from;
	back->origin = decision->action == FLOW_TO_NODE ? FLOW_FROM_NODE : FLOW_FROM_ENDPOINT;
	back->action = packet->origin == FLOW_FROM_NODE ? FLOW_TO_NODE : FLOW_TO_ENDPOINT;
	back->epoch = epoch;
}

/* What is told of a flow to who does not want every packet. */
static __always_inline _Bool flow_is_changed(const struct flow_traffic *traffic, const struct packet *packet, __u64 now)
{
	__u8 new_flags = packet->tuple.tcp_flags & ~traffic->tcp_flags;

	return new_flags & (TCP_SYN | TCP_FIN | TCP_RST) || traffic->last_seen >> 32 != now >> 32; /* 4.3 s */
}

/* Counts an accepted packet to its flow. Only packets of one direction write here, and one CPU handles them as a rule:
 * no atomics. */
static __always_inline void flow_count(struct flow *flow, struct packet *packet)
{
	struct flow_traffic *traffic = flow_traffic(flow, packet);
	__u64 now = bpf_ktime_get_coarse_ns();

	packet->notable = flow_is_changed(traffic, packet, now);
	traffic->packets++;
	traffic->bytes += packet->length;
	traffic->last_seen = now;
	traffic->tcp_flags |= packet->tuple.tcp_flags;
	if (unlikely(packet->direct)) /* its answers, if there are any, do not come by here */
		flow->traffic[!(packet->direction & 1)].last_seen = now;
	if (unlikely(packet->first_fragment))
		fragment_remember(packet);
}

/* Makes an entry, undecided; also in place of one that has ended. NULL when the table refuses. */
static __always_inline struct flow *flow_open(struct packet *packet)
{
	struct flow_key key = packet->key;
	struct flow *flow;

	packet->story |= STORY_FLOW_CREATED;
	if (bpf_map_update_elem(&pilus_flows, &key, &flow_blank, BPF_ANY))
		return NULL;
	flow = bpf_map_lookup_elem(&pilus_flows, &key);
	if (flow)
		flow->initiator = flow_initiator(packet);
	return flow;
}

static __always_inline _Bool identity_routes(__u32 identity)
{
	return identity == IDENTITY_HOST || identity == IDENTITY_REMOTE_NODE || identity == IDENTITY_WORLD ||
	       identity == IDENTITY_KUBE_APISERVER;
}

/* An error is for who sent what it quotes, and from who got it or a router on the way, which no pod is: else any flow
 * that somebody knows of would open the way past every policy. */
static __always_inline _Bool flow_believes(const struct packet *packet, const struct tuple *quoted)
{
	return addr_equal(&quoted->source, &packet->tuple.destination) &&
	       (identity_routes(packet->source_identity) || addr_equal(&quoted->destination, &packet->tuple.source));
}

static __always_inline void flow_note_related(struct __sk_buff *skb, struct packet *packet)
{
	struct flow_key key;
	struct quote quote;
	struct flow *flow;
	int direction;

	parse_pull(skb); /* the quote lies behind the headers */
	if (icmp_quote(skb, packet, &quote) || !flow_believes(packet, &quote.tuple))
		return;
	direction = tuple_key(&quote.tuple, &key);
	flow = bpf_map_lookup_elem(&pilus_flows, &key);
	if (flow) {
		packet->state = PACKET_RELATED;
		packet->mapped = flow->decision[!(direction & 1)].mapped; /* it goes the way of the answers */
	}
	packet->notable = 1;
}

/*
 * Remembers a decision made in `epoch` (read before the maps that it was made from), in the flow there is or in a new
 * one, and counts the packet; unless a policy refuses it. ICMP errors leave no flow of their own: they are related to
 * the one that they quote, or to none.
 */
static __always_inline int flow_record(struct __sk_buff *skb, struct packet *packet, const struct decision *decision,
                                       __u32 epoch)
{
	__u16 endpoint = decision->action == FLOW_TO_ENDPOINT ? decision->target : 0;
	struct flow *flow;
	_Bool opens, reply;
	int reason;

	if (packet->tuple.related) {
		flow_note_related(skb, packet);
		return packet->state == PACKET_RELATED ? 0 : policy_check(skb, packet, endpoint, 0);
	}
	flow = flow_find(packet);
	opens = !flow || flow_is_reopened_by(flow, packet);
	if (opens) {
		reply = packet->direction != flow_initiator(packet);
		packet->state = flow ? PACKET_REOPENED : PACKET_NEW;
		packet->story |= flow ? 0 : STORY_FLOW_MISS;
	} else {
		reply = packet->direction != flow->initiator;
		packet->state = reply ? PACKET_REPLY : PACKET_ESTABLISHED;
		packet->story |= STORY_FLOW_STALE;
	}
	reason = policy_check(skb, packet, endpoint, reply);
	if (reason)
		return reason;
	if (opens)
		flow = flow_open(packet);
	if (!flow)
		return DROP_FLOW_INSERTION_FAILED;
	if (opens)
		flow_foresee(flow, packet, decision, epoch);
	flow_decide(flow, packet, decision, epoch);
	if (packet->translated)
		flow_decision_back(flow, packet)->mapped = 1;
	packet->mapped = flow_decision(flow, packet)->mapped;
	flow_count(flow, packet);
	return 0;
}

#endif
