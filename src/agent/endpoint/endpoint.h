/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints: a pod's life from ADD to DEL. One state machine, one file per endpoint in state-dir/endpoints/ID.json
 * (written before anything is made that it must account for), restored at start.
 *
 *   ADD ─> waiting-for-identity ─ pod wired, maps written, programs attached ─> ready
 *   start of the agent ─> restoring ─ device still there ─> waiting-for-identity ─ confirmed ─> ready
 *   DEL, device gone, collected ─> disconnecting ─> no more
 *   not-ready: restored, but the datapath refuses it for now; tried again
 */
#ifndef PILUS_AGENT_ENDPOINT_H
#define PILUS_AGENT_ENDPOINT_H

#include "agent/identity/identity.h"
#include "agent/ipam/ipam.h"
#include "agent/ipcache/ipcache.h"
#include "agent/monitor/monitor.h"
#include "agent/policy/policies.h"
#include "agent/services/services.h"
#include "datapath/datapath.h"
#include "net/netlink.h"

struct endpoints;
struct endpoint_entry;

/* What endpoints stand on; borrowed for their lifetime. */
struct endpoint_services {
	uv_loop_t *loop;
	const struct config *config;
	struct netlink *netlink;
	struct datapath *datapath;
	struct ipam *ipam;
	struct identities *identities;
	struct ipcache *ipcache;
	struct policies *policies;
	struct services *host_ports; /* NULL: services are not served here */
	struct monitor *monitor;
	uint32_t pod_mtu; /* at the start */
};

struct endpoints *endpoints_new(const struct endpoint_services *services);
void endpoints_free(struct endpoints *endpoints); /* forgets; takes nothing down */

/*
 * Reads the state folder; claims addresses; adopts what still has its device and undoes the rest. Broken files are set
 * aside and said. Map entries and devices that belong to no endpoint go.
 */
int endpoints_restore(struct endpoints *endpoints, struct error *error);

/* Another policy for those of an identity (policies.h): in the map when this returns. */
void endpoints_set_policy(struct endpoints *endpoints, uint32_t identity, const struct endpoint_policy *policy);

/* How many have a policy in neither direction, only of ingress, only of egress, in both. */
enum { ENFORCEMENTS = 4 };
void endpoints_count_enforcement(const struct endpoints *endpoints, unsigned ret[static ENFORCEMENTS]);

/* Another MTU for pods: new ones get it, and those that are there, on both ends of their wire. */
void endpoints_set_mtu(struct endpoints *endpoints, uint32_t pod_mtu);

/*
 * docs/api.md: PUT /v1/endpoints. `done` once: endpoint (borrowed JSON) or NULL with −errno and words; created tells
 * 201 from 200. -EINVAL: the request; -EEXIST: it conflicts; -EAGAIN, -ENOSPC: later; else this node has a problem.
 */
void endpoint_create(struct endpoints *endpoints, json_t *request,
                     void (*done)(void *userdata, json_t *endpoint, bool created, int result,
                                  const struct error *error),
                     void *userdata);

/* Success also when there is none. `container` and `interface` as in CNI. */
int endpoint_delete(struct endpoints *endpoints, const char *container, const char *interface, struct error *error);

/* CNI CHECK: -EEXIST with words saying what differs, -ENOENT when there is none. */
int endpoint_check(const struct endpoints *endpoints, json_t *request, struct error *error);

/*
 * Other labels than the endpoint was made with ({"app": "web"}): it gets another identity, and with it another policy,
 * as soon as the store knows that. -ENOENT; -EINVAL: these are no labels; else the state folder cannot be written. On
 * an error nothing is changed.
 */
int endpoint_relabel(struct endpoints *endpoints, uint16_t id, json_t *labels, struct error *error);

/* Whether what its policy denies passes, and is only told: at once, and after a restart. -ENOENT. */
int endpoint_set_audit(struct endpoints *endpoints, uint16_t id, bool audit, struct error *error);

/* CNI GC. Returns how many were taken down, or −errno. */
int endpoints_collect(struct endpoints *endpoints, json_t *request, struct error *error);

/* The paths of the pods' network namespaces. */
void endpoints_each_namespace(const struct endpoints *endpoints, void (*each)(void *userdata, const char *netns),
                              void *userdata);

void endpoints_each_identity(const struct endpoints *endpoints, void (*each)(void *userdata, uint32_t identity),
                             void *userdata);

/* New references; NULL when there is none. */
json_t *endpoints_to_json(const struct endpoints *endpoints);
json_t *endpoint_to_json(const struct endpoints *endpoints, uint16_t id);
json_t *endpoint_log_to_json(const struct endpoints *endpoints, uint16_t id);
json_t *endpoint_health_to_json(const struct endpoints *endpoints, uint16_t id); /* looks into the kernel */
json_t *endpoints_status(const struct endpoints *endpoints);   /* the "endpoints" part of GET /v1/status */
json_t *endpoints_warnings(const struct endpoints *endpoints); /* sentences */
json_t *endpoint_find(const struct endpoints *endpoints, const char *container, const char *interface);

#endif
