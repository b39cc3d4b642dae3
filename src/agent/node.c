/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes: who there is by the store, each with an id, a next hop and routes. All that follows from the kernel's
 * state is looked at anew when the kernel says that it changed, and now and then in any case.
 */
#include "agent/node.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>

#include "agent/local_addresses.h"
#include "agent/next_hop.h"
#include "agent/node_json.h"
#include "agent/overlay_routes.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/route.h"

#define FOLDER "nodes/"

#define PUBLISH_RETRY_MS 1000
#define SETTLE_MS        10    /* changes of the kernel's state come in bursts */
#define CONFIRM_MS       30000 /* the fast path does not tell the kernel that a neighbour is in use */

struct remote {
	struct node_info info;
	struct node entry; /* as in the map */
	UT_hash_handle hh;
};

/* An id that the map holds from an earlier life. */
struct adopted {
	struct addr addr;
	uint16_t id;
	UT_hash_handle hh;
};

struct nodes {
	const struct maps *maps;
	struct netlink *netlink;
	struct store *store;
	struct store_watch *store_watch;
	struct node_events events;
	void *userdata;
	uint32_t overlay, uplink; /* devices */
	struct node_info local;
	bool published;
	struct remote *remotes;
	struct adopted *adopted; /* until the store has told who there is */
	bool id_taken[NODE_ID_MAX + 1];
	struct netlink_watch *netlink_watch;
	struct netlink_changes changes; /* not looked at yet */
	uv_poll_t poll;
	uv_timer_t settle, confirm, publish;
	unsigned open_handles;
};

static void log_failure(const struct error *error)
{
	if (error->code)
		log_error("%s", error->message);
}

/* ── ids ── */

static void adopted_free(struct nodes *nodes, struct adopted *adopted)
{
	HASH_DEL(nodes->adopted, adopted);
	free(adopted);
}

static int visit_entry(uint16_t id, const struct node *entry, void *userdata)
{
	struct nodes *nodes = userdata;
	struct adopted *adopted;

	HASH_FIND(hh, nodes->adopted, &entry->remote, sizeof(entry->remote), adopted);
	if (adopted)
		return 0;
	adopted = xnew(struct adopted);
	adopted->addr = entry->remote;
	adopted->id = id;
	HASH_ADD(hh, nodes->adopted, addr, sizeof(adopted->addr), adopted);
	nodes->id_taken[id] = true;
	return 0;
}

/* 0: all are taken. */
static uint16_t id_allocate(struct nodes *nodes, const struct addr *addr)
{
	struct adopted *adopted;
	uint16_t id = 1;

	HASH_FIND(hh, nodes->adopted, addr, sizeof(*addr), adopted);
	if (adopted) {
		id = adopted->id;
		adopted_free(nodes, adopted);
		return id;
	}
	while (id <= NODE_ID_MAX && nodes->id_taken[id])
		id++;
	if (id > NODE_ID_MAX)
		return 0;
	nodes->id_taken[id] = true;
	return id;
}

static void ids_sweep(struct nodes *nodes)
{
	struct adopted *adopted, *next;

	HASH_ITER (hh, nodes->adopted, adopted, next) {
		node_map_clear(nodes->maps, adopted->id);
		nodes->id_taken[adopted->id] = false;
		adopted_free(nodes, adopted);
	}
}

/* ── one other node ── */

static void remote_write(const struct nodes *nodes, const struct remote *remote)
{
	int result = node_map_set(nodes->maps, remote->info.id, &remote->entry);

	if (result < 0)
		log_error("cannot enter the node %s into the map: %s", remote->info.name, strerror(-result));
}

static void remote_resolve(struct nodes *nodes, struct remote *remote)
{
	struct node before = remote->entry;

	next_hop_find(nodes->netlink, nodes->uplink, &remote->entry);
	if (memcmp(&before, &remote->entry, sizeof(before)))
		remote_write(nodes, remote);
}

static void remote_set_routes(const struct nodes *nodes, const struct remote *remote)
{
	struct error error = {};

	if (overlay_set_routes(nodes->netlink, nodes->overlay, &nodes->local, &remote->info, &error) < 0)
		log_error("node %s: %s", remote->info.name, error.message);
}

static bool cidr_wanted(const struct prefix *cidr, void *userdata)
{
	const struct nodes *nodes = userdata;
	struct remote *remote, *next;

	HASH_ITER (hh, nodes->remotes, remote, next) {
		for (enum family family = 0; family < FAMILIES; family++) {
			const struct prefix *own = &remote->info.pod_cidr[family];

			if (own->bits == cidr->bits && addr_equal(&own->addr, &cidr->addr))
				return true;
		}
	}
	return false;
}

/* Called when no node that is still there wants them any more. */
static void delete_routes(struct nodes *nodes, const struct prefix cidrs[FAMILIES])
{
	for (enum family family = 0; family < FAMILIES; family++) {
		struct error error = {};

		if (!cidrs[family].bits || cidr_wanted(&cidrs[family], nodes))
			continue;
		overlay_delete_route(nodes->netlink, nodes->overlay, &cidrs[family], &error);
		log_failure(&error);
	}
}

static void remote_update(struct nodes *nodes, struct remote *remote, const struct node_info *info)
{
	struct node_info before = remote->info;

	remote->info = *info;
	remote->info.name = before.name;
	remote->info.id = before.id;
	remote->entry.remote = info->address[FAMILY_V4];
	remote->entry.local = nodes->local.address[FAMILY_V4];
	remote_resolve(nodes, remote);
	remote_set_routes(nodes, remote);
	nodes->events.changed(nodes->userdata, &remote->info);
	delete_routes(nodes, before.pod_cidr);
}

static struct remote *remote_find(const struct nodes *nodes, const char *name)
{
	struct remote *remote;

	HASH_FIND_STR(nodes->remotes, name, remote);
	return remote;
}

static struct remote *remote_new(struct nodes *nodes, const struct node_info *info)
{
	uint16_t id = id_allocate(nodes, &info->address[FAMILY_V4]);
	struct remote *remote;

	if (!id)
		return NULL;
	remote = xnew(struct remote);
	remote->info.name = xstrdup(info->name);
	remote->info.id = id;
	HASH_ADD_KEYPTR(hh, nodes->remotes, remote->info.name, strlen(remote->info.name), remote);
	return remote;
}

static void remote_free(struct nodes *nodes, struct remote *remote)
{
	HASH_DEL(nodes->remotes, remote);
	free(remote->info.name);
	free(remote);
}

/* A node that came back under another name has the same address, which went with its old entry. */
static void rewrite_address(struct nodes *nodes, const struct addr *addr)
{
	struct remote *remote, *next;

	HASH_ITER (hh, nodes->remotes, remote, next) {
		if (addr_equal(&remote->entry.remote, addr))
			remote_write(nodes, remote);
	}
}

static void remote_remove(struct nodes *nodes, struct remote *remote)
{
	struct node_info info = remote->info;
	struct node entry = remote->entry;

	info.name = xstrdup(info.name);
	remote_free(nodes, remote);
	nodes->events.removed(nodes->userdata, &info);
	node_map_clear(nodes->maps, info.id);
	nodes->id_taken[info.id] = false;
	rewrite_address(nodes, &entry.remote);
	delete_routes(nodes, info.pod_cidr);
	free(info.name);
}

/* ── what the store says ── */

static void publish(struct nodes *nodes);

static void publish_due(uv_timer_t *timer)
{
	publish(timer->data);
}

static void publish_done(void *userdata, int result, const struct error *error)
{
	struct nodes *nodes = userdata;

	if (!result && !nodes->published)
		log_info("this node is published as %s", nodes->local.name);
	nodes->published = !result;
	if (!result)
		return;
	log_warning("this node cannot be published, trying again: %s", error->message);
	uv_timer_start(&nodes->publish, publish_due, PUBLISH_RETRY_MS, 0);
}

static void publish(struct nodes *nodes)
{
	_cleanup_free_ char *key = xasprintf(FOLDER "%s", nodes->local.name);
	json_t *value = node_info_to_json(&nodes->local);

	store_put(nodes->store, key, value, publish_done, nodes);
	json_decref(value);
}

/* Refused are nodes that say they are where we are. */
static int check_against_local(const struct nodes *nodes, const struct node_info *info, struct error *error)
{
	char text[PREFIX_TEXT_MAX];

	for (enum family family = 0; family < FAMILIES; family++) {
		const struct prefix *cidr = &info->pod_cidr[family], *own = &nodes->local.pod_cidr[family];

		if (!addr_is_zero(&info->address[family]) &&
		    addr_equal(&info->address[family], &nodes->local.address[family]))
			return error_set(error, -EEXIST, "it has this node's address %s",
			                 addr_format(&info->address[family], text));
		if (cidr->bits && own->bits && prefix_overlaps(cidr, own))
			return error_set(error, -EEXIST, "its pod CIDR %s overlaps this node's: give each its own",
			                 prefix_format(cidr, text));
	}
	return 0;
}

static void local_seen(struct nodes *nodes, const struct node_info *info)
{
	if (nodes->published && !node_info_equal(info, &nodes->local))
		log_error("another node is published under this node's name %s: give each its own node-name",
		          info->name);
}

static void info_seen(struct nodes *nodes, const struct node_info *info)
{
	struct remote *remote = remote_find(nodes, info->name);
	struct error error = {};

	if (remote && node_info_equal(info, &remote->info))
		return;
	if (check_against_local(nodes, info, &error) < 0) {
		log_warning("node %s is ignored: %s", info->name, error.message);
		return;
	}
	if (!remote)
		remote = remote_new(nodes, info);
	if (remote)
		remote_update(nodes, remote, info);
	else
		log_error("node %s is ignored: there are %u others already", info->name, NODE_ID_MAX);
}

static void on_set(void *userdata, const char *key, json_t *value)
{
	struct nodes *nodes = userdata;
	struct node_info info = {};
	struct error error = {};

	if (node_info_parse(key + strlen(FOLDER), value, &info, &error) < 0)
		log_warning("store: %s is ignored: %s", key, error.message);
	else if (!strcmp(info.name, nodes->local.name))
		local_seen(nodes, &info);
	else
		info_seen(nodes, &info);
	free(info.name);
}

static void on_removed(void *userdata, const char *key)
{
	struct nodes *nodes = userdata;
	const char *name = key + strlen(FOLDER);
	struct remote *remote = remote_find(nodes, name);

	if (remote)
		remote_remove(nodes, remote);
	else if (!strcmp(name, nodes->local.name))
		publish(nodes);
}

static void on_synced(void *userdata)
{
	struct nodes *nodes = userdata;
	struct error error = {};

	ids_sweep(nodes);
	overlay_sweep_routes(nodes->netlink, nodes->overlay, cidr_wanted, nodes, &error);
	log_failure(&error);
	if (nodes->events.synced)
		nodes->events.synced(nodes->userdata);
}

static void on_broken(void *userdata, const char *key, const struct error *error)
{
	log_warning("%s", error->message);
}

/* ── what the kernel says ── */

static void look_at_next_hops(struct nodes *nodes)
{
	struct remote *remote, *next;

	HASH_ITER (hh, nodes->remotes, remote, next)
		remote_resolve(nodes, remote);
}

static void look_at_overlay(struct nodes *nodes)
{
	struct remote *remote, *next;
	struct error error = {};

	overlay_set_routers(nodes->netlink, nodes->overlay, &nodes->local, &error);
	log_failure(&error);
	HASH_ITER (hh, nodes->remotes, remote, next)
		remote_set_routes(nodes, remote);
}

static void look_at_addresses(struct nodes *nodes)
{
	struct error error = {};

	local_addresses_refresh(nodes->netlink, nodes->maps, &error);
	log_failure(&error);
}

static void on_settled(uv_timer_t *timer)
{
	struct nodes *nodes = timer->data;
	struct netlink_changes changes = nodes->changes;

	nodes->changes = (struct netlink_changes){};
	if (changes.links || changes.addresses)
		look_at_overlay(nodes);
	if (changes.addresses)
		look_at_addresses(nodes);
	if (changes.links || changes.routes || changes.neighbours)
		look_at_next_hops(nodes);
}

static void on_netlink(uv_poll_t *poll, int status, int events)
{
	struct nodes *nodes = poll->data;
	struct netlink_changes changes;

	if (netlink_watch_read(nodes->netlink_watch, &changes) < 0)
		return;
	nodes->changes.links |= changes.links;
	nodes->changes.addresses |= changes.addresses;
	nodes->changes.routes |= changes.routes;
	nodes->changes.neighbours |= changes.neighbours;
	if (!uv_is_active((uv_handle_t *)&nodes->settle))
		uv_timer_start(&nodes->settle, on_settled, SETTLE_MS, 0);
}

static void on_confirm(uv_timer_t *timer)
{
	struct nodes *nodes = timer->data;
	struct remote *remote, *next;

	look_at_overlay(nodes);
	look_at_addresses(nodes);
	HASH_ITER (hh, nodes->remotes, remote, next) {
		remote_resolve(nodes, remote);
		next_hop_confirm(nodes->netlink, &remote->entry);
	}
}

static void watch_kernel(uv_loop_t *loop, struct nodes *nodes)
{
	struct error error = {};

	if (netlink_watch_open(&nodes->netlink_watch, &error) < 0) {
		log_error("changes are noticed late: %s", error.message);
		return;
	}
	uv_poll_init(loop, &nodes->poll, netlink_watch_fd(nodes->netlink_watch));
	nodes->poll.data = nodes;
	nodes->open_handles++;
	uv_poll_start(&nodes->poll, UV_READABLE, on_netlink);
}

/* ── the whole ── */

static void init_timers(uv_loop_t *loop, struct nodes *nodes)
{
	uv_timer_t *timers[] = {&nodes->settle, &nodes->confirm, &nodes->publish};

	for (size_t i = 0; i < sizeof(timers) / sizeof(*timers); i++) {
		uv_timer_init(loop, timers[i]);
		timers[i]->data = nodes;
		nodes->open_handles++;
	}
	uv_timer_start(&nodes->confirm, on_confirm, CONFIRM_MS, CONFIRM_MS);
}

struct nodes *nodes_new(const struct node_services *services, const struct node_info *local,
                        const struct node_events *events, void *userdata)
{
	static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken};
	struct nodes *nodes = xnew(struct nodes);

	nodes->maps = services->maps;
	nodes->netlink = services->netlink;
	nodes->store = services->store;
	nodes->events = *events;
	nodes->userdata = userdata;
	nodes->overlay = services->underlay->overlay_ifindex;
	nodes->uplink = services->underlay->uplinks[0].ifindex;
	nodes->local = *local;
	nodes->local.id = 0;
	nodes->local.name = xstrdup(local->name);
	init_timers(services->loop, nodes);
	watch_kernel(services->loop, nodes);
	look_at_overlay(nodes);
	look_at_addresses(nodes);
	node_map_each(nodes->maps, visit_entry, nodes);
	nodes->store_watch = store_watch(nodes->store, FOLDER, &watcher, nodes);
	publish(nodes);
	return nodes;
}

static void handle_closed(uv_handle_t *handle)
{
	struct nodes *nodes = handle->data;

	if (--nodes->open_handles)
		return;
	netlink_watch_free(nodes->netlink_watch);
	free(nodes->local.name);
	free(nodes);
}

void nodes_free(struct nodes *nodes)
{
	struct remote *remote, *next_remote;
	struct adopted *adopted, *next_adopted;

	if (!nodes)
		return;
	store_watch_close(nodes->store_watch);
	HASH_ITER (hh, nodes->remotes, remote, next_remote)
		remote_free(nodes, remote);
	HASH_ITER (hh, nodes->adopted, adopted, next_adopted)
		adopted_free(nodes, adopted);
	if (nodes->netlink_watch)
		uv_close((uv_handle_t *)&nodes->poll, handle_closed);
	uv_close((uv_handle_t *)&nodes->settle, handle_closed);
	uv_close((uv_handle_t *)&nodes->confirm, handle_closed);
	uv_close((uv_handle_t *)&nodes->publish, handle_closed);
}

const struct node_info *nodes_find(const struct nodes *nodes, const char *name)
{
	const struct remote *remote;

	if (!strcmp(name, nodes->local.name))
		return &nodes->local;
	remote = remote_find(nodes, name);
	return remote ? &remote->info : NULL;
}

static json_t *node_to_json(const struct node_info *info, json_t *local, json_t *neighbour)
{
	json_t *node = node_info_to_json(info);

	json_object_set_new(node, "id", json_integer(info->id));
	json_object_set_new(node, "local", local);
	json_object_set_new(node, "neighbour", neighbour);
	return node;
}

static int remote_compare(const struct remote *a, const struct remote *b)
{
	return strcmp(a->info.name, b->info.name);
}

json_t *nodes_to_json(const struct nodes *nodes)
{
	struct nodes *sortable = (struct nodes *)nodes;
	struct remote *remote, *next;
	json_t *list = json_array();

	json_array_append_new(list, node_to_json(&nodes->local, json_true(), json_null()));
	HASH_SORT(sortable->remotes, remote_compare);
	HASH_ITER (hh, sortable->remotes, remote, next) {
		bool known = remote->entry.flags & NODE_NEIGHBOUR_KNOWN;

		json_array_append_new(list, node_to_json(&remote->info, json_false(),
		                                         json_string(known ? "resolved" : "unresolved")));
	}
	return list;
}
