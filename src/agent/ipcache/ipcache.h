/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has which address, cluster-wide: endpoints are published in the store ("ips/ADDRESS" -> {"address", "identity",
 * "node", "pod", "namespace", "labels"}) and what all nodes publish, with the nodes' own addresses and pod CIDRs, goes
 * into the ipcache map.
 */
#ifndef PILUS_AGENT_IPCACHE_H
#define PILUS_AGENT_IPCACHE_H

#include "agent/identity/identity.h"
#include "agent/node/node.h"
#include "datapath/maps.h"

struct ipcache;

/* What it stands on; borrowed for its lifetime. */
struct ipcache_services {
	uv_loop_t *loop;
	const struct maps *maps;
	struct store *store;
	const struct identities *identities;
	const struct nodes *nodes;
};

struct ipcache_events {
	/* An entry of the map appeared, changed or went: for the monitor. */
	void (*upserted)(void *userdata, const struct prefix *prefix, uint32_t identity, const char *node);
	void (*deleted)(void *userdata, const struct prefix *prefix);
	/* The map holds all that is known: the endpoints are restored and the store has told all. May come again. */
	void (*settled)(void *userdata);
};

/*
 * Enters the host's own addresses and the world at once. Entries of the map that nobody backs once the endpoints are
 * restored and the store has told all are removed then, not before: a restart drops no traffic. Every change of the map
 * bumps the epoch.
 */
struct ipcache *ipcache_new(const struct ipcache_services *services, const char *node_name,
                            const struct ipcache_events *events, void *userdata);
void ipcache_free(struct ipcache *ipcache);

/* Called by nodes when a node came, changed or went: its addresses and pod CIDRs are entered or withdrawn. */
void ipcache_node_changed(struct ipcache *ipcache, const struct node_info *node);
void ipcache_node_removed(struct ipcache *ipcache, const struct node_info *node);
void ipcache_nodes_synced(struct ipcache *ipcache);

/* What that node has published is removed from the store. */
void ipcache_forget_node(struct ipcache *ipcache, const char *name);

struct ipcache_publication {
	struct addr addr;
	uint32_t identity;
	const char *pod, *namespace; /* may be NULL */
	json_t *labels;
};

/* This node's endpoints: entered in the map at once, then in the store, which is told again until it has them. */
void ipcache_publish(struct ipcache *ipcache, const struct ipcache_publication *publication);
void ipcache_withdraw(struct ipcache *ipcache, const struct addr *addr);

/* Publications of this node that no endpoint backs (left by a crash) are withdrawn. Called once, when endpoints are
 * restored. */
void ipcache_restored(struct ipcache *ipcache);

/* Of all that is published, also by nodes that are gone: one may come more than once. */
void ipcache_each_identity(const struct ipcache *ipcache, void (*each)(void *userdata, uint32_t identity),
                           void *userdata);

/* For GET /v1/ips: a new reference. */
json_t *ipcache_to_json(const struct ipcache *ipcache);

#endif
