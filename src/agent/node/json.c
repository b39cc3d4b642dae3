/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/json.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"

static const char *const address_keys[FAMILIES] = {"ipv4", "ipv6"};
static const char *const router_keys[FAMILIES] = {"router-ipv4", "router-ipv6"};
static const char *const health_keys[FAMILIES] = {"health-ipv4", "health-ipv6"};

static json_t *addr_to_json(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	return addr_is_zero(addr) ? json_null() : json_string(addr_format(addr, text));
}

json_t *node_info_to_json(const struct node_info *info)
{
	json_t *node = json_pack("{s:s}", "name", info->name), *cidrs = json_array();
	char text[PREFIX_TEXT_MAX];

	for (enum family family = 0; family < FAMILIES; family++)
		json_object_set_new(node, address_keys[family], addr_to_json(&info->address[family]));
	for (enum family family = 0; family < FAMILIES; family++) {
		if (info->pod_cidr[family].bits)
			json_array_append_new(cidrs, json_string(prefix_format(&info->pod_cidr[family], text)));
	}
	json_object_set_new(node, "pod-cidrs", cidrs);
	for (enum family family = 0; family < FAMILIES; family++)
		json_object_set_new(node, router_keys[family], addr_to_json(&info->router[family]));
	for (enum family family = 0; family < FAMILIES; family++)
		json_object_set_new(node, health_keys[family], addr_to_json(&info->health[family]));
	json_object_set_new(node, "routing-mode", json_string(routing_modes[info->routing_mode]));
	return node;
}

static int parse_addr(json_t *node, const char *key, enum family family, struct addr *ret, struct error *error)
{
	const json_t *value = json_object_get(node, key);
	struct addr addr;

	if (!value || json_is_null(value))
		return 0;
	if (!json_is_string(value) || addr_parse(json_string_value(value), &addr) ||
	    addr_is_v4(&addr) != (family == FAMILY_V4))
		return error_set(error, -EINVAL, "%s must be an IPv%c address", key, family == FAMILY_V4 ? '4' : '6');
	*ret = addr;
	return 0;
}

static int parse_cidrs(json_t *cidrs, struct node_info *info, struct error *error)
{
	const json_t *cidr;
	size_t i;

	json_array_foreach (cidrs, i, cidr) {
		struct prefix prefix;
		enum family family;

		if (!json_is_string(cidr) || prefix_parse(json_string_value(cidr), &prefix))
			return error_set(error, -EINVAL, "pod-cidrs must be an array of prefixes");
		family = prefix_is_v4(&prefix) ? FAMILY_V4 : FAMILY_V6;
		if (info->pod_cidr[family].bits)
			return error_set(error, -EINVAL, "pod-cidrs must have at most one per family");
		info->pod_cidr[family] = prefix;
	}
	return 0;
}

static int parse_family(json_t *node, enum family family, struct node_info *info, struct error *error)
{
	const struct addr *router = &info->router[family];
	int result = parse_addr(node, address_keys[family], family, &info->address[family], error);

	if (!result)
		result = parse_addr(node, router_keys[family], family, &info->router[family], error);
	if (!result)
		result = parse_addr(node, health_keys[family], family, &info->health[family], error);
	if (!result && !addr_is_zero(router) && !prefix_contains(&info->pod_cidr[family], router))
		return error_set(error, -EINVAL, "%s must be in the node's pod-cidrs", router_keys[family]);
	return result;
}

/* Nodes that do not say are of before there was a choice. */
static int parse_routing_mode(const json_t *mode, struct node_info *info, struct error *error)
{
	const char *text = json_string_value(mode);

	if (!mode)
		return 0;
	if (!text || (strcmp(text, routing_modes[ROUTING_TUNNEL]) && strcmp(text, routing_modes[ROUTING_NATIVE])))
		return error_set(error, -EINVAL, "routing-mode must be tunnel or native");
	info->routing_mode = strcmp(text, routing_modes[ROUTING_NATIVE]) ? ROUTING_TUNNEL : ROUTING_NATIVE;
	return 0;
}

int node_info_parse(const char *name, json_t *value, struct node_info *ret, struct error *error)
{
	const char *own = json_string_value(json_object_get(value, "name"));
	struct node_info info = {};
	int result;

	if (!own || strcmp(own, name))
		return error_set(error, -EINVAL, "name must be %s", name);
	result = parse_cidrs(json_object_get(value, "pod-cidrs"), &info, error);
	for (enum family family = 0; family < FAMILIES && !result; family++)
		result = parse_family(value, family, &info, error);
	if (!result)
		result = parse_routing_mode(json_object_get(value, "routing-mode"), &info, error);
	if (!result && addr_is_zero(&info.address[FAMILY_V4]))
		result = error_set(error, -EINVAL, "ipv4 is missing: the overlay runs over IPv4");
	if (result)
		return result;
	info.name = xstrdup(name);
	*ret = info;
	return 0;
}

bool node_info_equal(const struct node_info *a, const struct node_info *b)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		if (!addr_equal(&a->address[family], &b->address[family]) ||
		    !addr_equal(&a->router[family], &b->router[family]) ||
		    !addr_equal(&a->health[family], &b->health[family]) ||
		    !prefix_equal(&a->pod_cidr[family], &b->pod_cidr[family]))
			return false;
	}
	return a->routing_mode == b->routing_mode;
}
