/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what is known of addresses to the map, and from this node's endpoints to the store.
 */
#include "agent/ipcache/ipcache.h"

#include <errno.h>
#include <string.h>

#include "agent/ipcache/ip_table.h"
#include "agent/ipcache/publications.h"
#include "base/log.h"
#include "base/memory.h"

#define FOLDER       "ips/"
#define IDENTITY_MAX 0xffffff /* what fits a VNI */

#define KEY_TEXT_MAX (sizeof(FOLDER) + ADDR_TEXT_MAX)

struct ipcache {
	struct ipcache_services services;
	char *node_name;
	struct store_watch *watch;
	struct ipcache_events events;
	void *userdata;
	struct ip_table table;
	struct publications *publications;
	bool ips_synced, nodes_synced, restored;
};

/* ── the map ── */

/* Everything that backs entries has been heard. */
static bool is_settled(const struct ipcache *ipcache)
{
	return ipcache->ips_synced && ipcache->nodes_synced && ipcache->restored;
}

/* False while the entry's node is not known: its packets could not be sent anywhere. */
static bool wanted_value(const struct ipcache *ipcache, const struct ip_entry *entry, struct ipcache_entry *ret)
{
	enum ip_source source = ip_entry_source(entry);
	const struct ip_backing *backing = source < IP_SOURCES ? entry->backing[source] : NULL;
	const struct node_info *node = NULL;

	if (backing && backing->overlay)
		node = nodes_find(ipcache->services.nodes, backing->node);
	if (!backing || (backing->overlay && !node))
		return false;
	*ret = (struct ipcache_entry){.identity = backing->identity, .node = node ? node->id : 0};
	return true;
}

static void log_map_failure(const struct prefix *prefix, int result)
{
	char text[PREFIX_TEXT_MAX];

	log_error("cannot change %s in the ipcache map: %s", prefix_format(prefix, text), strerror(-result));
}

static void entry_write(struct ipcache *ipcache, struct ip_entry *entry, const struct ipcache_entry *value)
{
	struct prefix prefix = ip_entry_prefix(entry);
	int result;

	entry->adopted = false;
	if (entry->in_map && !memcmp(&entry->written, value, sizeof(*value)))
		return;
	result = ipcache_set(ipcache->services.maps, &prefix, value);
	if (result < 0) {
		log_map_failure(&prefix, result);
		return;
	}
	entry->in_map = true;
	entry->written = *value;
	maps_bump_epoch(ipcache->services.maps);
	ipcache->events.upserted(ipcache->userdata, &prefix, value->identity,
	                         entry->backing[ip_entry_source(entry)]->node);
}

static void entry_erase(struct ipcache *ipcache, struct ip_entry *entry)
{
	struct prefix prefix = ip_entry_prefix(entry);
	int result = ipcache_delete(ipcache->services.maps, &prefix);

	if (result < 0) {
		log_map_failure(&prefix, result);
		return;
	}
	entry->in_map = false;
	maps_bump_epoch(ipcache->services.maps);
	ipcache->events.deleted(ipcache->userdata, &prefix);
}

/* Brings the map to what is known of the entry, which may be gone afterwards. */
static void entry_apply(struct ipcache *ipcache, struct ip_entry *entry)
{
	struct ipcache_entry value;

	if (wanted_value(ipcache, entry, &value))
		entry_write(ipcache, entry, &value);
	else if (entry->in_map && (!entry->adopted || is_settled(ipcache)))
		entry_erase(ipcache, entry);
	ip_table_drop(&ipcache->table, entry);
}

static void back(struct ipcache *ipcache, const struct prefix *prefix, enum ip_source source,
                 const struct ip_backing *backing)
{
	struct ip_entry *entry = ip_table_make(&ipcache->table, prefix);

	ip_entry_back(entry, source, backing);
	entry_apply(ipcache, entry);
}

static void unback(struct ipcache *ipcache, const struct prefix *prefix, enum ip_source source)
{
	struct ip_entry *entry = ip_table_find(&ipcache->table, prefix);

	if (!entry)
		return;
	ip_entry_unback(entry, source);
	entry_apply(ipcache, entry);
}

static int visit_map(const struct prefix *prefix, const struct ipcache_entry *value, void *userdata)
{
	struct ipcache *ipcache = userdata;
	struct ip_entry *entry = ip_table_make(&ipcache->table, prefix);

	entry->in_map = entry->adopted = true;
	entry->written = *value;
	return 0;
}

static void settle(struct ipcache *ipcache)
{
	struct ip_entry *entry, *next;

	if (!is_settled(ipcache))
		return;
	HASH_ITER (hh, ipcache->table.entries, entry, next)
		entry_apply(ipcache, entry);
	ipcache->events.settled(ipcache->userdata);
}

static const char *key_of(const struct addr *addr, char key[static KEY_TEXT_MAX])
{
	memcpy(key, FOLDER, sizeof(FOLDER));
	addr_format(addr, key + strlen(FOLDER));
	return key;
}

/* ── nodes ── */

static void back_node_addr(struct ipcache *ipcache, const struct addr *addr, const struct ip_backing *backing)
{
	struct prefix prefix = prefix_of_addr(addr);

	if (!addr_is_zero(addr))
		back(ipcache, &prefix, IP_NODE, backing);
}

static bool addr_has_prefix(const struct addr *addr, const struct prefix *prefix)
{
	return prefix->bits == ADDR_BITS && addr_equal(addr, &prefix->addr);
}

static bool node_has(const struct node_info *node, const struct prefix *prefix)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		const struct prefix *cidr = &node->pod_cidr[family];

		if (addr_has_prefix(&node->address[family], prefix) || addr_has_prefix(&node->router[family], prefix) ||
		    (cidr->bits == prefix->bits && addr_equal(&cidr->addr, &prefix->addr)))
			return true;
	}
	return false;
}

/* Withdraws what the node backed, but for what `now` has still (NULL: nothing), and applies what else lives on it. */
static void look_at_node(struct ipcache *ipcache, const char *name, const struct node_info *now)
{
	struct ip_entry *entry, *next;

	HASH_ITER (hh, ipcache->table.entries, entry, next) {
		struct prefix prefix = ip_entry_prefix(entry);

		if (ip_entry_backed_by(entry, IP_NODE, name) && !(now && node_has(now, &prefix)))
			ip_entry_unback(entry, IP_NODE);
		else if (!ip_entry_backed_by(entry, IP_STORE, name))
			continue;
		entry_apply(ipcache, entry);
	}
}

void ipcache_node_changed(struct ipcache *ipcache, const struct node_info *node)
{
	bool local = !node->id;
	uint32_t identity = local ? IDENTITY_HOST : IDENTITY_REMOTE_NODE;
	/* Pods reach other nodes' own addresses through the overlay too: it says who they are, and needs no masquerade.
	 */
	struct ip_backing behind = {.identity = identity, .node = node->name, .overlay = !local};
	struct ip_backing pods = {.identity = IDENTITY_WORLD, .node = node->name, .overlay = true};

	for (enum family family = 0; family < FAMILIES; family++) {
		back_node_addr(ipcache, &node->address[family], &behind);
		back_node_addr(ipcache, &node->router[family], &behind);
		if (node->pod_cidr[family].bits && !local)
			back(ipcache, &node->pod_cidr[family], IP_NODE, &pods);
	}
	look_at_node(ipcache, node->name, node);
}

void ipcache_node_removed(struct ipcache *ipcache, const struct node_info *node)
{
	look_at_node(ipcache, node->name, NULL);
}

void ipcache_forget_node(struct ipcache *ipcache, const char *name)
{
	struct ip_entry *entry, *next;

	HASH_ITER (hh, ipcache->table.entries, entry, next) {
		struct prefix prefix = ip_entry_prefix(entry);
		char key[KEY_TEXT_MAX];

		if (ip_entry_backed_by(entry, IP_STORE, name))
			store_delete(ipcache->services.store, key_of(&prefix.addr, key), NULL, NULL);
	}
}

void ipcache_nodes_synced(struct ipcache *ipcache)
{
	ipcache->nodes_synced = true;
	settle(ipcache);
}

/* ── this node's endpoints, in the store ── */

/* The caller frees it. NULL: it has none. */
static char *pod_name(const char *space, const char *pod)
{
	return pod ? xasprintf("%s%s%s", space ?: "", space ? "/" : "", pod) : NULL;
}

void ipcache_publish(struct ipcache *ipcache, const struct ipcache_publication *publication)
{
	_cleanup_free_ char *pod = pod_name(publication->namespace, publication->pod);
	struct ip_backing backing = {.identity = publication->identity, .node = ipcache->node_name, .pod = pod};
	struct prefix prefix = prefix_of_addr(&publication->addr);
	char key[KEY_TEXT_MAX];
	json_t *value;

	key_of(&publication->addr, key);
	value = json_pack("{s:s, s:I, s:s, s:s?, s:s?, s:O?}", "address", key + strlen(FOLDER), "identity",
	                  (json_int_t)publication->identity, "node", ipcache->node_name, "pod", publication->pod,
	                  "namespace", publication->namespace, "labels", publication->labels);
	back(ipcache, &prefix, IP_ENDPOINT, &backing);
	publications_set(ipcache->publications, key, value);
}

void ipcache_withdraw(struct ipcache *ipcache, const struct addr *addr)
{
	struct prefix prefix = prefix_of_addr(addr);
	char key[KEY_TEXT_MAX];

	publications_unset(ipcache->publications, key_of(addr, key));
	unback(ipcache, &prefix, IP_ENDPOINT);
}

void ipcache_restored(struct ipcache *ipcache)
{
	ipcache->restored = true;
	publications_settle(ipcache->publications);
	settle(ipcache);
}

/* ── what the store says ── */

static int parse_ip(const char *key, json_t *value, struct prefix *ret_prefix, struct ip_backing *ret,
                    struct error *error)
{
	const char *address = json_string_value(json_object_get(value, "address"));
	const char *node = json_string_value(json_object_get(value, "node"));
	json_int_t identity = json_integer_value(json_object_get(value, "identity"));
	struct addr addr;

	if (!address || strcmp(address, key + strlen(FOLDER)) || addr_parse(address, &addr))
		return error_set(error, -EINVAL, "address must be %s", key + strlen(FOLDER));
	if (!node || !*node)
		return error_set(error, -EINVAL, "node must be the name of a node");
	if (identity < 1 || identity > IDENTITY_MAX)
		return error_set(error, -EINVAL, "identity must be 1 to %u", IDENTITY_MAX);
	*ret_prefix = prefix_of_addr(&addr);
	*ret = (struct ip_backing){.identity = identity, .node = (char *)node, .overlay = true};
	return 0;
}

/* What a node that is gone has left is overwritten by who has the address now. */
static void say_whose(const struct ipcache *ipcache, const char *key, json_t *value, const char *node)
{
	if (publications_get(ipcache->publications, key) && !nodes_find(ipcache->services.nodes, node))
		publications_seen(ipcache->publications, key, value);
	else
		publications_taken(ipcache->publications, key);
}

static void on_set(void *userdata, const char *key, json_t *value)
{
	struct ipcache *ipcache = userdata;
	_cleanup_free_ char *pod = pod_name(json_string_value(json_object_get(value, "namespace")),
	                                    json_string_value(json_object_get(value, "pod")));
	struct ip_backing backing = {};
	struct error error = {};
	struct prefix prefix;

	if (parse_ip(key, value, &prefix, &backing, &error) < 0) {
		log_warning("store: %s is ignored: %s", key, error.message);
		publications_gone(ipcache->publications, key);
		return;
	}
	if (!strcmp(backing.node, ipcache->node_name)) {
		unback(ipcache, &prefix, IP_STORE);
		publications_seen(ipcache->publications, key, value);
		return;
	}
	backing.pod = pod;
	say_whose(ipcache, key, value, backing.node);
	back(ipcache, &prefix, IP_STORE, &backing);
	if (publications_get(ipcache->publications, key))
		log_error("store: node %s publishes %s, which is an endpoint of this node: give each node its own "
		          "pod CIDRs",
		          backing.node, key + strlen(FOLDER));
}

static void on_removed(void *userdata, const char *key)
{
	struct ipcache *ipcache = userdata;
	struct prefix prefix;

	publications_gone(ipcache->publications, key);
	if (!prefix_parse(key + strlen(FOLDER), &prefix))
		unback(ipcache, &prefix, IP_STORE);
}

static void on_synced(void *userdata)
{
	struct ipcache *ipcache = userdata;

	ipcache->ips_synced = true;
	settle(ipcache);
}

/* One of ours is written again. */
static void on_broken(void *userdata, const char *key, const struct error *error)
{
	const struct ipcache *ipcache = userdata;

	log_warning("%s", error->message);
	publications_gone(ipcache->publications, key);
}

static void on_renewed(void *userdata)
{
	struct ipcache *ipcache = userdata;

	publications_renew(ipcache->publications);
}

/* ── the whole ── */

static void back_world(struct ipcache *ipcache)
{
	const struct ip_backing world = {.identity = IDENTITY_WORLD};
	const struct prefix v4 = {.addr = addr_from_v4(0), .bits = ADDR_V4_PREFIX_BITS}, v6 = {};

	back(ipcache, &v4, IP_RESERVED, &world);
	back(ipcache, &v6, IP_RESERVED, &world);
}

struct ipcache *ipcache_new(const struct ipcache_services *services, const char *node_name,
                            const struct ipcache_events *events, void *userdata)
{
	static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken, on_renewed};
	struct ipcache *ipcache = xnew(struct ipcache);
	int result;

	ipcache->services = *services;
	ipcache->node_name = xstrdup(node_name);
	ipcache->events = *events;
	ipcache->userdata = userdata;
	ipcache->publications = publications_new(services->loop, services->store, store_put);
	result = ipcache_each(services->maps, visit_map, ipcache);
	if (result < 0)
		log_error("cannot read the ipcache map: %s", strerror(-result));
	back_world(ipcache);
	ipcache_node_changed(ipcache, nodes_find(services->nodes, node_name));
	ipcache->watch = store_watch(services->store, FOLDER, &watcher, ipcache);
	return ipcache;
}

void ipcache_free(struct ipcache *ipcache)
{
	if (!ipcache)
		return;
	store_watch_close(ipcache->watch);
	ip_table_clear(&ipcache->table);
	publications_free(ipcache->publications);
	free(ipcache->node_name);
	free(ipcache);
}

void ipcache_each_identity(const struct ipcache *ipcache, void (*each)(void *userdata, uint32_t identity),
                           void *userdata)
{
	const struct ip_entry *entry;

	for (entry = ipcache->table.entries; entry; entry = entry->hh.next) {
		for (enum ip_source source = 0; source < IP_SOURCES; source++) {
			if (entry->backing[source])
				each(userdata, entry->backing[source]->identity);
		}
	}
}

static json_t *entry_to_json(const struct ipcache *ipcache, const struct ip_entry *entry)
{
	static const char *const names[] = IP_SOURCE_NAMES;
	enum ip_source source = ip_entry_source(entry);
	const struct ip_backing *backing = entry->backing[source];
	struct prefix prefix = ip_entry_prefix(entry);
	json_t *labels = identity_labels(ipcache->services.identities, backing->identity);
	char text[PREFIX_TEXT_MAX];

	return json_pack("{s:s, s:I, s:o, s:s, s:s?, s:s?}", "cidr", prefix_format(&prefix, text), "identity",
	                 (json_int_t)backing->identity, "labels", labels ? json_incref(labels) : json_array(), "source",
	                 names[source], "node", backing->node, "pod", backing->pod);
}

json_t *ipcache_to_json(const struct ipcache *ipcache)
{
	struct ipcache *sortable = (struct ipcache *)ipcache;
	struct ip_entry *entry, *next;
	json_t *list = json_array();

	ip_table_sort(&sortable->table);
	HASH_ITER (hh, sortable->table.entries, entry, next) {
		if (entry->in_map && ip_entry_source(entry) != IP_SOURCES)
			json_array_append_new(list, entry_to_json(ipcache, entry));
	}
	return list;
}
