/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The flow table itself. See abi/flow.h.
 */
#ifndef PILUS_BPF_FLOW_TABLE_H
#define PILUS_BPF_FLOW_TABLE_H

#include "abi/flow.h"
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 131072); /* the agent sets it */
	__type(key, struct flow_key);
	__type(value, struct flow);
} pilus_flows SEC(".maps");

#endif
