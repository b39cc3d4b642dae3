/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node and the others: discovery through the store ("nodes/NAME" -> a Node of docs/api.md without local,
 * neighbour and agent), which of them are there, the map of nodes with their next hops (followed by netlink events),
 * and what the host's stack needs to reach the others' pods: the overlay device `pilus_vxlan`, which carries the router
 * addresses, and a route per pod CIDR through it. With native routing there is no such device: the routes lead to the
 * nodes that are neighbours.
 */
#ifndef PILUS_AGENT_NODE_H
#define PILUS_AGENT_NODE_H

#include "agent/config/config.h"
#include "datapath/maps.h"
#include "net/netlink.h"
#include "store/store.h"

#define OVERLAY_DEVICE   "pilus_vxlan"
#define OVERLAY_OVERHEAD 50

/* How much less than the underlay's the pods' MTU is. */
static inline uint32_t overlay_overhead(const struct config *config)
{
	return config->routing_mode == ROUTING_NATIVE ? 0 : OVERLAY_OVERHEAD;
}

struct node_info {
	char *name;
	struct addr address[FAMILIES]; /* of the underlay */
	struct prefix pod_cidr[FAMILIES];
	struct addr router[FAMILIES]; /* with native routing: none */
	struct addr health[FAMILIES]; /* of its health endpoint; zero: none */
	enum routing_mode routing_mode;
	uint16_t id; /* in the node map; 0: this node */
};

struct nodes;

/* Of the other nodes, from the loop. */
struct node_events {
	void (*changed)(void *userdata, const struct node_info *node); /* new, or any part of it differs */
	void (*joined)(void *userdata, const struct node_info *node);  /* after `changed`, of a new one; may be NULL */
	void (*removed)(void *userdata, const struct node_info *node);
	void (*forgotten)(void *userdata, const char *name); /* will not come back: what it left may go; may be NULL */
	void (*synced)(void *userdata);                      /* those that the store has were told; may be NULL */
	void (*mtu_changed)(void *userdata); /* that of the pods: underlay->pod_mtu is another; may be NULL */
};

/* What the host offers, found out before the datapath is loaded. */
struct underlay {
	struct addr address[FAMILIES];
	uint32_t mtu;             /* of the smallest uplink, or as configured; follows it while the agent runs */
	uint32_t pod_mtu;         /* what the overlay leaves of it */
	uint32_t overlay_ifindex; /* 0: native routing */
	struct {
		char name[16];
		uint32_t ifindex;
	} uplinks[CONFIG_UPLINKS_MAX];
	size_t uplink_count;
};

/* Finds uplinks, addresses and MTU, and makes the overlay device (or adopts it), up, with the pods' MTU; or removes it.
 */
int underlay_prepare(const struct config *config, struct netlink *netlink, struct underlay *ret, struct error *error);

/* Can others reach it? Not loopback, not link-local. */
bool underlay_can_use(const struct addr *addr);

/* What nodes stand on; borrowed for their lifetime. They keep the underlay's MTU current. */
struct node_services {
	uv_loop_t *loop;
	const struct config *config;
	struct underlay *underlay;
	const struct maps *maps;
	struct netlink *netlink;
	struct store *store;
};

/*
 * Publishes this node (`local` is copied) and follows the others. Gives every other node an id, resolves its next hop,
 * and keeps both current. What the map holds from an earlier life is adopted: a node keeps its id.
 */
struct nodes *nodes_new(const struct node_services *services, const struct node_info *local,
                        const struct node_events *events, void *userdata);
void nodes_free(struct nodes *nodes);

/* This node's health endpoint, published anew where it changed. */
void nodes_set_health(struct nodes *nodes, const struct addr health[static FAMILIES]);

/* NULL when there is none of that name (yet). This node is among them. */
const struct node_info *nodes_find(const struct nodes *nodes, const char *name);

/* Does what has to be done by one node of the cluster fall to this one? */
bool nodes_is_first(const struct nodes *nodes);

size_t nodes_count(const struct nodes *nodes); /* this one among them */

/* For GET /v1/nodes: a new reference. */
json_t *nodes_to_json(const struct nodes *nodes);

#endif
