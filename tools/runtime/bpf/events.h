/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Events on their way to the tool, in order, through one ring buffer. What finds no room is counted, and the tool says
 * so.
 */
#ifndef PILUS_TOOLS_EVENTS_H
#define PILUS_TOOLS_EVENTS_H

#include "tool.h"

#define EVENT_SIZE_MAX 8192

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 * 1024);
} events SEC(".maps");

__u64 lost = 0;

/* Room for an event, to be ended with bpf_ringbuf_submit; NULL: none, and it is counted. */
static __always_inline void *event_reserve(__u64 size)
{
	void *event = bpf_ringbuf_reserve(&events, size, 0);

	if (!event)
		__sync_fetch_and_add(&lost, 1);
	return event;
}

/* For events of many sizes: made in scratch memory of this CPU, of which `size` bytes are sent. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[EVENT_SIZE_MAX]);
} scratch SEC(".maps");

static __always_inline void *event_scratch(void)
{
	return bpf_map_lookup_elem(&scratch, &(__u32){0});
}

static __always_inline void event_send(void *event, __u64 size)
{
	if (size > EVENT_SIZE_MAX || bpf_ringbuf_output(&events, event, size, 0))
		__sync_fetch_and_add(&lost, 1);
}

#endif
