/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's own addresses in pilus_local: packets for them go up the host's stack.
 */
#ifndef PILUS_AGENT_NODE_LOCAL_ADDRESSES_H
#define PILUS_AGENT_NODE_LOCAL_ADDRESSES_H

#include "datapath/maps.h"
#include "net/netlink.h"

/* Makes the map's host entries what the kernel has now; bumps the epoch when something differed. */
int local_addresses_refresh(struct netlink *netlink, const struct maps *maps, struct error *error);

#endif
