/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The end of a frame that XDP drops: counted always, and told now and then. See abi/event.h; trace.h is the same for
 * packets that have got further.
 */
#ifndef PILUS_BPF_SAMPLE_H
#define PILUS_BPF_SAMPLE_H

#include "abi/flow.h"
#include "abi/prefilter.h"
#include "events.h"
#include "metrics.h"
#include "state.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sampled SEC(".maps");

static __always_inline _Bool sample_is_due(void)
{
	__u32 zero = 0;
	__u64 now = bpf_ktime_get_ns(), *due = bpf_map_lookup_elem(&sampled, &zero);

	if (!due || now < *due)
		return 0;
	*due = now + PREFILTER_SAMPLE_NS;
	return 1;
}

static __always_inline void sample_capture(struct event *event, struct xdp_md *xdp, __u64 bytes)
{
	__u32 size = bytes;

	if (size > EVENT_CAPTURE_MAX)
		size = EVENT_CAPTURE_MAX;
	barrier_var(size); /* or clang tests elsewhere, where the verifier does not see it */
	if (size < ETH_HLEN || bpf_xdp_load_bytes(xdp, 0, event->frame, size))
		size = 0;
	event->captured = size;
}

VERIFIED_ONCE int sample_send(struct xdp_md *xdp, __u8 reason, __u64 bytes)
{
	struct event *event = event_reserve();

	if (!event)
		return 0;
	__builtin_memset(event, 0, EVENT_SIZE(0));
	event->time = bpf_ktime_get_ns();
	event->type = EVENT_DROP;
	event->point = TRACE_FROM_NETWORK;
	event->reason = reason;
	event->state = PACKET_UNKNOWN;
	event->ifindex = xdp->ingress_ifindex;
	event->cpu = bpf_get_smp_processor_id();
	event->length = bytes;
	sample_capture(event, xdp, bytes);
	event_submit(event);
	return 0;
}

static __always_inline int sample_drop(struct xdp_md *xdp, __u8 reason, __u64 bytes)
{
	metric_count(reason, METRIC_INGRESS, bytes);
	if (state_listens(EVENT_DROP) && sample_is_due())
		sample_send(xdp, reason, bytes);
	return XDP_DROP;
}

#endif
