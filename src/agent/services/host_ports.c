/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host ports of pods: a record per pod, like one made by hand. Unlike services, which may come in any order and are
 * told of conflicts later, a pod is refused.
 *
 * The pod's node serves them to everybody, at all of its addresses. It says so in the store, as what the pod has asked
 * for ("hostports/NODE/ENDPOINT"), so that the other nodes, too, send their own pods and processes to the pod itself,
 * as its identity. What a node says stays while its agent is away, and goes when the node is forgotten.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "agent/ipcache/publications.h"
#include "agent/services/internal.h"
#include "base/memory.h"
#include "service/parse.h"

static char *own_key(const struct services *services, uint16_t endpoint)
{
	return xasprintf(HOST_PORT_KEYS "%s/%u", services->viewer.node, endpoint);
}

/* "node-1/" of "hostports/node-1/7" */
static bool is_of_node(const char *key, const char *node)
{
	size_t before = strlen(HOST_PORT_KEYS), length = strlen(node);

	return !strncmp(key, HOST_PORT_KEYS, before) && !strncmp(key + before, node, length) &&
	       key[before + length] == '/';
}

/* Takes over service and slice. */
static struct record *put(struct services *services, const char *key, const char *pod, struct service_spec *service,
                          struct service_slice *slice)
{
	struct record *record = record_set(services, key, service, slice);

	free(record->pod);
	record->pod = xstrdup(pod);
	record->elsewhere = !is_of_node(key, services->viewer.node);
	return record;
}

/* ── who has it already ── */

/* As host ports, which are both met at this node's addresses. */
static bool overlap(const struct service_key *a, const struct service_key *b)
{
	return a->port == b->port && a->protocol == b->protocol && addr_is_v4(&a->addr) == addr_is_v4(&b->addr) &&
	       (addr_is_any(&a->addr) || addr_is_any(&b->addr) || addr_equal(&a->addr, &b->addr));
}

/* Other services have addresses that are not this node's, which its host ports leave alone. */
static bool is_taken(const struct frontend *frontend, const struct service_key *wanted)
{
	bool apart = frontend->owner->elsewhere ||
	             (frontend->type != SERVICE_HOST_PORT && !addr_is_any(&frontend->key.addr));

	return apart ? !memcmp(&frontend->key, wanted, sizeof(*wanted)) : overlap(&frontend->key, wanted);
}

static int check_free(const struct services *services, const char *key, const struct service_key *wanted,
                      struct error *error)
{
	const struct frontend *frontend;
	char text[SERVICE_KEY_TEXT_MAX];

	for (frontend = services->frontends; frontend; frontend = frontend->hh.next)
		if (frontend->owner && strcmp(frontend->owner->key, key) != 0 && is_taken(frontend, wanted))
			return error_set(error, -EEXIST,
			                 "host port %s is served for the %s %s already: choose another one, or "
			                 "another node",
			                 service_key_format(&frontend->key, text), record_kind(frontend->owner),
			                 record_name(frontend->owner));
	return 0;
}

static int find_addr(const struct addr *addr, const struct local_addr *local, void *userdata)
{
	return !local->endpoint && addr_equal(addr, userdata);
}

static int check_is_ours(const struct services *services, const struct addr *addr, struct error *error)
{
	bool general = addr_is_any(addr) || addr_is_loopback(addr);
	struct addr wanted = *addr;
	char text[ADDR_TEXT_MAX];
	int r = general ? 1 : local_map_each(services->needs.maps, find_addr, &wanted);

	if (r < 0)
		return error_set_errno(error, r, "reading which addresses this node has");
	return r ? 0
	         : error_set(error, -EINVAL, "host ports cannot be at %s, which is no address of this node",
	                     addr_format(addr, text));
}

static struct service_key key_of(const struct service_spec *service, size_t index)
{
	const struct service_frontend *frontend = &service->frontends[index];

	return frontend_key(&frontend->addr, frontend->port, service->ports[frontend->of].protocol);
}

static int check_all(const struct services *services, const char *key, const struct service_spec *service,
                     struct error *error)
{
	char text[SERVICE_KEY_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < service->frontend_count && !r; i++) {
		struct service_key wanted = key_of(service, i);

		for (size_t j = 0; j < i; j++) {
			struct service_key other = key_of(service, j);

			if (overlap(&wanted, &other))
				return error_set(error, -EINVAL, "host port %s is there twice",
				                 service_key_format(&wanted, text));
		}
		r = check_is_ours(services, &wanted.addr, error);
		if (!r)
			r = check_free(services, key, &wanted, error);
	}
	return r;
}

/* ── this node's pods ── */

static int parse(const struct services_pod *pod, struct service_spec **ret_service, struct service_slice **ret_slice,
                 struct error *error)
{
	struct host_port_place place = {.here = true, .node = {addr_from_v4(0)}};

	memcpy(place.pod, pod->addr, sizeof(place.pod));
	return host_ports_parse(pod->mappings, &place, ret_service, ret_slice, error);
}

static json_t *addrs_to_json(const struct addr addrs[static FAMILIES])
{
	json_t *list = json_array();
	char text[ADDR_TEXT_MAX];

	for (enum family family = 0; family < FAMILIES; family++)
		if (!addr_is_zero(&addrs[family]))
			json_array_append_new(list, json_string(addr_format(&addrs[family], text)));
	return list;
}

static void publish(struct services *services, const char *key, const struct services_pod *pod)
{
	publications_set(services->host_ports, key,
	                 json_pack("{s:s, s:s, s:o, s:o, s:O}", "node", services->viewer.node, "pod", pod->name,
	                           "node-addresses", addrs_to_json(services->needs.node), "addresses",
	                           addrs_to_json(pod->addr), "port-mappings", pod->mappings));
}

int services_take_host_ports(struct services *services, const struct services_pod *pod, struct error *error)
{
	_cleanup_(service_spec_freep) struct service_spec *service = NULL;
	_cleanup_(service_slice_freep) struct service_slice *slice = NULL;
	_cleanup_free_ char *key = own_key(services, pod->endpoint);
	struct record *record;
	int r = parse(pod, &service, &slice, error);

	if (!r && services->unsynced)
		r = error_set(error, -EAGAIN, "which host ports are free is not known yet: try again later");
	if (!r)
		r = check_all(services, key, service, error);
	if (r)
		return r;
	record = put(services, key, pod->name, TAKE_PTR(service), TAKE_PTR(slice));
	services_apply(services);
	if (record->trouble) {
		r = error_set(error, record->trouble->code, "%s", record->trouble->message);
		services_release_host_ports(services, pod->endpoint);
		return r;
	}
	publish(services, key, pod);
	return 0;
}

int services_restore_host_ports(struct services *services, const struct services_pod *pod, struct error *error)
{
	_cleanup_free_ char *key = own_key(services, pod->endpoint);
	struct service_spec *service;
	struct service_slice *slice;
	int r = parse(pod, &service, &slice, error);

	if (r)
		return r;
	put(services, key, pod->name, service, slice);
	publish(services, key, pod);
	return 0;
}

void services_restored(struct services *services)
{
	publications_settle(services->host_ports);
}

void services_release_host_ports(struct services *services, uint16_t endpoint)
{
	_cleanup_free_ char *key = own_key(services, endpoint);

	publications_unset(services->host_ports, key);
	record_remove(services, key);
	if (!services->unsynced)
		services_apply(services);
}

/* ── what the store says of others' ── */

static int read_addrs(json_t *value, const char *name, struct addr ret[static FAMILIES], struct error *error)
{
	json_t *list = json_object_get(value, name), *item;
	struct addr addr;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item);

		if (!text || addr_parse(text, &addr))
			return error_set(error, -EINVAL, "%s[%zu] must be an address", name, i);
		ret[addr_is_v4(&addr) ? FAMILY_V4 : FAMILY_V6] = addr;
	}
	return 0;
}

static int take_elsewhere(struct services *services, const char *key, json_t *value, struct error *error)
{
	const char *pod = json_string_value(json_object_get(value, "pod"));
	struct host_port_place place = {};
	struct service_spec *service;
	struct service_slice *slice;
	int r = read_addrs(value, "addresses", place.pod, error);

	if (!r)
		r = read_addrs(value, "node-addresses", place.node, error);
	if (!r)
		r = host_ports_parse(json_object_get(value, "port-mappings"), &place, &service, &slice, error);
	if (!r)
		put(services, key, pod ?: key + strlen(HOST_PORT_KEYS), service, slice);
	return r;
}

int host_ports_told(struct services *services, const char *key, json_t *value, struct error *error)
{
	if (!is_of_node(key, services->viewer.node))
		return take_elsewhere(services, key, value, error);
	publications_seen(services->host_ports, key, value);
	return 0;
}

bool host_ports_untold(struct services *services, const char *key)
{
	bool own = is_of_node(key, services->viewer.node);

	if (own)
		publications_gone(services->host_ports, key);
	return own;
}

void services_forget_node(struct services *services, const char *node)
{
	const struct record *record;

	for (record = services->records; record; record = record->hh.next)
		if (is_of_node(record->key, node))
			store_delete(services->needs.store, record->key, NULL, NULL);
}
