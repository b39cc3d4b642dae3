/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Telling what happened to a packet: events for who listens, and the end of every dropped one. See abi/event.h.
 */
#ifndef PILUS_BPF_TRACE_H
#define PILUS_BPF_TRACE_H

#include "endpoint.h"
#include "events.h"
#include "metrics.h"
#include "packet.h"
#include "state.h"

/* Where a packet leaves this node's programs: once for each. */
static __always_inline _Bool point_is_last(__u8 point)
{
	return point == TRACE_TO_ENDPOINT || point == TRACE_TO_OVERLAY || point == TRACE_TO_NETWORK ||
	       point == TRACE_TO_HOST || point == TRACE_TO_STACK;
}

/* The source of a masqueraded packet is a pod's no more. */
static __always_inline struct addr trace_original(const struct packet *packet)
{
	struct endpoint *endpoint = endpoint_by_id(packet->source_endpoint);

	if (!(packet->story & STORY_MASQUERADED) || !endpoint)
		return (struct addr){};
	return packet->tuple.ethertype == bpf_htons(ETH_P_IP) ? endpoint->v4 : endpoint->v6;
}

static __always_inline void event_describe(struct event *event, const struct __sk_buff *skb,
                                           const struct packet *packet)
{
	event->time = bpf_ktime_get_ns();
	event->state = packet->state;
	event->ifindex = packet->towards ? packet->towards : skb->ifindex;
	event->source_identity = packet->source_identity;
	event->destination_identity = packet->destination_identity;
	event->source_endpoint = packet->source_endpoint;
	event->destination_endpoint = packet->destination_endpoint;
	event->node = packet->node;
	event->cpu = bpf_get_smp_processor_id();
	event->mark = skb->mark;
	event->hash = packet_hash(packet);
	event->story = packet->story;
	event->length = packet->length;
	event->vni = packet->vni;
	event->notable = packet->notable && point_is_last(event->point);
	event->original = trace_original(packet);
	if (event->type == EVENT_POLICY_VERDICT)
		event->verdict = packet->verdict;
	event->reserved = 0;
}

static __always_inline void event_capture(struct event *event, struct __sk_buff *skb, const struct packet *packet)
{
	__u32 size = skb->len - packet->frame;

	if (size > EVENT_CAPTURE_MAX)
		size = EVENT_CAPTURE_MAX;
	barrier_var(size); /* or clang tests elsewhere, where the verifier does not see it */
	if (size < ETH_HLEN || bpf_skb_load_bytes(skb, packet->frame, event->frame, size))
		size = 0;
	event->captured = size;
}

VERIFIED_ONCE int event_send(struct __sk_buff *skb, struct packet *packet, __u8 type, __u8 point, __u8 reason)
{
	struct event *event;

	if (!packet)
		return 0;
	event = event_reserve();
	if (!event)
		return 0;
	event->type = type;
	event->point = point;
	event->reason = reason;
	event_describe(event, skb, packet);
	event_capture(event, skb, packet);
	event_submit(event);
	return 0;
}

static __always_inline void trace(struct __sk_buff *skb, struct packet *packet, enum trace_point point)
{
	if (unlikely(state_listens(EVENT_TRACE) ||
	             (point_is_last(point) && packet->notable && state_listens(EVENT_FLOW))))
		event_send(skb, packet, EVENT_TRACE, point, 0);
}

/* The end of a packet: counted, told, and the program's return code. */
VERIFIED_ONCE int drop(struct __sk_buff *skb, struct packet *packet, __u8 reason)
{
	if (!packet)
		return VERDICT_DROP;
	metric_count(reason, packet->metric, packet->length);
	if (state_listens(EVENT_DROP))
		event_send(skb, packet, EVENT_DROP, packet->point, reason);
	return VERDICT_DROP;
}

#endif
