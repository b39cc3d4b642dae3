/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What arrives out of the overlay, on the uplink or from the overlay device: who may send it, to whom it goes, its
 * flow.
 */
#ifndef PILUS_BPF_ARRIVAL_H
#define PILUS_BPF_ARRIVAL_H

#include "flow.h"
#include "ipcache.h"
#include "local.h"
#include "node.h"
#include "overlay.h"

/* A node's own identity is "host" only at home. */
static __always_inline __u32 arrival_identity(__u32 vni)
{
	return vni == IDENTITY_HOST ? IDENTITY_REMOTE_NODE : vni;
}

/* May the sender still be who the flow's decision took it for? */
static __always_inline _Bool arrival_sender_is_same(const struct flow *flow, const struct packet *packet,
                                                    const struct overlay_sender *sender)
{
	__u8 side = packet->direction & 1;
	struct node *node = node_by_id(flow->decision[side].source);

	return node && addr_equal(&node->remote, &sender->remote) &&
	       (!sender->on_uplink || addr_equal(&node->local, &sender->local)) &&
	       flow->identity[side] == arrival_identity(sender->vni);
}

/*
 * Only known nodes may send, each only for addresses that are behind it: so that neither a stranger nor a node's pod
 * can speak with another's identity.
 */
static __always_inline int arrival_verify_sender(struct packet *packet, const struct overlay_sender *sender)
{
	packet->vni = sender->vni;
	packet->source_identity = arrival_identity(sender->vni);
	packet->node = packet->from = node_id_by_addr(&sender->remote);
	if (!packet->node)
		return DROP_UNKNOWN_SENDER;
	if (!packet->source_identity)
		return DROP_INVALID_IDENTITY;
	if (ipcache_lookup(&packet->tuple.source).node != packet->node)
		return DROP_INVALID_SOURCE_IP;
	return 0;
}

static __always_inline _Bool arrival_is_left(const struct overlay_sender *sender, const struct decision *decision)
{
	return sender->on_uplink && decision->action != FLOW_TO_ENDPOINT;
}

static __always_inline _Bool arrival_is_for_this_node(const struct overlay_sender *sender)
{
	struct local_addr *local = local_lookup(&sender->local);

	return local && !local->endpoint;
}

/* Decides where a packet out of the overlay goes, and remembers it. Returns 0 or a drop reason. */
VERIFIED_ONCE int arrival_decide(struct __sk_buff *skb, struct packet *packet, struct overlay_sender *sender,
                                 struct decision *ret_decision)
{
	__u32 epoch = state_epoch();
	int reason;

	if (!packet || !sender || !ret_decision)
		return DROP_INVALID_PACKET;
	if (sender->on_uplink && !arrival_is_for_this_node(sender)) {
		ret_decision->action = FLOW_TO_STACK;
		return 0;
	}
	reason = arrival_verify_sender(packet, sender);
	if (!reason)
		reason = local_find(packet, ret_decision);
	if (!reason && !arrival_is_left(sender, ret_decision))
		reason = flow_record(skb, packet, ret_decision, epoch);
	return reason;
}

/* The way of a packet out of the overlay, from parsed to decided. Returns 0 or a drop reason. */
static __always_inline int arrival_receive(struct __sk_buff *skb, struct packet *packet, struct overlay_sender *sender,
                                           struct decision *ret_decision)
{
	struct flow *flow = flow_find(packet);

	if (!flow || !flow_is_decided(flow, packet) || !arrival_sender_is_same(flow, packet, sender))
		return arrival_decide(skb, packet, sender, ret_decision);
	*ret_decision = flow_recall(flow, packet);
	packet->node = packet->from;
	packet->vni = sender->vni;
	if (!arrival_is_left(sender, ret_decision))
		flow_count(flow, packet);
	return 0;
}

#endif
