/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Connections with a number for each, for tools that count instead of telling each time (--count).
 */
#ifndef PILUS_TOOLS_BPF_CONNECTIONS_H
#define PILUS_TOOLS_BPF_CONNECTIONS_H

#include "tool.h"

const volatile bool count_only = false;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct trace_ends);
	__type(value, __u64);
} connections SEC(".maps");

static __always_inline void connection_count(const struct trace_ends *ends)
{
	__u64 one = 1, *counted = bpf_map_lookup_elem(&connections, ends);

	if (counted)
		__sync_fetch_and_add(counted, 1);
	else
		bpf_map_update_elem(&connections, ends, &one, BPF_ANY);
}

#endif
