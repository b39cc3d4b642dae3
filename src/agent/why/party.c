/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is meant by a word: looked for among all that the agent knows, so that a word which means two is refused.
 */
#include <errno.h>
#include <string.h>

#include "agent/why/internal.h"
#include "base/memory.h"

/* Stand for the world: of documentation, nobody has them (RFC 5737, RFC 3849). */
static const char *const world_addresses[FAMILIES] = {"203.0.113.1", "2001:db8::1"};

struct search {
	const struct why_services *services;
	const char *text;
	bool is_addr;
	struct addr addr;
	struct party *party; /* what was found; its name is NULL until then */
	char *second;        /* another that the word means */
};

static enum family family_of(const struct addr *addr)
{
	return addr_is_v4(addr) ? FAMILY_V4 : FAMILY_V6;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void set_labels(struct party *party, json_t *labels)
{
	json_decref(party->labels);
	label_set_clear(&party->label_set);
	party->labels = json_is_array(labels) ? json_incref(labels) : json_array();
	label_set_read(party->labels, &party->label_set, NULL);
}

static void set_reserved_labels(struct party *party)
{
	json_t *labels = json_array();

	switch (party->identity) {
#define X(symbol, number, name)                                               \
	case number:                                                          \
		json_array_append_new(labels, json_string("reserved:" name)); \
		break;
		RESERVED_IDENTITIES(X)
#undef X
	default:
		break;
	}
	set_labels(party, labels);
	json_decref(labels);
}

/* The first with this name, or the same again. */
static bool is_new(struct search *search, const char *name)
{
	if (!search->party->name) {
		search->party->name = xstrdup(name);
		return true;
	}
	if (strcmp(search->party->name, name) && !search->second)
		search->second = xstrdup(name);
	return false;
}

static bool is_named(const char *text, const char *space, const char *pod)
{
	size_t length = space ? strlen(space) : 0;

	if (!pod)
		return false;
	if (!strchr(text, '/'))
		return !strcmp(text, pod);
	return space && !strncmp(text, space, length) && text[length] == '/' && !strcmp(text + length + 1, pod);
}

/* ── pods of this node ── */

static void read_addresses(const json_t *endpoint, struct addr ret[static FAMILIES])
{
	const char *v4 = text_of(endpoint, "ipv4"), *v6 = text_of(endpoint, "ipv6");

	if (v4)
		addr_parse(v4, &ret[FAMILY_V4]);
	if (v6)
		addr_parse(v6, &ret[FAMILY_V6]);
}

static bool is_endpoint(const struct search *search, const json_t *endpoint,
                        const struct addr addresses[static FAMILIES])
{
	char id[24];

	if (search->is_addr)
		return addr_equal(&search->addr, &addresses[family_of(&search->addr)]);
	snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(endpoint, "id")));
	return !strcmp(search->text, id) ||
	       is_named(search->text, text_of(endpoint, "namespace"), text_of(endpoint, "pod"));
}

/* "default/web", or "endpoint 7" where no pod was named. */
static char *endpoint_name(const json_t *endpoint)
{
	const char *pod = text_of(endpoint, "pod"), *space = text_of(endpoint, "namespace");

	if (!pod)
		return xasprintf("endpoint %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(endpoint, "id")));
	return xasprintf("%s%s%s", space ?: "", space ? "/" : "", pod);
}

static void fill_endpoint(struct search *search, const json_t *endpoint, const struct addr addresses[static FAMILIES])
{
	struct party *party = search->party;
	const char *mac = text_of(endpoint, "mac"), *host_mac = text_of(endpoint, "host-mac");

	party->kind = PARTY_POD;
	party->node = xstrdup(search->services->config->node_name);
	memcpy(party->addresses, addresses, sizeof(party->addresses));
	party->endpoint = (uint16_t)json_integer_value(json_object_get(endpoint, "id"));
	party->identity = (uint32_t)json_integer_value(json_object_get(endpoint, "identity"));
	party->ifindex = (uint32_t)json_integer_value(json_object_get(endpoint, "ifindex"));
	snprintf(party->device, sizeof(party->device), "%s", text_of(endpoint, "device") ?: "");
	if (mac)
		mac_parse(mac, party->mac);
	if (host_mac)
		mac_parse(host_mac, party->host_mac);
	set_labels(party, json_object_get(endpoint, "labels"));
}

static void search_endpoints(struct search *search)
{
	json_auto_t *endpoints = endpoints_to_json(search->services->endpoints);
	json_t *endpoint;
	size_t i;

	json_array_foreach (endpoints, i, endpoint) {
		struct addr addresses[FAMILIES] = {};
		_cleanup_free_ char *name = endpoint_name(endpoint);

		read_addresses(endpoint, addresses);
		if (!json_integer_value(json_object_get(endpoint, "id")) || /* the host itself */
		    !is_endpoint(search, endpoint, addresses))
			continue;
		if (is_new(search, name))
			fill_endpoint(search, endpoint, addresses);
	}
}

/* ── who is somewhere else, by what the ipcache knows ── */

/* The pod has an entry for each of its addresses. */
static void fill_remote_pod(struct search *search, const json_t *ip, const struct addr *addr, const char *name)
{
	struct party *party = search->party;

	if (is_new(search, name)) {
		party->kind = PARTY_REMOTE_POD;
		party->node = xstrdup(text_of(ip, "node") ?: "?");
		party->identity = (uint32_t)json_integer_value(json_object_get(ip, "identity"));
		set_labels(party, json_object_get(ip, "labels"));
	}
	if (party->kind == PARTY_REMOTE_POD && !strcmp(party->name, name))
		party->addresses[family_of(addr)] = *addr;
}

static void search_remote_pods(struct search *search)
{
	json_auto_t *ips = ipcache_to_json(search->services->ipcache);
	json_t *ip;
	size_t i;

	json_array_foreach (ips, i, ip) {
		const char *pod = text_of(ip, "pod"), *cidr = text_of(ip, "cidr"), *slash;
		struct prefix prefix;

		if (!cidr || prefix_parse(cidr, &prefix) || prefix.bits != ADDR_BITS ||
		    strcmp(text_of(ip, "source") ?: "", "store"))
			continue;
		slash = pod ? strchr(pod, '/') : NULL;
		if (search->is_addr
		            ? addr_equal(&search->addr, &prefix.addr)
		            : pod && (!strcmp(search->text, pod) || (slash && !strcmp(search->text, slash + 1))))
			fill_remote_pod(search, ip, &prefix.addr, pod ?: search->text);
	}
}

static void fill_node(struct search *search, const struct node_info *node)
{
	struct party *party = search->party;

	if (!is_new(search, node->name))
		return;
	party->kind = node->id ? PARTY_REMOTE_NODE : PARTY_HOST;
	party->node = xstrdup(node->name);
	party->identity = node->id ? IDENTITY_REMOTE_NODE : IDENTITY_HOST;
	memcpy(party->addresses, node->address, sizeof(party->addresses));
	set_reserved_labels(party);
}

/* A node by one of its addresses, of which the ipcache says whose they are. */
static void search_node_address(struct search *search)
{
	json_auto_t *ips = ipcache_to_json(search->services->ipcache);
	json_t *ip;
	size_t i;

	json_array_foreach (ips, i, ip) {
		json_int_t identity = json_integer_value(json_object_get(ip, "identity"));
		const char *cidr = text_of(ip, "cidr"), *name = text_of(ip, "node");
		const struct node_info *node = name ? nodes_find(search->services->nodes, name) : NULL;
		struct prefix prefix;

		if (!node || (identity != IDENTITY_HOST && identity != IDENTITY_REMOTE_NODE) ||
		    prefix_parse(cidr ?: "", &prefix) || prefix.bits != ADDR_BITS ||
		    !addr_equal(&prefix.addr, &search->addr))
			continue;
		fill_node(search, node);
		search->party->addresses[family_of(&search->addr)] = search->addr;
	}
}

static void search_nodes(struct search *search)
{
	const struct why_services *services = search->services;
	bool here = !strcmp(search->text, "host");
	const struct node_info *node = nodes_find(services->nodes, here ? services->config->node_name : search->text);

	if (search->is_addr)
		search_node_address(search);
	else if (node)
		fill_node(search, node);
}

/* ── the world ── */

static void fill_world(struct search *search)
{
	struct party *party = search->party;
	struct ipcache_entry entry = {.identity = IDENTITY_WORLD};

	party->kind = PARTY_WORLD;
	party->name = xstrdup(search->text);
	party->example = !search->is_addr;
	if (search->is_addr) {
		party->addresses[family_of(&search->addr)] = search->addr;
		ipcache_get(datapath_maps(search->services->datapath), &search->addr, &entry);
	} else {
		addr_parse(world_addresses[FAMILY_V4], &party->addresses[FAMILY_V4]);
		addr_parse(world_addresses[FAMILY_V6], &party->addresses[FAMILY_V6]);
	}
	party->identity = entry.identity;
	set_reserved_labels(party);
}

/* ── all of them ── */

static int search_all(struct search *search, struct error *error)
{
	if (!strcmp(search->text, "world")) {
		fill_world(search);
		return 0;
	}
	search_endpoints(search);
	if (!search->is_addr || !search->party->name)
		search_remote_pods(search);
	if (!search->is_addr || !search->party->name)
		search_nodes(search);
	if (search->second)
		return error_set(error, -EINVAL,
		                 "'%s' is both %s and %s: name a pod as NAMESPACE/NAME, or give an address",
		                 search->text, search->party->name, search->second);
	if (!search->party->name && search->is_addr)
		fill_world(search);
	if (!search->party->name)
		return error_set(error, -ENOENT, "there is no pod, endpoint, node or address '%s'", search->text);
	return 0;
}

int party_find(const struct why_services *services, const char *text, struct party *ret, struct error *error)
{
	struct search search = {.services = services, .text = text, .party = ret};
	int r;

	search.is_addr = !addr_parse(text, &search.addr);
	r = search_all(&search, error);
	free(search.second);
	/* A question about one address is about its family. */
	if (!r && search.is_addr)
		ret->addresses[!family_of(&search.addr)] = (struct addr){};
	return r;
}

void party_clear(struct party *party)
{
	free(party->name);
	free(party->node);
	label_set_clear(&party->label_set);
	json_decref(party->labels);
	*party = (struct party){};
}

static bool have(const struct party *source, const struct party *destination, enum family family)
{
	return !addr_is_zero(&source->addresses[family]) && !addr_is_zero(&destination->addresses[family]);
}

int parties_choose_family(struct party *source, struct party *destination, uint8_t family, struct error *error)
{
	enum family chosen = family == 6 || (!family && !have(source, destination, FAMILY_V4)) ? FAMILY_V6 : FAMILY_V4;

	if (!have(source, destination, chosen)) {
		if (family)
			return error_set(error, -EINVAL, "%s and %s do not both have an IPv%u address", source->name,
			                 destination->name, family);
		return error_set(error, -EINVAL, "%s and %s have no addresses of the same family", source->name,
		                 destination->name);
	}
	source->addr = source->addresses[chosen];
	destination->addr = destination->addresses[chosen];
	return 0;
}

json_t *party_to_json(const struct party *party)
{
	static const char *const kinds[] = {"pod", "pod", "host", "node", "world"};
	char text[ADDR_TEXT_MAX];

	return json_pack("{s:s, s:s, s:s?, s:s, s:I, s:O, s:o}", "kind", kinds[party->kind], "name", party->name,
	                 "node", party->node, "address", addr_format(&party->addr, text), "identity",
	                 (json_int_t)party->identity, "labels", party->labels, "endpoint",
	                 party->endpoint ? json_integer(party->endpoint) : json_null());
}
