/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The figures: a flow takes 208 bytes, so a table that follows the memory takes from 0.11 to 0.22 % of it.
 */
#include "agent/map_sizes.h"

#include <sys/sysinfo.h>

#define BYTES_PER_FLOW (96 * 1024) /* of the machine's memory */
#define FLOWS_MIN      16384
#define FLOWS_MAX      524288

/* --profile edge: all maps within 12 MB. */
#define EDGE_FLOWS    16384
#define EDGE_IPCACHE  32768
#define EDGE_SERVICES 4096

/* A power of two: a machine whose memory differs a little from boot to boot keeps its size. */
static uint32_t flows_for(uint64_t memory)
{
	uint32_t flows = FLOWS_MIN;

	while (flows < FLOWS_MAX && (uint64_t)flows * 2 * BYTES_PER_FLOW <= memory)
		flows *= 2;
	return flows;
}

struct map_sizes map_sizes_choose(const struct config *config, uint64_t memory)
{
	bool edge = config->profile == PROFILE_EDGE, accelerates = config->short_cuts != SHORT_CUTS_OFF;
	uint32_t fitting = edge ? EDGE_FLOWS : flows_for(memory), flows = config->flow_table_size ?: fitting;
	/* Two entries each: a quarter of the flows may be translated. */
	uint32_t mappings = config->kube_proxy_replacement ? flows / 4 : flows / 2;

	return (struct map_sizes){
		.flows = flows,
		.nat = mappings,
		.service_nat = flows / 2 - mappings ?: 1,
		.ipcache = edge ? EDGE_IPCACHE : 0,
		.services =
			edge ? EDGE_SERVICES : fitting, /* empty, a hash takes 16 bytes for each entry that may be */
		.service_slots = edge ? 2 * EDGE_SERVICES : fitting,
		.backends = edge ? 2 * EDGE_SERVICES : fitting,
		.socket_peers = flows / 8,
		.affinity = flows / 16,
		.namespaces = accelerates ? ENDPOINT_ID_MAX : 1,
		.sockets = accelerates ? flows / 8 : 1,
		.receivers = accelerates ? flows / 8 : 1,
	};
}

uint64_t map_sizes_memory(void)
{
	struct sysinfo info = {};

	sysinfo(&info);
	return (uint64_t)info.totalram * info.mem_unit;
}
