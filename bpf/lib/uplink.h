/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What arrives on an uplink outside of the overlay: for which pod of this node, and from whom. With native routing that
 * is all that other nodes' pods send; else what the world answers, once the masquerade is taken off, and what it asks
 * of services, once they are translated: then the pod may be on another node.
 *
 * The sender is who the ipcache says has its address. That an address is used by nobody else is the underlay's to see
 * to with native routing: it is trusted as far as it reaches, other nodes and the world behind them alike. Here is only
 * refused what cannot come from there: this node's own addresses. Pods are held to their addresses where they send
 * (from_container).
 */
#ifndef PILUS_BPF_UPLINK_H
#define PILUS_BPF_UPLINK_H

#include "flow.h"
#include "ipcache.h"
#include "local.h"

/* A backend that is no pod here: behind another node, or out in the world, or the host itself. */
static __always_inline void uplink_find_backend(struct packet *packet, struct decision *ret_decision)
{
	struct ipcache_entry entry = ipcache_lookup(&packet->tuple.destination);

	packet->destination_identity = entry.identity;
	*ret_decision = entry.node ? (struct decision){.action = FLOW_TO_NODE, .target = entry.node}
	                           : (struct decision){.action = FLOW_TO_WORLD};
}

/* With an overlay, what is behind another node comes by it; but for the nodes themselves. */
static __always_inline _Bool uplink_is_way_of(const struct ipcache_entry *sender)
{
	return config.native || !sender->node || sender->identity == IDENTITY_REMOTE_NODE;
}

/* Decides, and remembers it. Returns 0, DROP_NOT_LOCAL of what is for no pod here and no service's, or another drop
 * reason. */
VERIFIED_ONCE int uplink_decide(struct __sk_buff *skb, struct packet *packet, struct decision *ret_decision)
{
	__u32 epoch = state_epoch();
	struct ipcache_entry sender;
	int reason;

	if (!packet || !ret_decision)
		return DROP_INVALID_PACKET;
	reason = local_find(packet, ret_decision);
	if (reason && packet->translated)
		uplink_find_backend(packet, ret_decision);
	else if (!packet->translated && (reason || ret_decision->action != FLOW_TO_ENDPOINT))
		return DROP_NOT_LOCAL;
	if (local_lookup(&packet->tuple.source))
		return DROP_INVALID_SOURCE_IP;
	sender = ipcache_lookup(&packet->tuple.source);
	if (!uplink_is_way_of(&sender))
		return DROP_INVALID_SOURCE_IP;
	packet->source_identity = sender.identity;
	packet->node = packet->from = sender.node;
	return flow_record(skb, packet, ret_decision, epoch);
}

/* The way of such a packet from parsed to decided. As above. */
static __always_inline int uplink_receive(struct __sk_buff *skb, struct packet *packet, struct decision *ret_decision)
{
	struct flow *flow = flow_find(packet);

	packet->origin = FLOW_FROM_WORLD;
	if (!flow || !flow_is_decided(flow, packet))
		return uplink_decide(skb, packet, ret_decision);
	*ret_decision = flow_recall(flow, packet);
	packet->node = packet->from;
	flow_count(flow, packet);
	return 0;
}

#endif
