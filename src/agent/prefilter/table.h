/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All sets in one: the rows of a plan (datapath/prefilter.h), so that the longest prefix found says what is to be done.
 * Allowing goes before denying, whichever prefix is longer: what lies in an allowed prefix is left out.
 */
#ifndef PILUS_AGENT_PREFILTER_TABLE_H
#define PILUS_AGENT_PREFILTER_TABLE_H

#include "agent/prefilter/set.h"
#include "datapath/prefilter.h"

/* Zeroed: empty. */
struct table {
	struct prefilter_row *rows[PREFILTER_MATCHES];
	size_t count[PREFILTER_MATCHES], room[PREFILTER_MATCHES];
};

void table_clear(struct table *table);

/* Adds what a set holds, or is going to hold. */
void table_add(struct table *table, const struct set *set, const struct cidrs *cidrs);

/* All are added. */
void table_finish(struct table *table);

#endif
