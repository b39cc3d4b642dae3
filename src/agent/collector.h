/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Now and then looks which identities are in use, and by whom: what nobody in the cluster has used for `forget-after`
 * is removed from the store, by one of the nodes.
 */
#ifndef PILUS_AGENT_COLLECTOR_H
#define PILUS_AGENT_COLLECTOR_H

#include "agent/agent.h"

struct collector;

/* The agent has its endpoints, ipcache, identities and nodes, and keeps them longer than this. */
struct collector *collector_new(const struct agent *agent);
void collector_free(struct collector *collector);

#endif
