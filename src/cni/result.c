/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints as results of the specification, and results compared with endpoints. Interfaces: the host's end, then the
 * pod's.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "cni/cni.h"

static const struct family_words {
	const char *version, *address, *gateway, *suffix, *everything;
} families[] = {
	{"4", "ipv4", "gateway-ipv4", "/32", "0.0.0.0/0"},
	{"6", "ipv6", "gateway-ipv6", "/128", "::/0"},
};

#define FAMILY_COUNT (sizeof(families) / sizeof(*families))

static const char *text_of(const json_t *endpoint, const char *key)
{
	return json_string_value(json_object_get(endpoint, key));
}

/* "10.1.0.7/32"; NULL where the endpoint has no such address. The caller frees it. */
static char *address_of(const json_t *endpoint, const struct family_words *family)
{
	const char *address = text_of(endpoint, family->address);

	return address ? xasprintf("%s%s", address, family->suffix) : NULL;
}

static int check_endpoint(const json_t *endpoint, struct error *error)
{
	static const char *const needed[] = {"device", "mac", "host-mac"};

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (!text_of(endpoint, needed[i]))
			return cni_fail(error, CNI_REFUSED, "the agent's answer lacks %s", needed[i]);
	if (!text_of(endpoint, "ipv4") && !text_of(endpoint, "ipv6"))
		return cni_fail(error, CNI_REFUSED, "the agent gave the pod no address");
	return 0;
}

static json_t *interface_of(const struct cni_config *config, json_t *endpoint, const char *name, const char *mac)
{
	json_t *interface = json_pack("{s:s, s:s}", "name", name, "mac", mac);

	if (config->version >= CNI_1_1_0)
		json_object_set(interface, "mtu", json_object_get(endpoint, "mtu"));
	return interface;
}

static json_t *ip_of(const struct cni_config *config, const json_t *endpoint, const struct family_words *family,
                     size_t interface)
{
	_cleanup_free_ char *address = address_of(endpoint, family);
	json_t *ip = json_object();

	if (config->version < CNI_1_0_0)
		json_object_set_new(ip, "version", json_string(family->version));
	json_object_set_new(ip, "interface", json_integer((json_int_t)interface));
	json_object_set_new(ip, "address", json_string(address));
	json_object_set(ip, "gateway", json_object_get(endpoint, family->gateway));
	return ip;
}

/* The list of that name, made where it is missing: borrowed. */
static json_t *list_of(json_t *result, const char *name)
{
	json_t *list = json_object_get(result, name);

	if (!json_is_array(list)) {
		list = json_array();
		json_object_set_new(result, name, list);
	}
	return list;
}

static void add_interfaces(json_t *result, const struct cni_config *config, const struct cni_environment *environment,
                           json_t *endpoint)
{
	json_t *interfaces = list_of(result, "interfaces");
	json_t *pod = interface_of(config, endpoint, environment->interface, text_of(endpoint, "mac"));

	json_object_set_new(pod, "sandbox", json_string(environment->netns));
	json_array_append_new(
		interfaces, interface_of(config, endpoint, text_of(endpoint, "device"), text_of(endpoint, "host-mac")));
	json_array_append_new(interfaces, pod);
}

static void add_family(json_t *result, const struct cni_config *config, const json_t *endpoint,
                       const struct family_words *family)
{
	size_t pod = json_array_size(json_object_get(result, "interfaces")) - 1;
	json_t *ips = list_of(result, "ips"), *routes = list_of(result, "routes");

	if (!text_of(endpoint, family->address))
		return;
	json_array_append_new(ips, ip_of(config, endpoint, family, pod));
	json_array_append_new(routes, json_pack("{s:s, s:O?}", "dst", family->everything, "gw",
	                                        json_object_get(endpoint, family->gateway)));
}

int cni_result(const struct cni_config *config, const struct cni_environment *environment, json_t *endpoint,
               json_t **ret, struct error *error)
{
	int code = check_endpoint(endpoint, error);
	json_t *result;

	if (code)
		return code;
	result = json_pack("{s:s}", "cniVersion", cni_version_names[config->version]);
	if (config->previous) {
		json_t *previous = json_deep_copy(config->previous);

		json_object_update_missing(result, previous);
		json_decref(previous);
	}
	add_interfaces(result, config, environment, endpoint);
	for (size_t i = 0; i < FAMILY_COUNT; i++)
		add_family(result, config, endpoint, &families[i]);
	if (config->dns || !json_object_get(result, "dns"))
		json_object_set_new(result, "dns", config->dns ? json_incref(config->dns) : json_object());
	*ret = result;
	return 0;
}

/* Where in `interfaces` the pod's end is: the one in a sandbox. */
static int find_interface(const json_t *interfaces, const char *name, size_t *ret, struct error *error)
{
	json_t *interface;
	size_t i;

	json_array_foreach (interfaces, i, interface) {
		const char *sandbox = text_of(interface, "sandbox"), *its_name = text_of(interface, "name");

		if (sandbox && *sandbox && its_name && !strcmp(its_name, name)) {
			*ret = i;
			return 0;
		}
	}
	return cni_fail(error, CNI_INVALID_CONFIG, "prevResult has no interface %s in a sandbox", name);
}

static bool has_address(const json_t *endpoint, const char *address)
{
	for (size_t i = 0; i < FAMILY_COUNT; i++) {
		_cleanup_free_ char *own = address_of(endpoint, &families[i]);

		if (own && !strcasecmp(own, address))
			return true;
	}
	return false;
}

static int check_ips(const json_t *ips, size_t interface, const char *name, const json_t *endpoint, struct error *error)
{
	json_t *ip;
	size_t i;

	json_array_foreach (ips, i, ip) {
		json_t *index = json_object_get(ip, "interface");
		const char *address = text_of(ip, "address");

		if (!json_is_integer(index) || (size_t)json_integer_value(index) != interface)
			continue;
		if (!address || !has_address(endpoint, address))
			return cni_fail(error, CNI_REFUSED, "interface %s should have the address %s, and has not",
			                name, address ?: "(none)");
	}
	return 0;
}

int cni_result_check(const struct cni_config *config, const struct cni_environment *environment, json_t *endpoint,
                     struct error *error)
{
	json_t *interfaces = json_object_get(config->previous, "interfaces");
	const char *was, *is = text_of(endpoint, "mac");
	size_t index = 0;
	int code = find_interface(interfaces, environment->interface, &index, error);

	if (code)
		return code;
	was = text_of(json_array_get(interfaces, index), "mac");
	if (was && (!is || strcasecmp(was, is) != 0))
		return cni_fail(error, CNI_REFUSED, "interface %s should have the MAC %s, and has %s",
		                environment->interface, was, is ?: "none");
	return check_ips(json_object_get(config->previous, "ips"), index, environment->interface, endpoint, error);
}
