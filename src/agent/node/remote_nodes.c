/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/remote_nodes.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "agent/node/ids.h"
#include "agent/node/json.h"
#include "agent/node/next_hop.h"
#include "agent/node/pod_routes.h"
#include "base/log.h"
#include "base/memory.h"

struct remote {
	struct node_info info;
	struct node entry; /* as in the map */
	UT_hash_handle hh;
};

struct remote_nodes {
	const struct maps *maps;
	struct netlink *netlink;
	const struct config *config;
	const struct underlay *underlay;
	const struct node_info *local;
	struct node_events events;
	void *userdata;
	struct node_ids *ids;
	struct remote *table;
};

/* ── what the map and the routing table hold of one node ── */

static void remote_write(const struct remote_nodes *remotes, const struct remote *remote)
{
	int result = node_map_set(remotes->maps, remote->info.id, &remote->entry);

	if (result < 0)
		log_error("cannot enter the node %s into the map: %s", remote->info.name, strerror(-result));
}

/* An entry of the map that went has taken its address with it, which may be another node's as well: a host that came
 * back under a new name. */
static void rewrite_address(const struct remote_nodes *remotes, const struct addr *addr)
{
	struct remote *remote, *next;

	HASH_ITER (hh, remotes->table, remote, next) {
		if (addr_equal(&remote->entry.remote, addr))
			remote_write(remotes, remote);
	}
}

static bool goes_direct(const struct remote_nodes *remotes)
{
	return remotes->config->routing_mode == ROUTING_NATIVE && remotes->config->auto_direct_node_routes;
}

static void remote_resolve(const struct remote_nodes *remotes, struct remote *remote)
{
	struct node before = remote->entry;

	remote->entry.mtu = remotes->underlay->pod_mtu;
	next_hop_find(remotes->netlink, remotes->underlay->uplinks[0].ifindex, &remote->entry);
	if (!goes_direct(remotes))
		remote->entry.flags &= ~NODE_DIRECT;
	if (memcmp(&before, &remote->entry, sizeof(before)))
		remote_write(remotes, remote);
}

/* Without an overlay: by the node itself, if it is on the same link. False: it is not, or has no address. */
static bool find_direct(const struct remote_nodes *remotes, const struct addr *node, struct route *route)
{
	struct route found;

	if (!goes_direct(remotes) || addr_is_zero(node) || route_lookup(remotes->netlink, node, &found, NULL) ||
	    !addr_is_zero(&found.gateway))
		return false;
	route->gateway = *node;
	route->ifindex = found.ifindex;
	return true;
}

static bool find_overlay(const struct remote_nodes *remotes, enum family family, struct route *route)
{
	route->source = remotes->local->router[family];
	route->ifindex = remotes->underlay->overlay_ifindex;
	return route->ifindex && !addr_is_zero(&route->source);
}

/* The host's way to a node's pods of a family that this node has too. */
static int set_route(const struct remote_nodes *remotes, const struct node_info *info, enum family family,
                     struct error *error)
{
	struct route route = {.destination = info->pod_cidr[family]};

	if (!route.destination.bits || !remotes->local->pod_cidr[family].bits)
		return 0;
	if (find_overlay(remotes, family, &route) || find_direct(remotes, &info->address[family], &route))
		return pod_route_set(remotes->netlink, &route, error);
	return pod_route_delete(remotes->netlink, &route.destination, error);
}

static void remote_set_routes(const struct remote_nodes *remotes, const struct remote *remote)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		struct error error = {};

		if (set_route(remotes, &remote->info, family, &error) < 0)
			log_error("node %s: %s", remote->info.name, error.message);
	}
}

static bool has_cidr(const struct node_info *node, const struct prefix *cidr)
{
	return prefix_equal(&node->pod_cidr[FAMILY_V4], cidr) || prefix_equal(&node->pod_cidr[FAMILY_V6], cidr);
}

static bool cidr_wanted(const struct prefix *cidr, void *userdata)
{
	const struct remote_nodes *remotes = userdata;
	struct remote *remote, *next;

	HASH_ITER (hh, remotes->table, remote, next) {
		if (has_cidr(&remote->info, cidr))
			return true;
	}
	return has_cidr(remotes->local, cidr);
}

/* But for those that a node which is still there wants. */
static void delete_routes(struct remote_nodes *remotes, const struct prefix cidrs[FAMILIES])
{
	for (enum family family = 0; family < FAMILIES; family++) {
		struct error error = {};

		if (cidrs[family].bits && !cidr_wanted(&cidrs[family], remotes) &&
		    pod_route_delete(remotes->netlink, &cidrs[family], &error) < 0)
			log_error("%s", error.message);
	}
}

/* ── nodes come, change and go ── */

static struct remote *remote_find(const struct remote_nodes *remotes, const char *name)
{
	struct remote *remote;

	HASH_FIND_STR(remotes->table, name, remote);
	return remote;
}

static struct remote *remote_new(struct remote_nodes *remotes, const struct node_info *info)
{
	uint16_t id = node_ids_allocate(remotes->ids, &info->address[FAMILY_V4]);
	struct remote *remote;

	if (!id)
		return NULL;
	remote = xnew(struct remote);
	remote->info.name = xstrdup(info->name);
	remote->info.id = id;
	HASH_ADD_KEYPTR(hh, remotes->table, remote->info.name, strlen(remote->info.name), remote);
	return remote;
}

static void remote_free(struct remote_nodes *remotes, struct remote *remote)
{
	HASH_DEL(remotes->table, remote);
	free(remote->info.name);
	free(remote);
}

static void remote_update(struct remote_nodes *remotes, struct remote *remote, const struct node_info *info)
{
	struct node_info before = remote->info;

	remote->info = *info;
	remote->info.name = before.name;
	remote->info.id = before.id;
	remote->entry.remote = info->address[FAMILY_V4];
	remote->entry.local = remotes->local->address[FAMILY_V4];
	remote_resolve(remotes, remote);
	rewrite_address(remotes, &before.address[FAMILY_V4]);
	remote_set_routes(remotes, remote);
	remotes->events.changed(remotes->userdata, &remote->info);
	delete_routes(remotes, before.pod_cidr);
}

/* Refused are nodes that say they are where we are. */
static int check_against_local(const struct node_info *local, const struct node_info *info, struct error *error)
{
	char text[PREFIX_TEXT_MAX];

	for (enum family family = 0; family < FAMILIES; family++) {
		const struct prefix *cidr = &info->pod_cidr[family], *own = &local->pod_cidr[family];

		if (!addr_is_zero(&info->address[family]) &&
		    addr_equal(&info->address[family], &local->address[family]))
			return error_set(error, -EEXIST, "it has this node's address %s",
			                 addr_format(&info->address[family], text));
		if (cidr->bits && own->bits && prefix_overlaps(cidr, own))
			return error_set(error, -EEXIST, "its pod CIDR %s overlaps this node's: give each its own",
			                 prefix_format(cidr, text));
	}
	return 0;
}

void remote_nodes_set(struct remote_nodes *remotes, const struct node_info *info)
{
	struct remote *remote = remote_find(remotes, info->name);
	bool joined = !remote;
	struct error error = {};

	if (remote && node_info_equal(info, &remote->info))
		return;
	if (check_against_local(remotes->local, info, &error) < 0) {
		log_warning("node %s is ignored: %s", info->name, error.message);
		return;
	}
	if (info->routing_mode != remotes->config->routing_mode)
		log_warning("node %s has another routing-mode than this node: their pods cannot reach each other",
		            info->name);
	if (!remote)
		remote = remote_new(remotes, info);
	if (!remote) {
		log_error("node %s is ignored: there are %u others already", info->name, NODE_ID_MAX);
		return;
	}
	remote_update(remotes, remote, info);
	if (joined && remotes->events.joined)
		remotes->events.joined(remotes->userdata, &remote->info);
}

void remote_nodes_remove(struct remote_nodes *remotes, const char *name)
{
	struct remote *remote = remote_find(remotes, name);
	struct node_info info;

	if (!remote)
		return;
	info = remote->info;
	info.name = xstrdup(name);
	remote_free(remotes, remote);
	remotes->events.removed(remotes->userdata, &info);
	node_ids_release(remotes->ids, info.id);
	rewrite_address(remotes, &info.address[FAMILY_V4]);
	delete_routes(remotes, info.pod_cidr);
	free(info.name);
}

void remote_nodes_settle(struct remote_nodes *remotes)
{
	struct error error = {};

	node_ids_sweep(remotes->ids);
	if (pod_routes_sweep(remotes->netlink, remotes->underlay->overlay_ifindex, cidr_wanted, remotes, &error) < 0)
		log_error("%s", error.message);
}

/* ── what the kernel may have changed ── */

void remote_nodes_resolve(struct remote_nodes *remotes)
{
	struct remote *remote, *next;

	HASH_ITER (hh, remotes->table, remote, next)
		remote_resolve(remotes, remote);
}

void remote_nodes_set_routes(struct remote_nodes *remotes)
{
	struct remote *remote, *next;

	HASH_ITER (hh, remotes->table, remote, next)
		remote_set_routes(remotes, remote);
}

void remote_nodes_confirm(const struct remote_nodes *remotes)
{
	struct remote *remote, *next;

	HASH_ITER (hh, remotes->table, remote, next)
		next_hop_confirm(remotes->netlink, &remote->entry);
}

/* ── the whole ── */

struct remote_nodes *remote_nodes_new(const struct node_services *services, const struct node_info *local,
                                      const struct node_events *events, void *userdata)
{
	struct remote_nodes *remotes = xnew(struct remote_nodes);

	remotes->maps = services->maps;
	remotes->netlink = services->netlink;
	remotes->config = services->config;
	remotes->underlay = services->underlay;
	remotes->local = local;
	remotes->events = *events;
	remotes->userdata = userdata;
	remotes->ids = node_ids_new(services->maps);
	return remotes;
}

void remote_nodes_free(struct remote_nodes *remotes)
{
	struct remote *remote, *next;

	HASH_ITER (hh, remotes->table, remote, next)
		remote_free(remotes, remote);
	node_ids_free(remotes->ids);
	free(remotes);
}

const struct node_info *remote_nodes_find(const struct remote_nodes *remotes, const char *name)
{
	const struct remote *remote = remote_find(remotes, name);

	return remote ? &remote->info : NULL;
}

static int remote_compare(const struct remote *a, const struct remote *b)
{
	return strcmp(a->info.name, b->info.name);
}

void remote_nodes_each(struct remote_nodes *remotes,
                       void (*each)(const struct node_info *info, bool resolved, void *userdata), void *userdata)
{
	struct remote *remote, *next;

	HASH_SORT(remotes->table, remote_compare);
	HASH_ITER (hh, remotes->table, remote, next)
		each(&remote->info, remote->entry.flags & NODE_NEIGHBOUR_KNOWN, userdata);
}
