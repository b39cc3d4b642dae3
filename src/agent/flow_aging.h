/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flows that were idle for too long, and those of endpoints that are gone, leave the table: looked for every few
 * seconds, sooner when the table is filling up. The masquerade's mappings follow them. The walk is done on the thread
 * pool; the loop is never held up by a large table.
 */
#ifndef PILUS_AGENT_FLOW_AGING_H
#define PILUS_AGENT_FLOW_AGING_H

#include <uv.h>

#include "datapath/flow_table.h"

struct flow_aging;

/* maps must outlive the loop: a walk may be under way when this is freed, and ends by itself. */
struct flow_aging *flow_aging_new(uv_loop_t *loop, const struct maps *maps, const struct flow_timeouts *timeouts,
                                  uint32_t table_size);
void flow_aging_free(struct flow_aging *aging);

/* Now, rather than when it is time; nothing while a walk is under way. */
void flow_aging_look(struct flow_aging *aging);

/* Since the agent began. */
struct flow_aging_counts {
	uint64_t runs, removed;
};
const struct flow_aging_counts *flow_aging_counts(const struct flow_aging *aging);

/* Milliseconds until the next look, when `kept` flows stayed. */
uint64_t flow_aging_period(uint32_t kept, uint32_t table_size);

#endif
