// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The two programs on the overlay device, pilus_vxlan: the way of what the fast path leaves, and of the host's own
 * packets.
 *
 * from_overlay (ingress): what the device has decapsulated. To a pod, or to the host's stack.
 *
 * to_overlay (egress): what the host's stack routed here. Tells the device which node to send it to, and as whom.
 */
#include "lib/arrival.h"
#include "lib/deliver.h"
#include "lib/stack.h"
#include "lib/uplink.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PACKET_HOST 0 /* linux/if_packet.h: this is for us */

static __always_inline int read_sender(struct __sk_buff *skb, struct overlay_sender *ret_sender)
{
	struct bpf_tunnel_key key = {};

	if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0))
		return DROP_UNKNOWN_SENDER;
	*ret_sender = (struct overlay_sender){.remote = addr_from_v4(bpf_htonl(key.remote_ipv4)), .vni = key.tunnel_id};
	return 0;
}

/* What another node leaves to be translated here: then it is as if the client had sent it here. */
static __always_inline int direct_receive(struct __sk_buff *skb, struct packet *packet, struct overlay_sender *sender,
                                          struct decision *ret_decision)
{
	int reason = direct_learn(skb, packet, sender);

	if (!reason)
		reason = direct_translate(skb, packet);
	return reason ?: uplink_receive(skb, packet, ret_decision);
}

SEC("tcx/ingress")
int from_overlay(struct __sk_buff *skb)
{
	struct packet packet = {.point = TRACE_FROM_OVERLAY,
	                        .origin = FLOW_FROM_NODE,
	                        .metric = METRIC_INGRESS,
	                        .state = PACKET_UNKNOWN,
	                        .length = skb->len};
	struct overlay_sender sender = {};
	struct decision decision = {};
	int reason = read_sender(skb, &sender);

	packet.story = STORY_DECAPSULATED;
	if (!reason)
		reason = parse_packet(skb, 0, &packet);
	if (!reason && config.services && direct_is(skb, &packet))
		reason = direct_receive(skb, &packet, &sender, &decision);
	else if (!reason)
		reason = arrival_receive(skb, &packet, &sender, &decision);
	if (reason)
		return drop(skb, &packet, reason);
	trace(skb, &packet, TRACE_FROM_OVERLAY);
	/* The inner frame is addressed to nobody in particular, and the stack may have to take it. */
	bpf_skb_change_type(skb, PACKET_HOST);
	if (decision.action == FLOW_TO_ENDPOINT)
		return deliver_to_endpoint(skb, &packet, decision.target);
	if (config.services && !translate_returning(skb, &packet))
		return deliver_to_client(skb, &packet);
	return deliver_to_stack(skb, &packet);
}

static __always_inline int write_receiver(struct __sk_buff *skb, const struct packet *packet)
{
	struct node *node = node_by_id(packet->node);
	struct bpf_tunnel_key key = {.tunnel_id = packet->vni, .tunnel_ttl = OVERLAY_TTL};

	if (!node)
		return DROP_NO_TUNNEL_ENDPOINT;
	key.remote_ipv4 = bpf_ntohl(node->remote.word[3]);
	key.local_ipv4 = bpf_ntohl(node->local.word[3]); /* the other side knows us by it */
	return bpf_skb_set_tunnel_key(skb, &key, sizeof(key), BPF_F_ZERO_CSUM_TX) ? DROP_WRITE_ERROR : 0;
}

SEC("tcx/egress")
int to_overlay(struct __sk_buff *skb)
{
	struct packet packet = {.point = TRACE_FROM_HOST,
	                        .origin = FLOW_FROM_STACK,
	                        .metric = METRIC_EGRESS,
	                        .state = PACKET_UNKNOWN,
	                        .length = skb->len};
	struct decision decision = {.action = FLOW_TO_NODE};
	int reason;

	reason = parse_packet(skb, 0, &packet);
	if (stack_housekeeping(reason, &packet)) /* there is nobody to discover in the overlay */
		return drop(skb, &packet, reason ? reason : DROP_MULTICAST);
	packet.node = decision.target = ipcache_lookup(&packet.tuple.destination).node;
	if (skb->mark & MARK_OUTSIDE) { /* from_netdev has decided */
		packet.node = skb->mark & NODE_ID_MAX;
		packet.source_identity = IDENTITY_WORLD;
	} else if (!reason) {
		reason = stack_receive(skb, &packet, &decision);
	}
	packet.vni = packet.source_identity;
	if (!reason)
		reason = write_receiver(skb, &packet);
	if (reason)
		return drop(skb, &packet, reason);
	packet.story |= STORY_LEFT_TO_DEVICE;
	trace(skb, &packet, TRACE_FROM_HOST);
	trace(skb, &packet, TRACE_TO_OVERLAY);
	metric_count(METRIC_FORWARDED, METRIC_EGRESS, packet.length);
	return VERDICT_NEXT;
}
