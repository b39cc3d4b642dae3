/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pinned maps, as the agent writes them and everyone reads them. What each holds is specified in abi/; here is one
 * set of functions per map. Nothing here needs the programs: the command line opens the pins without an agent.
 *
 * Functions return 0 or −errno. Writers of anything that could change a decision call maps_bump_epoch when they are
 * done.
 */
#ifndef PILUS_PILUS_MAPS_H
#define PILUS_PILUS_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/endpoint.h"
#include "abi/flow.h"
#include "abi/ipcache.h"
#include "abi/maps.h"
#include "abi/metrics.h"
#include "abi/node.h"
#include "abi/policy.h"
#include "abi/state.h"
#include "base/addr.h"
#include "base/cleanup.h"
#include "base/error.h"

enum map_origin { TOLD, LEARNT, LIVE };

/* File descriptors, by name; `state` is also mapped into memory. */
struct maps {
#define X(name, ...) int name;
	PILUS_MAPS(X)
#undef X
	struct state *live;
};

/* How many entries each shall have; 0: what the programs say. */
struct map_sizes {
#define X(name, ...) uint32_t name;
	PILUS_MAPS(X)
#undef X
};

/* Nothing open: what maps_close leaves, and takes. */
#define MAPS_CLOSED {.live = NULL}

/* Opens the pins below `bpffs`/pilus/maps. -ENOENT, with words, when no agent has ever loaded them. */
int maps_open(const char *bpffs, struct maps *ret, struct error *error);

/* The same, of another folder than maps (pins.h). */
int maps_open_in(const char *bpffs, const char *folder, struct maps *ret, struct error *error);

/* Only the state of the set in use, to bump its epoch: of a set that is about to go, whose programs some sockets keep.
 * Without one, nothing is open. */
void maps_open_state(const char *bpffs, struct maps *ret);

void maps_close(struct maps *maps); /* also of a zeroed struct */

#define X(name, ...) +1
enum { MAPS_COUNT = PILUS_MAPS(X) };
#undef X

/* For lists: what the kernel says of a map. Entries of an array are those that are not all zero: they are in use. */
struct map_facts {
	const char *name; /* "pilus_flows" */
	const char *type; /* "lru_hash" */
	uint32_t entries, max_entries;
	uint64_t bytes; /* kernel memory */
	bool fills;     /* can run full: neither array nor ring buffer */
};
int maps_facts(const struct maps *maps, int (*each)(const struct map_facts *facts, void *userdata), void *userdata);

/* Kernel memory of a map, by its descriptor; 0 when the kernel does not tell. */
uint64_t map_bytes(int fd);

/* From 0 to 1: how full it is; 0 for what cannot run full. From MAP_PRESSURE_HIGH on, somebody should know. */
#define MAP_PRESSURE_HIGH 0.9
double map_pressure(const struct map_facts *facts);

void maps_bump_epoch(const struct maps *maps);
void maps_listen(const struct maps *maps, uint32_t events); /* bits (1 << enum event_type); 0: nobody listens */

/*
 * Endpoints: one call sets the array entry, the device and both addresses; another clears them all. Bumps no epoch.
 * ifindex may be used by one endpoint only.
 */
int endpoint_map_set(const struct maps *maps, uint16_t id, const struct endpoint *endpoint);
int endpoint_map_clear(const struct maps *maps, uint16_t id);

/* -ENOENT: there is no such endpoint. */
int endpoint_map_get(const struct maps *maps, uint16_t id, struct endpoint *ret);

/*
 * Gives an endpoint that is there another set and other flags, in steps of which each allows no more than the old
 * policy or the new one: no program sees the flags of one with the set of the other where that would refuse what both
 * allow.
 */
int endpoint_map_set_policy(const struct maps *maps, uint16_t id, uint32_t set, uint32_t flags);

/* Do the maps say this of the endpoint, and no other has its device or addresses? -ENOENT: not so. */
int endpoint_map_check(const struct maps *maps, uint16_t id, const struct endpoint *endpoint);
int endpoint_map_each(const struct maps *maps,
                      int (*each)(uint16_t id, const struct endpoint *endpoint, void *userdata), void *userdata);

/* Addresses of the node itself. */
int local_map_set_host(const struct maps *maps, const struct addr *addr);
int local_map_delete(const struct maps *maps, const struct addr *addr);
int local_map_each(const struct maps *maps,
                   int (*each)(const struct addr *addr, const struct local_addr *local, void *userdata),
                   void *userdata);

int ipcache_set(const struct maps *maps, const struct prefix *prefix, const struct ipcache_entry *entry);
int ipcache_delete(const struct maps *maps, const struct prefix *prefix); /* none there is success */
int ipcache_get(const struct maps *maps, const struct addr *addr, struct ipcache_entry *ret); /* as programs find it */
int ipcache_each(const struct maps *maps,
                 int (*each)(const struct prefix *prefix, const struct ipcache_entry *entry, void *userdata),
                 void *userdata);

int node_map_set(const struct maps *maps, uint16_t id, const struct node *node);
int node_map_clear(const struct maps *maps, uint16_t id);
int node_map_each(const struct maps *maps, int (*each)(uint16_t id, const struct node *node, void *userdata),
                  void *userdata);

/* One key of a policy set, as the trie has it: the bits behind its prefix are zero. Deleting none is success. */
int policy_set(const struct maps *maps, const struct policy_key *key, const struct policy_entry *entry);
int policy_delete(const struct maps *maps, const struct policy_key *key);
int policy_each(const struct maps *maps,
                int (*each)(const struct policy_key *key, const struct policy_entry *entry, void *userdata),
                void *userdata);

/* A block of a set. Deleting none is success. */
int policy_cidr_set(const struct maps *maps, uint32_t set, const struct prefix *prefix, uint32_t id);
int policy_cidr_delete(const struct maps *maps, uint32_t set, const struct prefix *prefix);
int policy_cidr_each(const struct maps *maps,
                     int (*each)(uint32_t set, const struct prefix *prefix, uint32_t id, void *userdata),
                     void *userdata);

/* Summed over the CPUs; only what is not zero. */
int metrics_each(const struct maps *maps,
                 int (*each)(uint8_t reason, enum metric_direction direction, const struct metric *metric,
                             void *userdata),
                 void *userdata);

/* What a per-CPU map has of one counter, summed. */
struct metric metric_of_cpus(const struct metric *per_cpu, int cpus);

/* "Policy denied" for a code, "Forwarded" for 0; NULL for an unknown one. */
const char *drop_reason_text(uint8_t reason);

#endif
