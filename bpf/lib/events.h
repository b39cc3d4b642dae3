/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The ring buffer: room for an event, and its way to who listens. What it says is up to trace.h and sample.h. See
 * abi/event.h.
 */
#ifndef PILUS_BPF_EVENTS_H
#define PILUS_BPF_EVENTS_H

#include "abi/event.h"
#include "bpf.h"
#include "metrics.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} pilus_events SEC(".maps");

/* NULL when the ring is full, which is counted. */
static __always_inline struct event *event_reserve(void)
{
	struct event *event = bpf_ringbuf_reserve(&pilus_events, sizeof(*event), 0);

	if (!event)
		metric_count(METRIC_EVENTS_LOST, METRIC_INGRESS, sizeof(*event));
	return event;
}

static __always_inline void event_submit(struct event *event)
{
	_Bool much = bpf_ringbuf_query(&pilus_events, BPF_RB_AVAIL_DATA) >= EVENTS_WAKE_BYTES;

	bpf_ringbuf_submit(event, much ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

#endif
