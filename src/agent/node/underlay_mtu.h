/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large packets may be: the underlay's MTU is that of its smallest uplink, or less where the configuration says so;
 * the pods' is what the overlay leaves of it.
 */
#ifndef PILUS_AGENT_NODE_UNDERLAY_MTU_H
#define PILUS_AGENT_NODE_UNDERLAY_MTU_H

#include "agent/node/node.h"

/* At the start: fills in both MTUs. What cannot work is refused. */
int underlay_find_mtu(const struct config *config, struct netlink *netlink, struct underlay *underlay,
                      struct error *error);

/*
 * The uplinks' MTU may be another now: follows it, with the overlay device. Returns whether the pods' MTU has changed,
 * which is logged. It never falls below what pods need: IPv6 would leave their devices.
 */
bool underlay_follow_mtu(const struct config *config, struct netlink *netlink, struct underlay *underlay);

#endif
