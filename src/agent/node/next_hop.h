/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the frames for another node go: the uplink, and the MACs to write into them.
 */
#ifndef PILUS_AGENT_NODE_NEXT_HOP_H
#define PILUS_AGENT_NODE_NEXT_HOP_H

#include "abi/node.h"
#include "net/netlink.h"

/*
 * Fills in all but `remote`, `local` and `mtu` of the entry. Without a route the node is said to be behind `uplink`;
 * without a neighbour the kernel is asked to resolve it, which comes as a neighbour event.
 */
void next_hop_find(struct netlink *netlink, uint32_t uplink, struct node *entry);

/* Has the kernel make sure that the neighbour is still there, which it would do by itself for packets of its own. */
void next_hop_confirm(struct netlink *netlink, const struct node *entry);

#endif
