/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/masquerade.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "datapath/nat_table.h"
#include "net/link.h"
#include "net/route.h"

/* A router with the whole internet in its table: routes beyond these leave as the default one says. */
#define ENTRIES_MAX 2048

struct entry {
	uint32_t uplink;
	struct prefix prefix;
	struct addr source;
	bool in_map;
};

struct list {
	struct entry *entries;
	size_t count;
};

static void list_clear(const struct list *list)
{
	free(list->entries);
}

static struct entry *list_find(const struct list *list, uint32_t uplink, const struct prefix *prefix)
{
	for (size_t i = 0; i < list->count; i++) {
		struct entry *entry = &list->entries[i];

		if (entry->uplink == uplink && entry->prefix.bits == prefix->bits &&
		    addr_equal(&entry->prefix.addr, &prefix->addr))
			return entry;
	}
	return NULL;
}

/* The first to say it is right. */
static void list_add(struct list *list, uint32_t uplink, const struct prefix *prefix, const struct addr *source)
{
	const struct entry entry = {.uplink = uplink, .prefix = *prefix, .source = *source}; /* may be the list's own */

	if (list->count == ENTRIES_MAX || list_find(list, uplink, prefix))
		return;
	list->entries = xrealloc(list->entries, (list->count + 1) * sizeof(*list->entries));
	list->entries[list->count++] = entry;
}

/* ── what the kernel says ── */

struct search {
	const struct underlay *underlay;
	struct list *list;
};

static bool is_uplink(const struct underlay *underlay, uint32_t ifindex)
{
	for (size_t i = 0; i < underlay->uplink_count; i++)
		if (underlay->uplinks[i].ifindex == ifindex)
			return true;
	return false;
}

/* The one of our addresses on the uplink that shares its subnet with the gateway. */
static const struct addr *source_beside(const struct list *list, uint32_t uplink, const struct addr *gateway)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->entries[i].uplink == uplink && prefix_contains(&list->entries[i].prefix, gateway))
			return &list->entries[i].source;
	return NULL;
}

static int visit_route(const struct route *route, void *userdata)
{
	struct search *search = userdata;
	const struct addr *source = &route->source;

	if (!is_uplink(search->underlay, route->ifindex))
		return 0;
	if (addr_is_zero(source))
		source = source_beside(search->list, route->ifindex, &route->gateway);
	if (source)
		list_add(search->list, route->ifindex, &route->destination, source);
	return 0;
}

static int visit_subnet(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata)
{
	struct search *search = userdata;
	struct prefix subnet = prefix_around(addr, prefix_bits);

	if (is_uplink(search->underlay, ifindex) && underlay_can_use(addr))
		list_add(search->list, ifindex, &subnet, addr);
	return 0;
}

/* An address serves the rest of its kind of addresses, as RFC 6724 would have it, and what nothing else serves. */
static int visit_rest(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata)
{
	static const char *const kinds[] = {"0.0.0.0/0", "2000::/3", "fc00::/7"};
	struct search *search = userdata;
	struct prefix prefix;

	if (!is_uplink(search->underlay, ifindex) || !underlay_can_use(addr))
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		prefix_parse(kinds[i], &prefix);
		if (prefix_contains(&prefix, addr))
			list_add(search->list, ifindex, &prefix, addr);
	}
	if (!addr_is_v4(addr))
		list_add(search->list, ifindex, &(struct prefix){}, addr);
	return 0;
}

/* The first address of a pod CIDR is the router's (ipam.h), whether it is on a device or not. */
static void add_routers(struct list *list, const struct prefix pod_cidr[FAMILIES])
{
	for (enum family family = 0; family < FAMILIES; family++) {
		struct addr router = addr_add(&pod_cidr[family].addr, 1);
		struct prefix all = {};

		if (family == FAMILY_V4)
			prefix_parse("0.0.0.0/0", &all);
		if (pod_cidr[family].bits)
			list_add(list, MASQUERADE_TO_NODES, &all, &router);
	}
}

static int find_sources(const struct node_services *services, struct list *list)
{
	struct search search = {.underlay = services->underlay, .list = list};
	int r = link_each_address(services->netlink, 0, visit_subnet, &search);

	if (!r)
		r = route_each(services->netlink, visit_route, &search);
	if (!r)
		r = link_each_address(services->netlink, 0, visit_rest, &search);
	return r;
}

/* ── what the configuration says ── */

uint8_t masquerade_families(const struct config *config)
{
	static const uint8_t families[] = {
		[MASQUERADE_TRUE] = MASQUERADE_V4 | MASQUERADE_V6,
		[MASQUERADE_FALSE] = 0,
		[MASQUERADE_IPV4] = MASQUERADE_V4,
		[MASQUERADE_IPV6] = MASQUERADE_V6,
	};

	return families[config->masquerade];
}

size_t masquerade_excluded(const struct config *config, const struct prefix pod_cidr[FAMILIES],
                           struct prefix ret[MASQUERADE_EXCLUDED_MAX])
{
	size_t count = 0;

	for (enum family family = 0; family < FAMILIES; family++) {
		const struct prefix *pods =
			config->pool_cidr[family].bits ? &config->pool_cidr[family] : &pod_cidr[family];

		if (pods->bits)
			ret[count++] = *pods;
	}
	for (const struct prefix *prefix = config->non_masquerade; prefix->bits; prefix++)
		ret[count++] = *prefix;
	return count;
}

/* ── the map ── */

static int visit_map(uint32_t ifindex, const struct prefix *prefix, const struct addr *source, void *userdata)
{
	list_add(userdata, ifindex, prefix, source);
	return 0;
}

/* Marks what is there already. */
static int remove_unwanted(const struct maps *maps, const struct list *wanted, const struct list *there, bool *changed)
{
	for (size_t i = 0; i < there->count; i++) {
		const struct entry *entry = &there->entries[i];
		struct entry *want = list_find(wanted, entry->uplink, &entry->prefix);
		int r;

		if (want) {
			want->in_map = addr_equal(&want->source, &entry->source);
			continue;
		}
		r = masquerade_delete(maps, entry->uplink, &entry->prefix);
		if (r)
			return r;
		*changed = true;
	}
	return 0;
}

static int add_wanted(const struct maps *maps, const struct list *wanted, bool *changed)
{
	for (size_t i = 0; i < wanted->count; i++) {
		const struct entry *want = &wanted->entries[i];
		int r;

		if (want->in_map)
			continue;
		r = masquerade_set(maps, want->uplink, &want->prefix, &want->source);
		if (r)
			return r;
		*changed = true;
	}
	return 0;
}

int masquerade_refresh(const struct node_services *services, const struct prefix pod_cidr[FAMILIES],
                       struct error *error)
{
	static const struct addr none;
	_cleanup_(list_clear) struct list wanted = {}, there = {};
	struct prefix excluded[MASQUERADE_EXCLUDED_MAX];
	size_t count = masquerade_excluded(services->config, pod_cidr, excluded);
	bool changed = false;
	int r;

	for (size_t i = 0; i < count; i++)
		list_add(&wanted, 0, &excluded[i], &none);
	add_routers(&wanted, pod_cidr);
	r = find_sources(services, &wanted);
	if (!r)
		r = masquerade_each(services->maps, visit_map, &there);
	if (!r)
		r = remove_unwanted(services->maps, &wanted, &there, &changed);
	if (!r)
		r = add_wanted(services->maps, &wanted, &changed);
	if (changed)
		maps_bump_epoch(services->maps);
	return r ? error_set_errno(error, r, "cannot keep the addresses current that pods are masqueraded as") : 0;
}
