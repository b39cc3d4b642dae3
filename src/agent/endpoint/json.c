/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints as docs/api.md shows them.
 */
#include <errno.h>

#include "agent/endpoint/entry.h"
#include "base/clock.h"

static json_t *addr_to_json(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	return addr_is_zero(addr) ? json_null() : json_string(addr_format(addr, text));
}

static json_t *mac_to_json(const uint8_t mac[static 6])
{
	char text[MAC_TEXT_MAX];

	return json_string(mac_format(mac, text));
}

static json_t *gateway_to_json(const struct pod_link *link, enum family family)
{
	static const char *const gateways[FAMILIES] = {POD_GATEWAY_V4, POD_GATEWAY_V6};

	return addr_is_zero(&link->address[family]) ? json_null() : json_string(gateways[family]);
}

static void add_request(json_t *json, const struct endpoint_spec *spec)
{
	static const char *const names[] = {"container", "interface", "network", "netns", "pod", "namespace"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_object_set(json, names[i], json_object_get(spec->json, names[i]));
}

static void add_link(json_t *json, const struct pod_link *link)
{
	json_object_set_new(json, "ipv4", addr_to_json(&link->address[FAMILY_V4]));
	json_object_set_new(json, "ipv6", addr_to_json(&link->address[FAMILY_V6]));
	json_object_set_new(json, "device", json_string(link->device));
	json_object_set_new(json, "ifindex", json_integer(link->ifindex));
	json_object_set_new(json, "mac", mac_to_json(link->mac));
	json_object_set_new(json, "host-mac", mac_to_json(link->host_mac));
	json_object_set_new(json, "mtu", json_integer(link->mtu));
	json_object_set_new(json, "gateway-ipv4", gateway_to_json(link, FAMILY_V4));
	json_object_set_new(json, "gateway-ipv6", gateway_to_json(link, FAMILY_V6));
}

static json_t *enforcement_to_json(const struct endpoint_policy *policy, enum policy_direction direction)
{
	const char *audit = policy->flags & ENDPOINT_AUDITS ? " (Audit)" : "";

	return json_sprintf("%s%s", policy->flags & ENDPOINT_ASKS(direction) ? "Enabled" : "Disabled", audit);
}

static void add_policy(json_t *json, const struct endpoint_policy *policy)
{
	json_object_set_new(json, "policy-ingress", enforcement_to_json(policy, POLICY_INGRESS));
	json_object_set_new(json, "policy-egress", enforcement_to_json(policy, POLICY_EGRESS));
	json_object_set_new(json, "policy-set", json_integer(policy->set));
}

json_t *endpoint_entry_to_json(const struct endpoint_entry *entry)
{
	json_t *json = json_pack("{s:i, s:s, s:i, s:O}", "id", entry->id, "state", endpoint_state_name(entry->state),
	                         "identity", entry->identity, "labels", entry->labels);
	char created[CLOCK_TEXT_MAX];

	add_request(json, &entry->spec);
	add_link(json, &entry->link);
	add_policy(json, &(struct endpoint_policy){.set = entry->policy.set, .flags = endpoint_policy_flags(entry)});
	json_object_set_new(json, "policy-audit-mode", json_boolean(entry->audit));
	json_object_set_new(json, "created", json_string(clock_format(entry->created, created)));
	return json;
}

/* The host is endpoint 0: no pod, no device of its own, the router's addresses. */
static json_t *host_to_json(const struct endpoints *endpoints)
{
	const struct endpoint_services *services = &endpoints->services;
	json_t *json = json_pack("{s:i, s:s, s:i, s:[s]}", "id", 0, "state", "ready", "identity", IDENTITY_HOST,
	                         "labels", "reserved:host");
	static const char *const missing[] = {"container", "interface",    "network",     "netns", "pod",
	                                      "namespace", "device",       "ifindex",     "mac",   "host-mac",
	                                      "mtu",       "gateway-ipv4", "gateway-ipv6"};
	char created[CLOCK_TEXT_MAX];

	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
		json_object_set_new(json, missing[i], json_null());
	json_object_set_new(json, "ipv4", addr_to_json(ipam_router(services->ipam, FAMILY_V4)));
	json_object_set_new(json, "ipv6", addr_to_json(ipam_router(services->ipam, FAMILY_V6)));
	add_policy(json, &(struct endpoint_policy){});
	json_object_set_new(json, "policy-audit-mode", json_false());
	json_object_set_new(json, "created", json_string(clock_format(endpoints->started, created)));
	return json;
}

json_t *endpoints_to_json(const struct endpoints *endpoints)
{
	struct endpoint_entry *entry;
	json_t *list = json_array();

	json_array_append_new(list, host_to_json(endpoints));
	endpoints_foreach (endpoints, entry)
		json_array_append_new(list, endpoint_entry_to_json(entry));
	return list;
}

json_t *endpoints_status(const struct endpoints *endpoints)
{
	const struct endpoint_entry *entry;
#define X(symbol, name) +1
	int counts[ENDPOINT_STATES(X)] = {}, total = 0;
#undef X
	json_t *states = json_object();

	endpoints_foreach (endpoints, entry) {
		counts[entry->state]++;
		total++;
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(states, endpoint_state_name(i), json_integer(counts[i]));
	return json_pack("{s:i, s:i, s:o}", "ready", counts[ENDPOINT_READY], "total", total, "states", states);
}

json_t *endpoint_to_json(const struct endpoints *endpoints, uint16_t id)
{
	if (id == 0)
		return host_to_json(endpoints);
	if (id > ENDPOINT_ID_MAX || !endpoints->entries[id])
		return NULL;
	return endpoint_entry_to_json(endpoints->entries[id]);
}

json_t *endpoint_log_to_json(const struct endpoints *endpoints, uint16_t id)
{
	if (id == 0)
		return json_array();
	if (id > ENDPOINT_ID_MAX || !endpoints->entries[id])
		return NULL;
	return endpoint_log_list(&endpoints->entries[id]->log);
}

json_t *endpoint_find(const struct endpoints *endpoints, const char *container, const char *interface)
{
	const struct endpoint_entry *entry = endpoint_lookup(endpoints, container, interface);

	return entry ? endpoint_entry_to_json(entry) : NULL;
}
