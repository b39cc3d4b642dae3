/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the datapath and the other nodes know of an endpoint: the maps first, then the programs on its device, then the
 * epoch, then its addresses for everybody. The way back withdraws in reverse.
 */
#include <errno.h>
#include <string.h>

#include "agent/endpoint/entry.h"
#include "base/clock.h"
#include "base/log.h"

#define QUIET_TIME NS_PER_SECOND

struct endpoint endpoint_for_map(const struct endpoint_entry *entry)
{
	const struct pod_link *link = &entry->link;
	struct endpoint endpoint = {
		.ifindex = link->ifindex,
		.identity = entry->identity,
		.v4 = link->address[FAMILY_V4],
		.v6 = link->address[FAMILY_V6],
		.flags = endpoint_policy_flags(entry),
		.policy = entry->policy.set,
		.short_cut = endpoint_has_short_cuts(entry),
	};

	memcpy(endpoint.pod_mac, link->mac, sizeof(endpoint.pod_mac));
	memcpy(endpoint.host_mac, link->host_mac, sizeof(endpoint.host_mac));
	return endpoint;
}

static int fill_map(const struct endpoint_entry *entry, const struct maps *maps, struct error *error)
{
	const struct endpoint endpoint = endpoint_for_map(entry);
	int result;

	result = endpoint_map_set(maps, entry->id, &endpoint);
	return result ? error_set_errno(error, result, "entering endpoint %u into the maps", entry->id) : 0;
}

static void publish(const struct endpoint_entry *entry)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		const struct ipcache_publication publication = {
			.addr = entry->link.address[family],
			.identity = entry->identity,
			.pod = entry->spec.pod,
			.namespace = entry->spec.namespace,
			.labels = entry->labels,
		};

		if (!addr_is_zero(&publication.addr))
			ipcache_publish(entry->endpoints->services.ipcache, &publication);
	}
}

void endpoint_settle_later(struct endpoints *endpoints)
{
	endpoints->settle_at = clock_now() + QUIET_TIME;
	endpoint_schedule(endpoints);
}

void endpoint_settle(struct endpoints *endpoints)
{
	struct error error = {};
	int result;

	/* Programs whose maps are not filled yet would take over from those that are at work. */
	if (datapath_is_waiting(endpoints->services.datapath)) {
		endpoint_settle_later(endpoints);
		return;
	}
	result = datapath_settle(endpoints->services.datapath, &error);
	if (result < 0)
		log_warning("devices keep the programs that they were given in haste: %s", error.message);
	endpoints->settle_at = result > 0 ? clock_now() : 0;
}

int endpoint_start_host(const struct endpoint_entry *entry, struct error *error)
{
	const struct endpoint_services *services = &entry->endpoints->services;
	struct addr router[FAMILIES] = {};

	/* Without an overlay no device has the routers' addresses. */
	for (enum family family = 0; family < FAMILIES && services->config->routing_mode == ROUTING_TUNNEL; family++)
		router[family] = *ipam_router(services->ipam, family);
	return pod_link_start_host(&entry->link, router, services->netlink, error);
}

int endpoint_activate(struct endpoint_entry *entry, struct error *error)
{
	struct datapath *datapath = entry->endpoints->services.datapath;
	const struct maps *maps = datapath_maps(datapath);
	int result;

	endpoint_join_policy(entry);
	result = fill_map(entry, maps, error);
	if (!result)
		result = endpoint_join_sockets(entry, error);
	if (!result)
		result = datapath_attach(datapath, DEVICE_ENDPOINT, entry->link.ifindex, entry->link.device, error);
	if (result)
		return result;
	maps_bump_epoch(maps);
	publish(entry);
	entry->active = true;
	endpoint_settle_later(entry->endpoints);
	return 0;
}

void endpoint_deactivate(struct endpoint_entry *entry)
{
	const struct endpoint_services *services = &entry->endpoints->services;
	const struct maps *maps = datapath_maps(services->datapath);
	int result;

	for (enum family family = 0; family < FAMILIES; family++) {
		if (!addr_is_zero(&entry->link.address[family]))
			ipcache_withdraw(services->ipcache, &entry->link.address[family]);
	}
	endpoint_leave_sockets(entry);
	result = endpoint_map_clear(maps, entry->id);
	if (result && result != -ENOENT)
		log_warning("endpoint %u: it stays in the maps: %s", entry->id, strerror(-result));
	maps_bump_epoch(maps);
	result = datapath_detach(services->datapath, entry->link.ifindex, entry->link.device);
	if (result)
		log_warning("endpoint %u: the programs of %s stay pinned: %s", entry->id, entry->link.device,
		            strerror(-result));
	entry->active = false;
	if (entry->endpoints->settle_at)
		endpoint_settle_later(entry->endpoints);
}
