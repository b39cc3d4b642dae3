/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cluster health as this node sees it: every node, itself among them, is probed by ICMP and HTTP on its own addresses
 * and on those of its health endpoint. One node after another, so that a round takes a minute in a small cluster and
 * longer in a large one (60 s · ln(1 + nodes), as Cilium's). What is known is in memory only.
 */
#ifndef PILUS_AGENT_HEALTH_H
#define PILUS_AGENT_HEALTH_H

#include "agent/node/node.h"

struct health;

/* local: this node's name; port: of the HTTP probes. */
struct health *health_new(uv_loop_t *loop, const char *local, uint16_t port);
void health_free(struct health *health); /* whoever waits for a round is told NULL */

/* A node came, or changed: its addresses are probed soon. */
void health_node_set(struct health *health, const struct node_info *node);
void health_node_remove(struct health *health, const char *name);

/*
 * Probes all nodes now; `done` is called once, from the loop, when that is done, and after 20 s in any case. A round
 * that is under way is joined.
 */
void health_probe(struct health *health, void (*done)(void *userdata, const struct health *health), void *userdata);

/* Of all nodes: how many there are, and how many answered the last probes on every address. */
struct health_summary {
	unsigned nodes, reachable;
	time_t oldest; /* probe that it rests on; 0: a node was not probed yet */
};
struct health_summary health_summarise(const struct health *health);

/* GET /v1/health, and its part of GET /v1/status: new references. */
json_t *health_to_json(const struct health *health);
json_t *health_status(const struct health *health);

/* For metrics: what is known of each way to each node. */
struct health_path {
	const char *node, *place, *probe; /* "host" or "endpoint", "icmp" or "http" */
	enum family family;
	bool reachable;
	uint64_t rtt; /* ns, of the last answer */
};
void health_each_path(const struct health *health, void (*each)(const struct health_path *path, void *userdata),
                      void *userdata);

#endif
