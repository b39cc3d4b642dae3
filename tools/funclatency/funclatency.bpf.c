// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * funclatency: from a function's beginning to its end. Of a function that calls itself, the innermost call counts, or
 * the outermost ones, as many as were asked for: then it is known how deep in it each thread is.
 */
#include "runtime/bpf/histogram.h"
#include "runtime/bpf/places.h"

const volatile bool by_function = false;

struct call {
	__u32 tid;
	__u32 place;
	__u32 depth; /* 0: the outermost, or all */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call);
	__type(value, __u64);
} calls SEC(".maps");

const volatile __u32 levels = 0;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct call); /* of depth 0 */
	__type(value, __u32);     /* calls that have not ended */
} depths SEC(".maps");

static __always_inline void go_in(struct call *call)
{
	__u32 *depth = bpf_map_lookup_elem(&depths, call), one = 1;

	if (!depth)
		bpf_map_update_elem(&depths, call, &one, BPF_ANY);
	else
		call->depth = (*depth)++;
}

/* A call whose beginning was not seen has no depth. */
static __always_inline void go_out(struct call *call)
{
	__u32 *depth = bpf_map_lookup_elem(&depths, call);

	if (depth && *depth)
		call->depth = --*depth;
}

__u64 total_ns = 0;
__u64 total_count = 0;

static __always_inline int begins(void *context, __u64 place)
{
	struct call call = {.tid = bpf_get_current_pid_tgid(), .place = place};
	__u64 now = bpf_ktime_get_ns();

	if (levels)
		go_in(&call);
	if (!levels || call.depth < levels)
		bpf_map_update_elem(&calls, &call, &now, BPF_ANY);
	return 0;
}

static __always_inline int ends(void *context, __u64 place)
{
	struct call call = {.tid = bpf_get_current_pid_tgid(), .place = place};
	__u64 *since, took;
	struct trace_key key = {.id = by_function ? place + 1 : 0};

	if (levels)
		go_out(&call);
	since = bpf_map_lookup_elem(&calls, &call);
	if (!since)
		return 0;
	took = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&calls, &call);
	__sync_fetch_and_add(&total_ns, took);
	__sync_fetch_and_add(&total_count, 1);
	histogram_add(&key, took / unit_ns);
	return 0;
}

PLACE_PROGRAMS(, begins)
PLACE_PROGRAMS(_return, ends)
