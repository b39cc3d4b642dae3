/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's own stack needs to reach pods of other nodes: the router addresses on the overlay device and a route
 * per pod CIDR through it. All of it stays when the agent ends.
 */
#ifndef PILUS_AGENT_NODE_OVERLAY_ROUTES_H
#define PILUS_AGENT_NODE_OVERLAY_ROUTES_H

#include "agent/node/node.h"

/* The device's addresses are the node's router addresses, and no others. */
int overlay_set_routers(struct netlink *netlink, uint32_t ifindex, const struct node_info *local, struct error *error);

/* A route to each of the node's pod CIDRs whose family this node has too; leaves alone what leads there already. */
int overlay_set_routes(struct netlink *netlink, uint32_t ifindex, const struct node_info *local,
                       const struct node_info *node, struct error *error);
int overlay_delete_route(struct netlink *netlink, uint32_t ifindex, const struct prefix *cidr, struct error *error);

/* Removes our routes through the device to where `wanted` says no. */
int overlay_sweep_routes(struct netlink *netlink, uint32_t ifindex,
                         bool (*wanted)(const struct prefix *cidr, void *userdata), void *userdata,
                         struct error *error);

#endif
