/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pilus_metrics, summed over the CPUs, and the words for its reasons: see abi/metrics.h and abi/drop.h.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>

#include "abi/drop.h"
#include "base/memory.h"
#include "datapath/maps.h"

const char *drop_reason_text(uint8_t reason)
{
	switch (reason) {
	case METRIC_FORWARDED:
		return "Forwarded";
	case METRIC_ACCELERATED:
		return "Forwarded by XDP";
	case METRIC_SHORT_CUT:
		return "Short cut";
	case METRIC_EVENTS_LOST:
		return "Events lost";
#define X(symbol, code, text) \
	case code:            \
		return text;
		DROP_REASONS(X)
#undef X
	default:
		return NULL;
	}
}

struct metric metric_of_cpus(const struct metric *per_cpu, int cpus)
{
	struct metric total = {};

	for (int i = 0; i < cpus; i++) {
		total.packets += per_cpu[i].packets;
		total.bytes += per_cpu[i].bytes;
	}
	return total;
}

int metrics_each(const struct maps *maps,
                 int (*each)(uint8_t reason, enum metric_direction direction, const struct metric *metric,
                             void *userdata),
                 void *userdata)
{
	int r, cpus = libbpf_num_possible_cpus();
	_cleanup_free_ struct metric *per_cpu = NULL;

	if (cpus < 0)
		return cpus;
	per_cpu = xcalloc(cpus, sizeof(*per_cpu));
	for (uint32_t index = 0; index < METRIC_COUNT; index++) {
		struct metric metric;

		r = bpf_map_lookup_elem(maps->metrics, &index, per_cpu);
		if (r)
			return r;
		metric = metric_of_cpus(per_cpu, cpus);
		if (!metric.packets)
			continue;
		r = each(index / METRIC_DIRECTIONS, index % METRIC_DIRECTIONS, &metric, userdata);
		if (r)
			return r;
	}
	return 0;
}
