/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an endpoint is: not what the agent once did for it, but what the kernel has of it now. Words as Cilium's.
 */
#include <errno.h>

#include "agent/endpoint/entry.h"

enum condition { CONDITION_OK, CONDITION_PENDING, CONDITION_BOOTSTRAP, CONDITION_FAILURE }; /* from good to bad */

struct health {
	enum condition bpf, policy;
	bool connected;
	json_t *problems;
};

static enum condition failed(struct health *health, const struct error *error)
{
	json_array_append_new(health->problems, json_string(error->message));
	return CONDITION_FAILURE;
}

static enum condition check_bpf(const struct endpoint_entry *entry, struct health *health)
{
	const struct datapath *datapath = entry->endpoints->services.datapath;
	const struct endpoint wanted = endpoint_for_map(entry);
	struct error error = {};

	if (!entry->active)
		return entry->state == ENDPOINT_NOT_READY ? CONDITION_FAILURE : CONDITION_BOOTSTRAP;
	if (datapath_check(datapath, DEVICE_ENDPOINT, entry->link.ifindex, &error))
		return failed(health, &error);
	if (endpoint_map_check(datapath_maps(datapath), entry->id, &wanted)) {
		error_set(&error, -ENOENT, "the maps say something else of it: restart the agent");
		return failed(health, &error);
	}
	return CONDITION_OK;
}

/* Policy goes by identity: it is right when everybody's packets meet the identity that the labels stand for. */
static enum condition check_identity(const struct maps *maps, const struct addr addresses[static FAMILIES],
                                     uint32_t identity, struct health *health)
{
	struct ipcache_entry entry;
	struct error error = {};
	char text[ADDR_TEXT_MAX];

	for (enum family family = 0; family < FAMILIES; family++) {
		const struct addr *addr = &addresses[family];

		if (addr_is_zero(addr) || (!ipcache_get(maps, addr, &entry) && entry.identity == identity))
			continue;
		error_set(&error, -ENOENT, "%s is not identity %u in the ipcache: restart the agent",
		          addr_format(addr, text), identity);
		return failed(health, &error);
	}
	return CONDITION_OK;
}

static enum condition check_policy(const struct endpoint_entry *entry, struct health *health)
{
	const struct maps *maps = datapath_maps(entry->endpoints->services.datapath);

	if (!entry->active || entry->state == ENDPOINT_WAITING_FOR_IDENTITY)
		return CONDITION_PENDING;
	return check_identity(maps, entry->link.address, entry->identity, health);
}

static bool check_connected(const struct endpoint_entry *entry, struct health *health)
{
	const struct pod_place place = {.netns = entry->spec.netns, .interface = entry->spec.interface};
	struct error error = {};

	if (!entry->wired)
		return false;
	if (pod_link_check(&entry->link, &place, entry->endpoints->services.netlink, &error)) {
		failed(health, &error);
		return false;
	}
	return true;
}

static enum condition worse(enum condition a, enum condition b)
{
	return a > b ? a : b;
}

/* Takes health->problems over. */
static json_t *health_to_json(const struct health *health)
{
	static const char *const names[] = {"OK", "Pending", "Bootstrap", "Failure"};
	enum condition overall = worse(health->bpf, health->policy);

	if (!health->connected)
		overall = worse(overall, health->bpf == CONDITION_BOOTSTRAP ? CONDITION_BOOTSTRAP : CONDITION_FAILURE);
	return json_pack("{s:s, s:s, s:s, s:b, s:o}", "overall-health", names[overall], "bpf", names[health->bpf],
	                 "policy", names[health->policy], "connected", health->connected, "problems", health->problems);
}

/* The host has no wire of its own: its programs are those of the overlay, the uplinks and the sockets. */
static json_t *host_health(const struct endpoints *endpoints)
{
	const struct datapath *datapath = endpoints->services.datapath;
	const struct addr routers[FAMILIES] = {*ipam_router(endpoints->services.ipam, FAMILY_V4),
	                                       *ipam_router(endpoints->services.ipam, FAMILY_V6)};
	struct health health = {.connected = true, .problems = json_array()};
	struct error error = {};

	if (datapath_check(datapath, DEVICE_OVERLAY, 0, &error) || datapath_check(datapath, DEVICE_UPLINK, 0, &error) ||
	    datapath_check_cgroup(datapath, &error))
		health.bpf = failed(&health, &error);
	health.policy = check_identity(datapath_maps(datapath), routers, IDENTITY_HOST, &health);
	return health_to_json(&health);
}

json_t *endpoint_health_to_json(const struct endpoints *endpoints, uint16_t id)
{
	struct health health = {.problems = NULL};
	const struct endpoint_entry *entry;

	if (id == 0)
		return host_health(endpoints);
	if (id > ENDPOINT_ID_MAX || !endpoints->entries[id])
		return NULL;
	entry = endpoints->entries[id];
	health.problems = json_array();
	health.bpf = check_bpf(entry, &health);
	health.policy = check_policy(entry, &health);
	health.connected = check_connected(entry, &health);
	return health_to_json(&health);
}
