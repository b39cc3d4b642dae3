// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The two programs at the host's end of every pod's veth.
 *
 * from_container (ingress): what a pod sends. Established packets cost one lookup in the flow table, which says where
 * they go; else the sender is verified, the destination looked up and the decision remembered. Then into another pod,
 * to another node, or to the host's stack.
 *
 * to_container (egress): what reaches a pod through the host's stack, from the host or the world. Pods' and nodes'
 * packets are redirected past this point.
 */
#include "lib/deliver.h"
#include "lib/ipcache.h"
#include "lib/local.h"
#include "lib/masquerade.h"
#include "lib/reject.h"
#include "lib/stack.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Is the packet's sender the endpoint that its flow was opened by? Its address is part of the flow's key. */
static __always_inline _Bool sender_is(struct __sk_buff *skb, __u16 id)
{
	struct endpoint *endpoint = endpoint_by_id(id);
	struct cursor cursor = cursor_at(skb, 0);
	struct ethhdr *ethernet = cursor_take(&cursor, sizeof(*ethernet));

	return endpoint && ethernet && endpoint->ifindex == skb->ifindex &&
	       mac_equal(ethernet->h_source, endpoint->pod_mac);
}

/* A pod may only speak for itself. */
static __always_inline int verify_sender(struct __sk_buff *skb, struct packet *packet)
{
	__u16 id = endpoint_id_by_device(skb->ifindex);
	struct endpoint *endpoint = endpoint_by_id(id);
	const struct addr *own;

	if (!endpoint)
		return DROP_NO_CONFIGURATION;
	packet->from = packet->source_endpoint = id;
	packet->source_identity = endpoint->identity;
	if (!sender_is(skb, id))
		return DROP_INVALID_SOURCE_MAC;
	own = packet->tuple.ethertype == bpf_htons(ETH_P_IP) ? &endpoint->v4 : &endpoint->v6;
	return addr_is_set(own) && addr_equal(&packet->tuple.source, own) ? 0 : DROP_INVALID_SOURCE_IP;
}

/* Somewhere else than on this node. */
static __always_inline void find_remote(struct packet *packet, struct decision *ret_decision)
{
	struct ipcache_entry entry = ipcache_lookup(&packet->tuple.destination);
	_Bool mapped = config.services && masquerade_is_mapped(packet);

	packet->destination_identity = entry.identity;
	/* Who asked a service here by the uplink is answered there, another node too. */
	if (entry.node && !mapped)
		*ret_decision = (struct decision){.action = FLOW_TO_NODE, .target = entry.node};
	else if (mapped || masquerade_wanted(packet))
		*ret_decision = (struct decision){.action = FLOW_TO_WORLD};
	else
		*ret_decision = (struct decision){.action = FLOW_TO_STACK};
}

/* Names the sender of a packet that is dropped before it was verified. */
static __always_inline void name_sender(struct __sk_buff *skb, struct packet *packet)
{
	__u16 id = endpoint_id_by_device(skb->ifindex);
	struct endpoint *endpoint = endpoint_by_id(id);

	packet->source_endpoint = id;
	if (endpoint)
		packet->source_identity = endpoint->identity;
}

/* Decides where a pod's packet goes. Returns 0 or a drop reason. */
VERIFIED_ONCE int from_container_decide(struct __sk_buff *skb, struct packet *packet, struct decision *ret_decision)
{
	int reason;

	if (!packet || !ret_decision)
		return DROP_INVALID_PACKET;
	/* Pods need no neighbour discovery, router or listener: their gateway is a fixed neighbour. */
	if (is_multicast(&packet->tuple.destination))
		return packet->tuple.protocol == PROTOCOL_ICMPV6 ? DROP_FORBIDDEN_ICMPV6 : DROP_MULTICAST;
	reason = verify_sender(skb, packet);
	if (!reason && local_find(packet, ret_decision))
		find_remote(packet, ret_decision);
	return reason;
}

/* As flow_record, which knows the flow that an ICMP error is about: who asked a service here by the uplink hears of it
 * there, as of the answers. */
VERIFIED_ONCE int from_container_record(struct __sk_buff *skb, struct packet *packet, struct decision *decision,
                                        __u32 epoch)
{
	int reason = packet && decision ? flow_record(skb, packet, decision, epoch) : DROP_INVALID_PACKET;

	if (!reason && packet->tuple.related && packet->mapped && decision->action != FLOW_TO_ENDPOINT)
		decision->action = FLOW_TO_WORLD;
	return reason;
}

static __always_inline _Bool from_container_recall(struct __sk_buff *skb, struct packet *packet,
                                                   struct decision *ret_decision)
{
	struct flow *flow = flow_find(packet);

	if (!flow || !flow_is_decided(flow, packet) || !sender_is(skb, flow_decision(flow, packet)->source))
		return 0;
	*ret_decision = flow_recall(flow, packet);
	packet->source_endpoint = packet->from;
	flow_count(flow, packet);
	return 1;
}

/* Is it sent to a pod's own address, which no service has and no mapping? */
static __always_inline _Bool is_for_pod(const struct packet *packet, const struct decision *decision)
{
	return !packet->tuple.related &&
	       (decision->action == FLOW_TO_ENDPOINT ||
	        (decision->action == FLOW_TO_NODE && packet->destination_identity != IDENTITY_REMOTE_NODE));
}

/* Finds or makes the decision: for who is asked, and if that is a service, for its backend. Returns 0 or a drop reason,
 * or TRANSLATE_REJECT. */
static __always_inline int from_container_receive(struct __sk_buff *skb, struct packet *packet,
                                                  struct decision *ret_decision)
{
	__u32 epoch;
	int reason;

	if (from_container_recall(skb, packet, ret_decision))
		return 0;
	epoch = state_epoch();
	reason = from_container_decide(skb, packet, ret_decision);
	if (!reason && config.services && !is_for_pod(packet, ret_decision)) {
		reason = translate_arriving(skb, packet, SERVICE_INSIDE);
		if (!reason && from_container_recall(skb, packet, ret_decision))
			return 0;
		if (!reason)
			reason = from_container_decide(skb, packet, ret_decision);
		else if (reason == NAT_NONE)
			reason = 0;
	}
	return reason ?: from_container_record(skb, packet, ret_decision, epoch);
}

SEC("tcx/ingress")
int from_container(struct __sk_buff *skb)
{
	struct packet packet = {.point = TRACE_FROM_ENDPOINT,
	                        .origin = FLOW_FROM_ENDPOINT,
	                        .metric = METRIC_EGRESS,
	                        .state = PACKET_UNKNOWN,
	                        .length = skb->len};
	struct decision decision = {};
	int reason;

	reason = skb->vlan_present ? DROP_UNSUPPORTED_L3 : parse_packet(skb, 0, &packet);
	if (!reason)
		reason = from_container_receive(skb, &packet, &decision);
	if (reason) {
		name_sender(skb, &packet);
		if (reason == TRANSLATE_REJECT)
			return reject(skb, &packet);
		return drop(skb, &packet, reason);
	}
	trace(skb, &packet, TRACE_FROM_ENDPOINT);
	switch (decision.action) {
	case FLOW_TO_ENDPOINT:
		return deliver_to_endpoint(skb, &packet, decision.target);
	case FLOW_TO_NODE:
		return deliver_to_node(skb, &packet, decision.target);
	case FLOW_TO_WORLD:
		skb->mark |= MARK_MASQUERADE;
		return deliver_to_stack(skb, &packet);
	default:
		return deliver_to_stack(skb, &packet);
	}
}

SEC("tcx/egress")
int to_container(struct __sk_buff *skb)
{
	struct packet packet = {.point = TRACE_FROM_HOST,
	                        .origin = FLOW_FROM_STACK,
	                        .metric = METRIC_INGRESS,
	                        .state = PACKET_UNKNOWN,
	                        .length = skb->len};
	struct decision decision = {.action = FLOW_TO_ENDPOINT, .target = endpoint_id_by_device(skb->ifindex)};
	int reason;

	reason = parse_packet(skb, 0, &packet);
	if (stack_housekeeping(reason, &packet))
		return VERDICT_NEXT;
	packet.destination_endpoint = decision.target;
	if (!reason)
		reason = stack_receive(skb, &packet, &decision);
	if (!reason)
		reason = translate_for_endpoint(skb, &packet, decision.target);
	if (reason)
		return drop(skb, &packet, reason);
	trace(skb, &packet, TRACE_FROM_HOST);
	trace(skb, &packet, TRACE_TO_ENDPOINT);
	metric_count(METRIC_FORWARDED, METRIC_INGRESS, packet.length);
	return VERDICT_NEXT;
}
