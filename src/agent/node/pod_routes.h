/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's own stack needs to reach pods of other nodes: a route per pod CIDR, through the overlay device or by
 * the node itself; and the router addresses on the overlay device. All of it stays when the agent ends.
 */
#ifndef PILUS_AGENT_NODE_POD_ROUTES_H
#define PILUS_AGENT_NODE_POD_ROUTES_H

#include "agent/node/node.h"
#include "net/route.h"

/* The overlay device's addresses are the node's router addresses, and no others. */
int overlay_set_routers(struct netlink *netlink, uint32_t ifindex, const struct node_info *local, struct error *error);

/*
 * This node's own pod CIDRs lead nowhere but for the pods that there are, each with a route of its own. Else packets
 * for a pod that is gone would follow the default route, out again by the way that they came.
 */
int pod_routes_close_own(struct netlink *netlink, const struct node_info *local, struct error *error);

/* Our route to a pod CIDR; leaves alone what leads there already. */
int pod_route_set(struct netlink *netlink, const struct route *route, struct error *error);

/* Ours, whichever way it leads; none is success. */
int pod_route_delete(struct netlink *netlink, const struct prefix *cidr, struct error *error);

/* Removes our routes, through the overlay device (0: there is none), by other nodes or nowhere, to where `wanted` says
 * no. */
int pod_routes_sweep(struct netlink *netlink, uint32_t overlay,
                     bool (*wanted)(const struct prefix *cidr, void *userdata), void *userdata, struct error *error);

#endif
