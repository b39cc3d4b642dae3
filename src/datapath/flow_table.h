/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow table from user space: read, aged, flushed. See abi/flow.h.
 */
#ifndef PILUS_DATAPATH_FLOW_TABLE_H
#define PILUS_DATAPATH_FLOW_TABLE_H

#include "datapath/maps.h"

/* Seconds that a flow may stay idle in each state. */
struct flow_timeouts {
	uint32_t tcp, tcp_opening, tcp_closing, other;
};

#define FLOW_TIMEOUTS_DEFAULT {.tcp = 21600, .tcp_opening = 60, .tcp_closing = 10, .other = 60}

/* When the flow will have been idle for too long: ns, CLOCK_MONOTONIC. */
uint64_t flow_expires(const struct flow_key *key, const struct flow *flow, const struct flow_timeouts *timeouts);

/* Visits every flow that stays for the duration of the walk at least once; a non-zero return ends it and is returned.
 */
int flow_table_each(const struct maps *maps,
                    int (*each)(const struct flow_key *key, const struct flow *flow, void *userdata), void *userdata);

/* Removes what has expired by `now`, and the flows of endpoints that are gone; counts in *ret_removed and what stays in
 * *ret_kept (either may be NULL). */
int flow_table_age(const struct maps *maps, const struct flow_timeouts *timeouts, uint64_t now, uint32_t *ret_removed,
                   uint32_t *ret_kept);

int flow_table_flush(const struct maps *maps, uint32_t *ret_removed);

#endif
