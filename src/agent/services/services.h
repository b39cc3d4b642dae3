/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services on this node: what the store says of them ("services/NAMESPACE/NAME" and "endpointslices/NAMESPACE/NAME",
 * objects of Kubernetes, and "frontends/PROTOCOL/ADDRESS/PORT", by hand) becomes entries of the maps of abi/service.h,
 * change by change, and nothing of what is gone is left there.
 *
 * Host ports of pods are asked for by runtimes (services_take_host_ports), and told to other nodes in "hostports/".
 *
 * What an earlier agent has programmed stays in force until the store has told all there is. Then it is compared: what
 * is still so keeps its numbers, and with them its connections and affinities.
 */
#ifndef PILUS_AGENT_SERVICES_H
#define PILUS_AGENT_SERVICES_H

#include "agent/config/config.h"
#include "datapath/service_map.h"
#include "service/service.h"
#include "store/store.h"

struct services;

/* Borrowed for their lifetime. */
struct services_needs {
	uv_loop_t *loop;
	const struct config *config;
	const struct maps *maps;
	struct store *store;
	struct prefix pods[FAMILIES]; /* this node's */
	struct addr node[FAMILIES];   /* its own, as other nodes know it */
};

struct services_events {
	/* A frontend is served now, or in another way than before; or no more. */
	void (*upserted)(void *userdata, const struct service_key *frontend, const struct service *service);
	void (*deleted)(void *userdata, const struct service_key *frontend);
	/* A backend (its id) is there no more; whoever was sent to it is not connected to the service any longer. */
	void (*backend_gone)(void *userdata, uint32_t backend);
	/* The maps hold what the store says; once. */
	void (*settled)(void *userdata);
};

struct services *services_new(const struct services_needs *needs, const struct services_events *events, void *userdata);
void services_free(struct services *services);

/* "10.0.0.1:80/TCP", "[fd00::1]:53/UDP" */
#define SERVICE_KEY_TEXT_MAX (ADDR_TEXT_MAX + 16)
const char *service_key_format(const struct service_key *key, char text[static SERVICE_KEY_TEXT_MAX]);

/* Where there is nobody else to tell: sentences about services that cannot be served as they are written. */
json_t *services_warnings(const struct services *services);

/* For GET /v1/status. */
json_t *services_status(const struct services *services);

/* Frontends, in the order of their numbers: docs/api.md; all, or those of one number. A new reference. */
json_t *services_to_json(const struct services *services);
json_t *service_to_json(const struct services *services, uint32_t number);

/*
 * By hand: PUT /v1/services (docs/api.md), and DELETE of a frontend that was made so. Answers once, when this node
 * serves it, or no more: −EINVAL the request, −EEXIST it conflicts, −ENOENT there is none, else the store.
 */
typedef void (*services_answered)(void *userdata, int result, json_t *frontends, const struct error *error);
void services_update(struct services *services, json_t *frontend, services_answered answered, void *userdata);
void services_delete(struct services *services, uint32_t number, services_answered answered, void *userdata);

/* A pod of this node that asks for host ports; all is borrowed. */
struct services_pod {
	uint16_t endpoint;
	const char *name; /* "shop/web-1" */
	json_t *mappings; /* as in PUT /v1/endpoints */
	struct addr addr[FAMILIES];
};

/*
 * Met at addresses of this node. Done again it replaces. −EINVAL, −EEXIST: somebody has one of them; −EAGAIN: who has
 * which is not known yet; else the maps. Nothing is left then.
 */
int services_take_host_ports(struct services *services, const struct services_pod *pod, struct error *error);

/* As an earlier agent took them: served once the store has told all, and in force until then. */
int services_restore_host_ports(struct services *services, const struct services_pod *pod, struct error *error);

/* All were restored: what an earlier agent has told of others is taken back. */
void services_restored(struct services *services);

/* Also when there are none. */
void services_release_host_ports(struct services *services, uint16_t endpoint);

/* What that node has told is removed from the store. */
void services_forget_node(struct services *services, const char *node);

#endif
