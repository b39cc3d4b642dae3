/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As whom pods are masqueraded: in pilus_masquerade (abi/nat.h), for every uplink the node's address towards where its
 * routes and subnets lead, and the destinations that pods reach with their own addresses.
 */
#ifndef PILUS_AGENT_NODE_MASQUERADE_H
#define PILUS_AGENT_NODE_MASQUERADE_H

#include "abi/nat.h"
#include "agent/node/node.h"

/* enum masquerade_family, or-ed */
uint8_t masquerade_families(const struct config *config);

/* The cluster's pods, and what is configured. Returns how many. */
#define MASQUERADE_EXCLUDED_MAX (FAMILIES + CONFIG_CIDRS_MAX)
size_t masquerade_excluded(const struct config *config, const struct prefix pod_cidr[FAMILIES],
                           struct prefix ret[MASQUERADE_EXCLUDED_MAX]);

/* Makes the map what the kernel and the configuration say now; bumps the epoch when something differed. */
int masquerade_refresh(const struct node_services *services, const struct prefix pod_cidr[FAMILIES],
                       struct error *error);

#endif
