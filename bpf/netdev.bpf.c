// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The two programs on the uplinks.
 *
 * from_netdev (ingress): the fast path out of the overlay: packets of known nodes for pods of this node are
 * decapsulated here and redirected into the pod. Without an overlay (native routing) packets for pods are redirected as
 * they come, and so are in either case the world's answers once the masquerade is taken off, and what it asks of
 * services. Of these, what is for a backend of another node goes there with an address of this node, so that the
 * answer comes back by it. All else, overlay packets for the host itself among it, goes on to the stack, and from there
 * to the overlay device (overlay.bpf.c).
 *
 * to_netdev (egress): puts the masquerade on.
 */
#include "lib/arrival.h"
#include "lib/deliver.h"
#include "lib/nat.h"
#include "lib/reject.h"
#include "lib/uplink.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PACKET_HOST 0 /* linux/if_packet.h: not flooded to us for somebody else */

/* Can the fast path take it? The device takes what is not for us alone, and the family that this kernel cannot change
 * to. */
static __always_inline _Bool is_for_fast_path(struct __sk_buff *skb, struct overlay_sender *ret_sender)
{
	if (unlikely(skb->data_end - skb->data < sizeof(struct overlay_headers)))
		parse_pull(skb);
	return skb->protocol == bpf_htons(ETH_P_IP) && skb->pkt_type == PACKET_HOST && !skb->vlan_present &&
	       overlay_recognise(cursor_at(skb, 0), ret_sender);
}

static __always_inline int leave_to_device(struct __sk_buff *skb, struct packet *packet)
{
	packet->story |= STORY_LEFT_TO_DEVICE;
	trace(skb, packet, TRACE_FROM_NETWORK);
	return VERDICT_NEXT;
}

/* A backend's answer to a client outside. */
static __always_inline int return_overlay(struct __sk_buff *skb, struct packet *packet, int reason)
{
	packet->story |= STORY_DECAPSULATED;
	if (!reason)
		reason = overlay_decapsulate(skb, packet);
	return reason ? drop(skb, packet, reason) : deliver_to_client(skb, packet);
}

/* What another node leaves to be translated here: then it is as if the client had sent it here. */
static __always_inline int receive_direct(struct __sk_buff *skb, struct packet *packet, struct overlay_sender *sender)
{
	struct decision decision = {};
	int reason;

	if (packet->tuple.ethertype == bpf_htons(ETH_P_IPV6) && !config.decap_v6)
		return leave_to_device(skb, packet);
	packet->story |= STORY_DECAPSULATED;
	reason = direct_learn(skb, packet, sender);
	if (!reason)
		reason = overlay_decapsulate(skb, packet);
	if (!reason)
		reason = direct_translate(skb, packet);
	if (!reason)
		reason = uplink_receive(skb, packet, &decision);
	if (reason)
		return drop(skb, packet, reason);
	trace(skb, packet, TRACE_FROM_OVERLAY);
	return deliver_to_endpoint(skb, packet, decision.target);
}

static __always_inline int receive_overlay(struct __sk_buff *skb, struct packet *packet, struct overlay_sender *sender)
{
	struct decision decision = {};
	int reason = parse_packet(skb, OVERLAY_ROOM, packet);

	packet->point = TRACE_FROM_OVERLAY;
	if (!reason && config.services && direct_is(skb, packet) && arrival_is_for_this_node(sender))
		return receive_direct(skb, packet, sender);
	if ((packet->tuple.ethertype == bpf_htons(ETH_P_IPV6) && !config.decap_v6) ||
	    (!reason && hops_are_spent(packet)) || (reason && !arrival_is_for_this_node(sender)))
		return leave_to_device(skb, packet);
	if (!reason)
		reason = arrival_receive(skb, packet, sender, &decision);
	if (!reason && config.services && decision.action == FLOW_TO_STACK) {
		int returns = arrival_is_for_this_node(sender) ? translate_returning(skb, packet) : NAT_NONE;

		if (returns != NAT_NONE)
			return return_overlay(skb, packet, returns);
	}
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

/* With native routing a pod's packet leaves as it was sent: has from_container told it on its way here? */
static __always_inline _Bool is_told(struct __sk_buff *skb, const struct packet *packet)
{
	struct flow *flow = config.native ? flow_find(packet) : NULL;
	const struct flow_decision *decision = flow ? flow_decision(flow, packet) : NULL;
	struct node *node;

	if (!decision || decision->origin != FLOW_FROM_ENDPOINT || decision->action != FLOW_TO_NODE)
		return 0;
	node = node_by_id(decision->target);
	return node && node_is_neighbour(node) && node_fits(skb, packet, node);
}

/* A packet that passes by, for who listens. Its nodes are named; its flow is none of ours. */
VERIFIED_ONCE int trace_passing(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet || parse_packet(skb, 0, packet) || is_told(skb, packet))
		return 0;
	if (!packet->source_endpoint)
		packet->source_identity = ipcache_lookup(&packet->tuple.source).identity;
	packet->destination_identity = ipcache_lookup(&packet->tuple.destination).identity;
	return event_send(skb, packet, EVENT_TRACE, packet->point, 0);
}

/* For a pod or a service, as it is or translated? Returns 0, a drop reason or, of all else, NAT_NONE; or
 * TRANSLATE_REJECT. */
static __always_inline int receive_plain(struct __sk_buff *skb, struct packet *packet, struct decision *ret_decision)
{
	int reason = DROP_NOT_LOCAL;

	if (!(config.native || config.masquerade || config.services) || skb->pkt_type != PACKET_HOST ||
	    skb->vlan_present || parse_packet(skb, 0, packet))
		return NAT_NONE;
	if (config.native)
		reason = uplink_receive(skb, packet, ret_decision);
	if (reason != DROP_NOT_LOCAL)
		return reason;
	reason = config.masquerade || config.services ? translate_arriving(skb, packet, SERVICE_OUTSIDE) : NAT_NONE;
	/* An answer by a detour is for a client outside: there is nothing to decide. */
	return reason || packet->towards ? reason : uplink_receive(skb, packet, ret_decision);
}

/* The stack, which sees to what does not fit, would not take it: it has the node's own address for its source. */
static __always_inline int send_by_device(struct __sk_buff *skb, struct packet *packet, __u16 node)
{
	int reason = address_in_overlay(skb, packet, 0);

	if (reason)
		return drop(skb, packet, reason);
	packet->node = node;
	packet->story |= STORY_LEFT_TO_DEVICE;
	metric_count(METRIC_FORWARDED, METRIC_EGRESS, packet->length);
	skb->mark = MARK_OUTSIDE | node;
	return bpf_redirect(config.overlay_ifindex, 0);
}

/* To a backend elsewhere: directly, or as this node's own, by the overlay or the uplink that the client is at. Another
 * node takes what comes from this one's router for the world's, as it is; this node's own address would be the node. */
static __always_inline int detour(struct __sk_buff *skb, struct packet *packet, const struct decision *decision)
{
	_Bool to_node = decision->action == FLOW_TO_NODE;
	const struct addr *own =
		masquerade_source(to_node ? MASQUERADE_TO_NODES : skb->ifindex, &packet->tuple.destination);
	struct addr source;
	struct node *node;
	int reason;

	if (!own)
		return drop(skb, packet, DROP_NO_NAT_MAPPING);
	source = *own;
	reason = packet->direct ? 0 : translate_leaving(skb, packet, &source);
	if (reason)
		return drop(skb, packet, reason);
	if (!to_node || config.native)
		return deliver_to_uplink(skb, packet, skb->ifindex);
	node = node_by_id(decision->target);
	if (node && unlikely(!node_fits(skb, packet, node)))
		return send_by_device(skb, packet, decision->target);
	return deliver_to_node(skb, packet, decision->target);
}

static __always_inline int deliver(struct __sk_buff *skb, struct packet *packet, const struct decision *decision)
{
	if (packet->towards)
		return deliver_to_client(skb, packet);
	switch (decision->action) {
	case FLOW_TO_ENDPOINT:
		return deliver_to_endpoint(skb, packet, decision->target);
	case FLOW_TO_STACK: /* the host is the backend */
		return deliver_to_stack(skb, packet);
	default:
		return detour(skb, packet, decision);
	}
}

static __always_inline void name_sender(struct packet *packet)
{
	struct local_addr *local = local_lookup(&packet->tuple.source);
	struct endpoint *endpoint = local ? endpoint_by_id(local->endpoint) : NULL;

	if (!endpoint)
		return;
	packet->source_endpoint = local->endpoint;
	packet->source_identity = endpoint->identity;
}

/* With the node's address, it would be the node's to those that it knows: a pod could be any other. */
static __always_inline _Bool is_overlay(const struct tuple *tuple)
{
	return !config.native && tuple->protocol == PROTOCOL_UDP &&
	       tuple->destination_port == bpf_htons(config.vxlan_port);
}

/* Puts the masquerade on. As above. */
static __always_inline int masquerade(struct __sk_buff *skb, struct packet *packet)
{
	int reason = parse_packet(skb, 0, packet);

	skb->mark &= ~MARK_MASQUERADE; /* done, should another uplink lie below this one */
	if (state_listens(EVENT_TRACE) || state_listens(EVENT_DROP))
		name_sender(packet);
	if (reason)
		return reason;
	if (is_overlay(&packet->tuple))
		return DROP_NAT_UNSUPPORTED;
	return packet->tuple.related ? nat_translate_error(skb, packet, NAT_SOURCE, NAT_POD) : nat_leave(skb, packet);
}

/* What the host's own stack sends. As above. */
static __always_inline int masquerade_host(struct __sk_buff *skb, struct packet *packet)
{
	if (parse_packet(skb, 0, packet))
		return NAT_NONE;
	return packet->tuple.related ? nat_translate_error(skb, packet, NAT_SOURCE, NAT_POD)
	                             : nat_leave_host(skb, packet);
}

static __always_inline int pass(struct __sk_buff *skb, struct packet *packet)
{
	if (state_listens(EVENT_TRACE))
		trace_passing(skb, packet);
	return VERDICT_NEXT;
}

SEC("tcx/ingress")
int from_netdev(struct __sk_buff *skb)
{
	struct packet packet = {.point = TRACE_FROM_NETWORK,
	                        .origin = FLOW_FROM_NODE,
	                        .metric = METRIC_INGRESS,
	                        .state = PACKET_UNKNOWN};
	struct overlay_sender sender = {};
	struct decision decision = {};
	int reason;

	if (!config.native && is_for_fast_path(skb, &sender))
		return receive_overlay(skb, &packet, &sender);
	reason = receive_plain(skb, &packet, &decision);
	if (reason == NAT_NONE)
		return pass(skb, &packet);
	if (reason == TRANSLATE_REJECT)
		return reject(skb, &packet);
	if (reason)
		return drop(skb, &packet, reason);
	trace(skb, &packet, TRACE_FROM_NETWORK);
	return deliver(skb, &packet, &decision);
}

SEC("tcx/egress")
int to_netdev(struct __sk_buff *skb)
{
	struct packet packet = {.point = TRACE_TO_NETWORK, .metric = METRIC_EGRESS, .state = PACKET_UNKNOWN};
	int reason = NAT_NONE;

	if (unlikely(skb->mark & MARK_MASQUERADE))
		reason = masquerade(skb, &packet);
	else if ((config.masquerade || config.services) && !skb->ingress_ifindex)
		reason = masquerade_host(skb, &packet);
	return reason > 0 ? drop(skb, &packet, reason) : pass(skb, &packet);
}
