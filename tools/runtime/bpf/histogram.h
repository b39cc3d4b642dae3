/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Histograms by powers of two, one for each key; with one key there is one.
 */
#ifndef PILUS_TOOLS_BPF_HISTOGRAM_H
#define PILUS_TOOLS_BPF_HISTOGRAM_H

#include "tool.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct trace_key);
	__type(value, struct trace_histogram);
} histograms SEC(".maps");

/* What a new entry is. */
static const struct trace_histogram no_histogram;

/* What one unit is in ns: the tool's option for µs or ms. */
const volatile __u64 unit_ns = 1000;

const volatile bool with_total = false;

static __always_inline __u32 log2_of(__u64 value)
{
	__u32 result = 0;

	for (int shift = 32; shift; shift >>= 1)
		if (value >> shift) {
			value >>= shift;
			result += shift;
		}
	return result;
}

static __always_inline void histogram_add(const struct trace_key *key, __u64 value)
{
	struct trace_histogram *histogram = bpf_map_lookup_elem(&histograms, key);

	if (!histogram) {
		bpf_map_update_elem(&histograms, key, &no_histogram, BPF_NOEXIST);
		histogram = bpf_map_lookup_elem(&histograms, key);
	}
	if (!histogram)
		return;
	__sync_fetch_and_add(&histogram->slots[log2_of(value) & (TRACE_SLOTS - 1)], 1);
	if (with_total)
		__sync_fetch_and_add(&histogram->total, value);
}

#endif
