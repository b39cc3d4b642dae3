/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the nodes' health, judged and shown: docs/api.md.
 */
#include "agent/health/table.h"

#include <string.h>

#include "base/clock.h"

const char *const health_place_names[PLACES] = {"host", "endpoint"};
const char *const health_probe_names[PROBE_KINDS] = {"icmp", "http"};

/* ── judged ── */

bool health_address_good(const struct health_address *address)
{
	if (addr_is_zero(&address->addr))
		return true;
	for (size_t kind = 0; kind < PROBE_KINDS; kind++) {
		if (!address->checks[kind].good)
			return false;
	}
	return true;
}

bool health_place_good(const struct health_node *node, enum health_place place)
{
	const struct health_address *addresses = node->addresses[place];

	return health_address_good(&addresses[FAMILY_V4]) && health_address_good(&addresses[FAMILY_V6]);
}

bool health_node_good(const struct health_node *node)
{
	return health_place_good(node, PLACE_HOST) && health_place_good(node, PLACE_ENDPOINT);
}

struct health_summary health_summarise(const struct health *health)
{
	struct health_summary summary = {.oldest = health->nodes ? health->nodes->probed : 0};
	const struct health_node *node;

	for (node = health->nodes; node; node = node->hh.next) {
		summary.nodes++;
		summary.reachable += health_node_good(node);
		if (node->probed < summary.oldest)
			summary.oldest = node->probed;
	}
	return summary;
}

static void each_of_address(const struct health_address *address, struct health_path *path,
                            void (*each)(const struct health_path *path, void *userdata), void *userdata)
{
	for (size_t kind = 0; kind < PROBE_KINDS; kind++) {
		const struct health_check *check = &address->checks[kind];

		if (!check->known)
			continue;
		path->probe = health_probe_names[kind];
		path->reachable = check->good;
		path->rtt = check->rtt;
		each(path, userdata);
	}
}

void health_each_path(const struct health *health, void (*each)(const struct health_path *path, void *userdata),
                      void *userdata)
{
	const struct health_node *node;

	for (node = health->nodes; node; node = node->hh.next) {
		struct health_path path = {.node = node->name};

		for (enum health_place place = 0; place < PLACES; place++) {
			path.place = health_place_names[place];
			for (path.family = 0; path.family < FAMILIES; path.family++)
				each_of_address(&node->addresses[place][path.family], &path, each, userdata);
		}
	}
}

/* ── shown ── */

static json_t *time_to_json(time_t when)
{
	char text[CLOCK_TEXT_MAX];

	return when ? json_string(clock_format(when, text)) : json_null();
}

static json_t *check_to_json(const struct health_check *check)
{
	if (!check->known)
		return json_null();
	return json_pack("{s:b, s:o, s:o, s:i, s:s?}", "reachable", check->good, "since", time_to_json(check->since),
	                 "rtt", check->good ? json_integer((json_int_t)check->rtt) : json_null(), "lost", check->lost,
	                 "error", check->error);
}

static json_t *address_to_json(const struct health_address *address)
{
	char text[ADDR_TEXT_MAX];
	json_t *json = json_pack("{s:s}", "address", addr_format(&address->addr, text));

	for (size_t kind = 0; kind < PROBE_KINDS; kind++)
		json_object_set_new(json, health_probe_names[kind], check_to_json(&address->checks[kind]));
	return json;
}

static json_t *node_to_json(const struct health_node *node, bool local)
{
	json_t *json = json_pack("{s:s, s:b, s:b, s:o}", "name", node->name, "local", local, "reachable",
	                         health_node_good(node), "probed", time_to_json(node->probed));

	for (enum health_place place = 0; place < PLACES; place++) {
		json_t *addresses = json_array();

		for (enum family family = 0; family < FAMILIES; family++) {
			if (!addr_is_zero(&node->addresses[place][family].addr))
				json_array_append_new(addresses, address_to_json(&node->addresses[place][family]));
		}
		json_object_set_new(json, health_place_names[place], addresses);
	}
	return json;
}

json_t *health_status(const struct health *health)
{
	struct health_summary summary = health_summarise(health);

	return json_pack("{s:o, s:i, s:i}", "probed", time_to_json(summary.oldest), "reachable", summary.reachable,
	                 "total", summary.nodes);
}

/* This node first, as Cilium has it, then by name. */
static int compare(const struct health_node *a, const struct health_node *b)
{
	const char *local = a->health->local;
	int a_local = !strcmp(a->name, local), b_local = !strcmp(b->name, local);

	return a_local || b_local ? b_local - a_local : strcmp(a->name, b->name);
}

json_t *health_to_json(const struct health *health)
{
	struct health *sortable = (struct health *)health;
	const struct health_node *node;
	json_t *json = health_status(health), *nodes = json_array();

	HASH_SORT(sortable->nodes, compare);
	for (node = health->nodes; node; node = node->hh.next)
		json_array_append_new(nodes, node_to_json(node, !strcmp(node->name, health->local)));
	json_object_set_new(json, "nodes", nodes);
	return json;
}
