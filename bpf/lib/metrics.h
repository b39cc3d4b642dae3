/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Counters per reason and direction. See abi/metrics.h.
 */
#ifndef PILUS_BPF_METRICS_H
#define PILUS_BPF_METRICS_H

#include "abi/metrics.h"
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, METRIC_COUNT);
	__type(key, __u32);
	__type(value, struct metric);
} pilus_metrics SEC(".maps");

static __always_inline void metric_count(__u8 reason, enum metric_direction direction, __u64 bytes)
{
	__u32 index = metric_index(reason, direction);
	struct metric *metric = bpf_map_lookup_elem(&pilus_metrics, &index);

	if (metric) {
		metric->packets++;
		metric->bytes += bytes;
	}
}

#endif
