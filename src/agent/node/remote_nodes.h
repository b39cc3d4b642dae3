/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other nodes and all that this one keeps for each: number, entry in the map with the next hop, routes to its pods.
 * Part of agent/node.h.
 */
#ifndef PILUS_AGENT_NODE_REMOTE_NODES_H
#define PILUS_AGENT_NODE_REMOTE_NODES_H

#include "agent/node/node.h"

struct remote_nodes;

/* `local` is borrowed. */
struct remote_nodes *remote_nodes_new(const struct node_services *services, const struct node_info *local,
                                      const struct node_events *events, void *userdata);
void remote_nodes_free(struct remote_nodes *remotes);

/* A node as the store has it now; name and all are copied. */
void remote_nodes_set(struct remote_nodes *remotes, const struct node_info *info);
void remote_nodes_remove(struct remote_nodes *remotes, const char *name); /* not there: nothing */

/* All have been set: removes what an earlier life left in the map and in the routing table. */
void remote_nodes_settle(struct remote_nodes *remotes);

/* The kernel's routes, links or neighbours may be others now. */
void remote_nodes_resolve(struct remote_nodes *remotes);

/* Routes may have been lost. */
void remote_nodes_set_routes(struct remote_nodes *remotes);

/* Has the kernel make sure that the next hops are still there. */
void remote_nodes_confirm(const struct remote_nodes *remotes);

const struct node_info *remote_nodes_find(const struct remote_nodes *remotes, const char *name);

/* Sorted by name. */
void remote_nodes_each(struct remote_nodes *remotes,
                       void (*each)(const struct node_info *info, bool resolved, void *userdata), void *userdata);

#endif
