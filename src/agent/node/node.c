/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node in the store, the others out of it, and the host's own network. All that follows from the kernel's state is
 * looked at anew when the kernel says that it changed, and now and then in any case.
 */
#include "agent/node/node.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "agent/ipcache/publications.h"
#include "agent/node/json.h"
#include "agent/node/kernel_watch.h"
#include "agent/node/local_addresses.h"
#include "agent/node/masquerade.h"
#include "agent/node/pod_routes.h"
#include "agent/node/presence.h"
#include "agent/node/remote_nodes.h"
#include "agent/node/underlay_mtu.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define FOLDER   "nodes/"
#define INSTANCE "instance"

#define CONFIRM_MS 30000 /* the fast path does not tell the kernel that a neighbour is in use */

struct nodes {
	struct node_services services;
	struct node_info local;
	struct publications *publications;
	char instance[17]; /* of this agent's start, at random: what the store has of us, we have said */
	bool published;    /* and the store has held something of it */
	struct presence *presence;
	struct remote_nodes *remotes;
	struct node_events events;
	void *userdata;
	struct store_watch *store_watch;
	struct kernel_watch *kernel_watch;
	uv_timer_t confirm;
};

/* ── this node in the store ── */

/* What we said before, too: it may be seen when we say something else already. */
static bool is_ours(const struct nodes *nodes, const json_t *value)
{
	const char *instance = json_string_value(json_object_get(value, INSTANCE));

	return instance && !strcmp(instance, nodes->instance);
}

/* Of a value that is not ours, the first may be an earlier life's; a later one is another node's. */
static void local_seen(struct nodes *nodes, const char *key, json_t *value)
{
	bool ours = is_ours(nodes, value);

	if (ours || !nodes->published) {
		nodes->published |= ours;
		publications_seen(nodes->publications, key, value);
		return;
	}
	publications_taken(nodes->publications, key);
	log_error("another node is published under this node's name %s: give each its own node-name",
	          nodes->local.name);
}

/* ── what the store says ── */

/* Others' last state stays; our own is written again. */
static void repair(const struct nodes *nodes, const char *key)
{
	if (!strcmp(key + strlen(FOLDER), nodes->local.name))
		publications_gone(nodes->publications, key);
}

static void on_broken(void *userdata, const char *key, const struct error *error)
{
	log_warning("%s", error->message);
	repair(userdata, key);
}

static void on_set(void *userdata, const char *key, json_t *value)
{
	struct nodes *nodes = userdata;
	struct node_info info = {};
	struct error error = {};

	if (node_info_parse(key + strlen(FOLDER), value, &info, &error) < 0) {
		log_warning("store: %s is ignored: %s", key, error.message);
		repair(nodes, key);
	} else if (!strcmp(info.name, nodes->local.name)) {
		local_seen(nodes, key, value);
	} else {
		presence_set(nodes->presence, &info);
	}
	free(info.name);
}

static void on_removed(void *userdata, const char *key)
{
	struct nodes *nodes = userdata;
	const char *name = key + strlen(FOLDER);

	if (!strcmp(name, nodes->local.name))
		publications_gone(nodes->publications, key);
	else
		presence_remove(nodes->presence, name);
}

static void on_synced(void *userdata)
{
	struct nodes *nodes = userdata;

	remote_nodes_settle(nodes->remotes);
	if (nodes->events.synced)
		nodes->events.synced(nodes->userdata);
}

static void on_renewed(void *userdata)
{
	struct nodes *nodes = userdata;

	publications_renew(nodes->publications);
}

/* ── which of them are there ── */

static void on_here(void *userdata, const struct node_info *info)
{
	struct nodes *nodes = userdata;

	remote_nodes_set(nodes->remotes, info);
}

static void on_gone(void *userdata, const char *name)
{
	struct nodes *nodes = userdata;

	remote_nodes_remove(nodes->remotes, name);
}

/* Its own object is the last to be removed, so that this is done again if it was not finished. */
static void on_forgotten(void *userdata, const char *name)
{
	struct nodes *nodes = userdata;
	_cleanup_free_ char *key = xasprintf(FOLDER "%s", name);

	log_warning("node %s has been gone for %u s: what it left in the store is removed", name,
	            nodes->services.config->forget_after);
	if (nodes->events.forgotten)
		nodes->events.forgotten(nodes->userdata, name);
	store_delete(nodes->services.store, key, NULL, NULL);
}

/* ── what the kernel says ── */

static void look_at_overlay(const struct nodes *nodes)
{
	uint32_t overlay = nodes->services.underlay->overlay_ifindex;
	struct error error = {};

	if (overlay && overlay_set_routers(nodes->services.netlink, overlay, &nodes->local, &error) < 0)
		log_error("%s", error.message);
}

static void look_at_own_routes(const struct nodes *nodes)
{
	struct error error = {};

	if (pod_routes_close_own(nodes->services.netlink, &nodes->local, &error) < 0)
		log_error("%s", error.message);
}

static void look_at_addresses(const struct nodes *nodes)
{
	struct error error = {};

	if (local_addresses_refresh(nodes->services.netlink, nodes->services.maps, &error) < 0)
		log_error("%s", error.message);
}

static void look_at_masquerade(const struct nodes *nodes)
{
	struct error error = {};

	if (masquerade_refresh(&nodes->services, nodes->local.pod_cidr, &error) < 0)
		log_error("%s", error.message);
}

static void look_at_mtu(struct nodes *nodes)
{
	const struct node_services *services = &nodes->services;

	if (!underlay_follow_mtu(services->config, services->netlink, services->underlay))
		return;
	remote_nodes_resolve(nodes->remotes);
	if (nodes->events.mtu_changed)
		nodes->events.mtu_changed(nodes->userdata);
}

static void on_kernel_changed(void *userdata, const struct netlink_changes *changes)
{
	struct nodes *nodes = userdata;

	if (changes->links)
		look_at_mtu(nodes);
	if (changes->links || changes->addresses)
		look_at_overlay(nodes);
	if (changes->addresses)
		look_at_addresses(nodes);
	if (changes->addresses || changes->routes)
		look_at_masquerade(nodes);
	if (changes->links || changes->routes || changes->neighbours)
		remote_nodes_resolve(nodes->remotes);
	if (changes->routes)
		look_at_own_routes(nodes);
	if (changes->links || changes->addresses || changes->routes)
		remote_nodes_set_routes(nodes->remotes);
}

static void on_confirm(uv_timer_t *timer)
{
	struct nodes *nodes = timer->data;

	on_kernel_changed(nodes, &(struct netlink_changes){true, true, true, true});
	remote_nodes_confirm(nodes->remotes);
}

static void watch_kernel(struct nodes *nodes)
{
	struct error error = {};

	if (kernel_watch_new(nodes->services.loop, on_kernel_changed, nodes, &nodes->kernel_watch, &error) < 0)
		log_error("changes of the network are noticed late: %s", error.message);
}

/* ── the whole ── */

static void publish(struct nodes *nodes)
{
	_cleanup_free_ char *key = xasprintf(FOLDER "%s", nodes->local.name);
	json_t *value = node_info_to_json(&nodes->local);

	json_object_set_new(value, INSTANCE, json_string(nodes->instance));
	publications_set(nodes->publications, key, value);
}

void nodes_set_health(struct nodes *nodes, const struct addr health[static FAMILIES])
{
	if (!memcmp(nodes->local.health, health, sizeof(nodes->local.health)))
		return;
	memcpy(nodes->local.health, health, sizeof(nodes->local.health));
	publish(nodes);
}

static void choose_instance(struct nodes *nodes)
{
	uint64_t number = clock_now();

	/* Without, which is before the kernel has enough of it, no other start has the same time. */
	(void)!getrandom(&number, sizeof(number), GRND_NONBLOCK);
	snprintf(nodes->instance, sizeof(nodes->instance), "%016" PRIx64, number);
}

struct nodes *nodes_new(const struct node_services *services, const struct node_info *local,
                        const struct node_events *events, void *userdata)
{
	static const struct presence_events presence = {on_here, on_gone, on_forgotten};
	static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken, on_renewed};
	struct nodes *nodes = xnew(struct nodes);

	nodes->services = *services;
	nodes->local = *local;
	nodes->local.id = 0;
	nodes->local.name = xstrdup(local->name);
	choose_instance(nodes);
	nodes->events = *events;
	nodes->userdata = userdata;
	underlay_follow_mtu(services->config, services->netlink, services->underlay);
	nodes->remotes = remote_nodes_new(services, &nodes->local, events, userdata);
	nodes->presence = presence_new(services->loop, services->store, services->config, &presence, nodes);
	nodes->publications = publications_new(services->loop, services->store, store_put);
	uv_timer_init(services->loop, &nodes->confirm);
	nodes->confirm.data = nodes;
	uv_timer_start(&nodes->confirm, on_confirm, CONFIRM_MS, CONFIRM_MS);
	watch_kernel(nodes);
	look_at_overlay(nodes);
	look_at_own_routes(nodes);
	look_at_addresses(nodes);
	look_at_masquerade(nodes);
	nodes->store_watch = store_watch(services->store, FOLDER, &watcher, nodes);
	publish(nodes);
	return nodes;
}

static void timer_closed(uv_handle_t *handle)
{
	struct nodes *nodes = handle->data;

	free(nodes->local.name);
	free(nodes);
}

void nodes_free(struct nodes *nodes)
{
	if (!nodes)
		return;
	store_watch_close(nodes->store_watch);
	publications_free(nodes->publications);
	presence_free(nodes->presence);
	kernel_watch_free(nodes->kernel_watch);
	remote_nodes_free(nodes->remotes);
	uv_close((uv_handle_t *)&nodes->confirm, timer_closed);
}

const struct node_info *nodes_find(const struct nodes *nodes, const char *name)
{
	return strcmp(name, nodes->local.name) ? remote_nodes_find(nodes->remotes, name) : &nodes->local;
}

static json_t *node_to_json(const struct nodes *nodes, const struct node_info *info, const char *neighbour)
{
	json_t *node = node_info_to_json(info);
	bool local = info == &nodes->local;

	json_object_set_new(node, "id", json_integer(info->id));
	json_object_set_new(node, "local", json_boolean(local));
	json_object_set_new(node, "agent",
	                    json_string(presence_is_silent(nodes->presence, info->name) ? "silent" : "up"));
	json_object_set_new(node, "neighbour", neighbour ? json_string(neighbour) : json_null());
	return node;
}

struct listing {
	const struct nodes *nodes;
	json_t *list;
};

static void list_remote(const struct node_info *info, bool resolved, void *userdata)
{
	const struct listing *listing = userdata;

	json_array_append_new(listing->list, node_to_json(listing->nodes, info, resolved ? "resolved" : "unresolved"));
}

bool nodes_is_first(const struct nodes *nodes)
{
	return presence_is_first(nodes->presence);
}

static void count_remote(const struct node_info *info, bool resolved, void *userdata)
{
	++*(size_t *)userdata;
}

size_t nodes_count(const struct nodes *nodes)
{
	size_t count = 1;

	remote_nodes_each(nodes->remotes, count_remote, &count);
	return count;
}

json_t *nodes_to_json(const struct nodes *nodes)
{
	struct listing listing = {.nodes = nodes, .list = json_array()};

	json_array_append_new(listing.list, node_to_json(nodes, &nodes->local, NULL));
	remote_nodes_each(nodes->remotes, list_remote, &listing);
	return listing.list;
}
