// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The two programs on the uplinks.
 *
 * from_netdev (ingress): the fast path out of the overlay: packets of known nodes for pods of this node are
 * decapsulated here and redirected into the pod. All else, overlay packets for the host itself among it, goes on to the
 * stack, and from there to the overlay device (overlay.bpf.c).
 *
 * to_netdev (egress): what leaves, for the trace.
 */
#include "lib/arrival.h"
#include "lib/deliver.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PACKET_HOST 0 /* linux/if_packet.h: not flooded to us for somebody else */

/* Can the fast path take it? The device takes what is not for us alone, and the family that this kernel cannot change
 * to. */
static __always_inline _Bool is_for_fast_path(struct __sk_buff *skb, struct overlay_sender *ret_sender)
{
	if (unlikely(skb->data_end - skb->data < sizeof(struct overlay_headers)))
		parse_pull(skb);
	return skb->protocol == bpf_htons(ETH_P_IP) && skb->pkt_type == PACKET_HOST && !skb->vlan_present &&
	       overlay_recognise(skb, ret_sender);
}

static __always_inline int leave_to_device(struct __sk_buff *skb, struct packet *packet)
{
	packet->story |= STORY_LEFT_TO_DEVICE;
	trace(skb, packet, TRACE_FROM_NETWORK);
	return VERDICT_NEXT;
}

static __always_inline int receive_overlay(struct __sk_buff *skb, struct packet *packet, struct overlay_sender *sender)
{
	struct decision decision = {};
	int reason = parse_packet(skb, OVERLAY_ROOM, packet);

	if ((packet->tuple.ethertype == bpf_htons(ETH_P_IPV6) && !config.decap_v6) ||
	    (!reason && hops_are_spent(packet)) || (reason && !arrival_is_for_this_node(sender)))
		return leave_to_device(skb, packet);
	if (!reason)
		reason = arrival_receive(skb, packet, sender, &decision);
	if (!reason && arrival_is_left(sender, &decision)) {
		/* The later ones come by here before it has reached the device. */
		if (packet->first_fragment && arrival_is_for_this_node(sender))
			fragment_remember(packet);
		return leave_to_device(skb, packet);
	}
	packet->story |= STORY_DECAPSULATED;
	if (!reason)
		trace(skb, packet, TRACE_FROM_OVERLAY);
	if (!reason)
		reason = overlay_decapsulate(skb, packet);
	if (reason)
		return drop(skb, packet, reason);
	return deliver_to_endpoint(skb, packet, decision.target);
}

/* A packet that passes by, for who listens. Its nodes are named; its flow is none of ours. */
VERIFIED_ONCE int trace_passing(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet || parse_packet(skb, 0, packet))
		return 0;
	packet->source_identity = ipcache_lookup(&packet->tuple.source).identity;
	packet->destination_identity = ipcache_lookup(&packet->tuple.destination).identity;
	return event_send(skb, packet, EVENT_TRACE, packet->point, 0);
}

SEC("tcx/ingress")
int from_netdev(struct __sk_buff *skb)
{
	struct packet packet = {.point = TRACE_FROM_OVERLAY,
	                        .origin = FLOW_FROM_NODE,
	                        .metric = METRIC_INGRESS,
	                        .state = PACKET_UNKNOWN};
	struct overlay_sender sender = {};

	if (is_for_fast_path(skb, &sender))
		return receive_overlay(skb, &packet, &sender);
	packet.point = TRACE_FROM_NETWORK;
	if (state_listens(EVENT_TRACE))
		trace_passing(skb, &packet);
	return VERDICT_NEXT;
}

SEC("tcx/egress")
int to_netdev(struct __sk_buff *skb)
{
	struct packet packet = {.point = TRACE_TO_NETWORK, .state = PACKET_UNKNOWN};

	if (state_listens(EVENT_TRACE))
		trace_passing(skb, &packet);
	return VERDICT_NEXT;
}
