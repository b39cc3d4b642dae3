// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * funccount: a counter for each place, on each CPU.
 */
#include "runtime/bpf/places.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1); /* as many as there are places: the tool says so */
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline int count(void *context, __u64 place)
{
	__u32 index = place;
	__u64 *counter = bpf_map_lookup_elem(&counts, &index);

	if (counter)
		*counter += 1;
	return 0;
}

PLACE_PROGRAMS(, count)
