/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sending a packet where it was decided: into a pod, to another node, or on through the host's stack. Each is the end
 * of a packet's way: counted, traced, and the program's return code. A pod is one router hop away from any other.
 */
#ifndef PILUS_BPF_DELIVER_H
#define PILUS_BPF_DELIVER_H

#include "checksum.h"
#include "direct.h"
#include "endpoint.h"
#include "flow.h"
#include "overlay.h"
#include "trace.h"
#include "translate.h"

/* Takes one from the TTL or hop limit, of which there is more than one. Returns 0 or a drop reason. */
static __always_inline int route_hop(struct __sk_buff *skb, const struct packet *packet)
{
	struct cursor cursor = cursor_at(skb, ETH_HLEN);

	if (packet->tuple.ethertype == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = cursor_take(&cursor, sizeof(*ip));

		if (!ip)
			return DROP_TRUNCATED_HEADER;
		checksum_hop(ip);
	} else {
		struct ipv6hdr *ip = cursor_take(&cursor, sizeof(*ip));

		if (!ip)
			return DROP_TRUNCATED_HEADER;
		ip->hop_limit--;
		/* No checksum of its own makes up for it in the sum that some devices give of the whole packet. */
		bpf_csum_update(skb, (__u16)~bpf_htons(1));
	}
	return 0;
}

static __always_inline int address_frame(struct __sk_buff *skb, const struct packet *packet, const __u8 *to,
                                         const __u8 *from)
{
	struct cursor cursor = cursor_at(skb, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));

	if (!ethernet)
		return DROP_TRUNCATED_HEADER;
	__builtin_memcpy(ethernet->h_dest, to, ETH_ALEN);
	__builtin_memcpy(ethernet->h_source, from, ETH_ALEN);
	ethernet->h_proto = packet->tuple.ethertype;
	return 0;
}

/* The addresses of a frame of the overlay's, at the offset: they tell the backend's node, or nothing. */
static __always_inline int address_in_overlay(struct __sk_buff *skb, const struct packet *packet, __u32 frame)
{
	struct cursor cursor = cursor_at(skb, frame);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));

	if (!ethernet)
		return DROP_TRUNCATED_HEADER;
	if (packet->direct)
		direct_write(ethernet, packet);
	else
		*ethernet = (struct ethhdr){.h_dest = {2}, .h_source = {2}, .h_proto = packet->tuple.ethertype};
	return 0;
}

/* On through the host's stack: to the host itself, or for it to route. */
static __always_inline int deliver_to_stack(struct __sk_buff *skb, struct packet *packet)
{
	_Bool to_host = packet->destination_identity == IDENTITY_HOST;

	packet->story |= STORY_LEFT_TO_STACK;
	trace(skb, packet, to_host ? TRACE_TO_HOST : TRACE_TO_STACK);
	metric_count(METRIC_FORWARDED, packet->metric, packet->length);
	return VERDICT_NEXT;
}

/* It has come as far as it may go: the stack, which routes it to the same place, tells the sender. */
static __always_inline _Bool hops_are_spent(const struct packet *packet)
{
	return unlikely(packet->tuple.hops <= 1);
}

/* Into the pod, past the host's stack and this end of the veth. */
static __always_inline int deliver_to_endpoint(struct __sk_buff *skb, struct packet *packet, __u16 id)
{
	struct endpoint *endpoint = endpoint_by_id(id);
	int reason;

	if (hops_are_spent(packet))
		return deliver_to_stack(skb, packet);
	reason = endpoint ? translate_for_endpoint(skb, packet, id) : DROP_NOT_LOCAL;
	if (!reason)
		reason = route_hop(skb, packet);
	if (!reason)
		reason = address_frame(skb, packet, endpoint->pod_mac, endpoint->host_mac);
	if (reason)
		return drop(skb, packet, reason);
	packet->destination_endpoint = id;
	packet->towards = endpoint->ifindex;
	packet->story |= STORY_LOCAL_DELIVERY;
	trace(skb, packet, TRACE_TO_ENDPOINT);
	if (packet->origin == FLOW_FROM_ENDPOINT)
		metric_count(METRIC_FORWARDED, METRIC_EGRESS, packet->length);
	metric_count(METRIC_FORWARDED, METRIC_INGRESS, packet->length);
	return bpf_redirect_peer(endpoint->ifindex, 0);
}

static __always_inline int redirect_to_next_hop(struct packet *packet, const struct node *node)
{
	struct bpf_redir_neigh next_hop = {.nh_family = AF_INET, .ipv4_nh = node->next_hop.word[3]};

	if (likely(node->flags & NODE_NEIGHBOUR_KNOWN))
		return bpf_redirect(node->ifindex, 0);
	return bpf_redirect_neigh(node->ifindex, &next_hop, sizeof(next_hop), 0);
}

static __always_inline _Bool node_is_neighbour(const struct node *node)
{
	__u32 both = NODE_NEIGHBOUR_KNOWN | NODE_DIRECT;

	return (node->flags & both) == both;
}

/* Native routing: as it is, a hop further. Nodes that are no neighbours are the stack's to find. */
static __always_inline int deliver_natively(struct __sk_buff *skb, struct packet *packet, const struct node *node)
{
	int reason;

	if (hops_are_spent(packet) || !node_is_neighbour(node))
		return deliver_to_stack(skb, packet);
	reason = route_hop(skb, packet);
	if (!reason)
		reason = address_frame(skb, packet, node->next_hop_mac, node->local_mac);
	if (reason)
		return drop(skb, packet, reason);
	packet->towards = node->ifindex;
	packet->story |= STORY_ROUTED;
	trace(skb, packet, TRACE_TO_NETWORK);
	metric_count(METRIC_FORWARDED, METRIC_EGRESS, packet->length);
	return bpf_redirect(node->ifindex, 0);
}

/* Out by an uplink of this node, where the kernel finds the next hop: the stack would not send what has the node's own
 * address for its source and came from outside. */
static __always_inline int deliver_to_uplink(struct __sk_buff *skb, struct packet *packet, __u32 ifindex)
{
	int reason = hops_are_spent(packet) ? DROP_INVALID_PACKET : route_hop(skb, packet);

	if (reason)
		return drop(skb, packet, reason);
	packet->towards = ifindex;
	packet->story |= STORY_NEIGHBOUR_LOOKUP;
	trace(skb, packet, TRACE_TO_NETWORK);
	metric_count(METRIC_FORWARDED, METRIC_EGRESS, packet->length);
	return bpf_redirect_neigh(ifindex, NULL, 0, 0);
}

/* A backend's answer that came back by this node, to the client outside. */
static __always_inline int deliver_to_client(struct __sk_buff *skb, struct packet *packet)
{
	struct flow *flow = packet->tuple.related ? NULL : flow_find(packet);
	int reason;

	if (flow)
		flow_count(flow, packet);
	reason = translate_leaving(skb, packet, NULL);
	if (reason)
		return drop(skb, packet, reason);
	return deliver_to_uplink(skb, packet, packet->towards);
}

/* To another node, past the host's stack and, in the overlay, past the overlay device. */
static __always_inline int deliver_to_node(struct __sk_buff *skb, struct packet *packet, __u16 id)
{
	struct node *node = node_by_id(id);
	int reason;

	if (!node)
		return drop(skb, packet, DROP_NO_TUNNEL_ENDPOINT);
	packet->node = id;
	/* The stack, which routes it the same way, fragments it or tells the sender how much fits. */
	if (unlikely(!node_fits(skb, packet, node)))
		return deliver_to_stack(skb, packet);
	if (config.native)
		return deliver_natively(skb, packet, node);
	packet->towards = node->ifindex;
	packet->vni = packet->direct ? IDENTITY_WORLD : packet->source_identity;
	packet->story |= STORY_ENCAPSULATED;
	if (!(node->flags & NODE_NEIGHBOUR_KNOWN))
		packet->story |= STORY_NEIGHBOUR_LOOKUP;
	trace(skb, packet, TRACE_TO_OVERLAY);
	reason = overlay_encapsulate(skb, packet, node);
	if (!reason && packet->direct)
		reason = address_in_overlay(skb, packet, OVERLAY_ROOM);
	if (reason)
		return drop(skb, packet, reason);
	metric_count(METRIC_FORWARDED, METRIC_EGRESS, packet->length);
	return redirect_to_next_hop(packet, node);
}

#endif
