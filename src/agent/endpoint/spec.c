/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for endpoints: the table of members, their checks, and the labels they come to.
 */
#include "agent/endpoint/spec.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/identity/identity.h"
#include "base/cleanup.h"
#include "net/link.h"
#include "policy/label_set.h"
#include "service/parse.h"

#define NAME_MAX_LENGTH 253

static bool is_health(const char *container)
{
	return !strcmp(container, ENDPOINT_HEALTH_CONTAINER);
}

/* CNI specification 1.1, "container ID": alphanumeric, then also '_', '.', '-'. */
static int check_container(json_t *value, struct error *error)
{
	const char *container = json_string_value(value);
	size_t length = strlen(container);
	bool good = length && length <= NAME_MAX_LENGTH && isalnum((unsigned char)container[0]);

	for (const char *c = container; good && *c; c++)
		good = isalnum((unsigned char)*c) || strchr("_.-", *c);
	if (!good && !is_health(container))
		return error_set(error, -EINVAL,
		                 "\"%.64s\" is no container id: letters, digits, '_', '.' and '-', %d at most",
		                 container, NAME_MAX_LENGTH);
	return 0;
}

static int check_interface(json_t *value, struct error *error)
{
	return link_check_name(json_string_value(value), error);
}

static int check_netns(json_t *value, struct error *error)
{
	if (json_string_value(value)[0] != '/')
		return error_set(error, -EINVAL, "\"%.64s\" must be an absolute path", json_string_value(value));
	return 0;
}

static int check_name(json_t *value, struct error *error)
{
	const char *name = json_string_value(value);
	bool good = *name && strlen(name) <= NAME_MAX_LENGTH;

	for (const char *c = name; good && *c; c++)
		good = isgraph((unsigned char)*c) && *c != '/';
	if (!good)
		return error_set(
			error, -EINVAL,
			"\"%.64s\" is no name: 1 to %d characters without spaces and '/'; leave it out where there "
			"is none",
			name, NAME_MAX_LENGTH);
	return 0;
}

static int check_mtu(json_t *value, struct error *error)
{
	json_int_t mtu = json_integer_value(value);

	if (mtu != 0 && (mtu < ENDPOINT_MTU_MIN || mtu > UINT16_MAX))
		return error_set(error, -EINVAL, "%lld must be %d to %d, or 0 for the node's", (long long)mtu,
		                 ENDPOINT_MTU_MIN, UINT16_MAX);
	return 0;
}

/* Policies go by the namespace: a pod's own word for it is not taken. */
static int check_labels(json_t *value, struct error *error)
{
	const char *key;
	json_t *text;

	json_object_foreach (value, key, text) {
		if (!json_is_string(text))
			return error_set(error, -EINVAL, "label \"%.64s\" must have a string as its value", key);
		if (!strcmp(key, LABEL_NAMESPACE))
			return error_set(error, -EINVAL, "label \"%s\" is made of \"namespace\": leave it out", key);
	}
	return 0;
}

/* "8080/TCP" */
static bool is_port(const char *text)
{
	size_t digits = text ? strspn(text, "0123456789") : 0;
	unsigned long number = digits ? strtoul(text, NULL, 10) : 0;

	return number && number <= UINT16_MAX && text[digits] == '/' && label_protocol(text + digits + 1);
}

static int check_ports(json_t *value, struct error *error)
{
	const char *name;
	json_t *port;

	json_object_foreach (value, name, port) {
		if (!*name || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")])
			return error_set(error, -EINVAL,
			                 "\"%.64s\" is no name of a port: lower case letters, digits and '-'", name);
		if (!is_port(json_string_value(port)))
			return error_set(error, -EINVAL,
			                 "port \"%.64s\" must have a number and a protocol, like 8080/TCP", name);
	}
	return 0;
}

enum member_type { MEMBER_STRING, MEMBER_BOOL, MEMBER_INTEGER, MEMBER_OBJECT, MEMBER_ARRAY };

static const struct member {
	const char *name;
	enum member_type type;
	bool required;
	int (*check)(json_t *value, struct error *error);
} members[] = {
	{"container", MEMBER_STRING, true, check_container},
	{"interface", MEMBER_STRING, true, check_interface},
	{"netns", MEMBER_STRING, true, check_netns},
	{"network", MEMBER_STRING, false, check_name},
	{"pod", MEMBER_STRING, false, check_name},
	{"namespace", MEMBER_STRING, false, check_name},
	{"labels", MEMBER_OBJECT, false, check_labels},
	{"ports", MEMBER_OBJECT, false, check_ports},
	{"port-mappings", MEMBER_ARRAY, false, host_ports_check},
	{"ipv4", MEMBER_BOOL, false, NULL},
	{"ipv6", MEMBER_BOOL, false, NULL},
	{"mtu", MEMBER_INTEGER, false, check_mtu},
};

#define MEMBER_COUNT (sizeof(members) / sizeof(members[0]))

static bool has_type(const json_t *value, enum member_type type)
{
	switch (type) {
	case MEMBER_STRING:
		return json_is_string(value);
	case MEMBER_BOOL:
		return json_is_boolean(value);
	case MEMBER_INTEGER:
		return json_is_integer(value);
	case MEMBER_OBJECT:
		return json_is_object(value);
	case MEMBER_ARRAY:
		return json_is_array(value);
	}
	return false;
}

static int check_member(const struct member *member, json_t *value, struct error *error)
{
	static const char *const type_words[] = {"a string", "true or false", "a whole number", "an object", "a list"};

	if (!value || json_is_null(value))
		return member->required ? error_set(error, -EINVAL, "\"%s\" is missing", member->name) : 0;
	if (!has_type(value, member->type))
		return error_set(error, -EINVAL, "\"%s\" must be %s", member->name, type_words[member->type]);
	if (member->check && member->check(value, error))
		return error_prefix(error, "\"%s\"", member->name);
	return 0;
}

static int check_unknown(json_t *request, struct error *error)
{
	const char *key;
	json_t *value;

	json_object_foreach (request, key, value) {
		size_t i = 0;

		while (i < MEMBER_COUNT && strcmp(members[i].name, key))
			i++;
		if (i == MEMBER_COUNT)
			return error_set(error, -EINVAL, "\"%.64s\" is no member of a request for an endpoint", key);
	}
	return 0;
}

static void borrow_members(struct endpoint_spec *spec)
{
	const json_t *json = spec->json;

	spec->container = json_string_value(json_object_get(json, "container"));
	spec->interface = json_string_value(json_object_get(json, "interface"));
	spec->netns = json_string_value(json_object_get(json, "netns"));
	spec->network = json_string_value(json_object_get(json, "network"));
	spec->pod = json_string_value(json_object_get(json, "pod"));
	spec->namespace = json_string_value(json_object_get(json, "namespace"));
	spec->mtu = json_integer_value(json_object_get(json, "mtu"));
}

static int check_families(const struct endpoint_spec *spec, struct error *error)
{
	if (endpoint_spec_wants(spec, FAMILY_V4) || endpoint_spec_wants(spec, FAMILY_V6))
		return 0;
	return error_set(error, -EINVAL, "\"ipv4\" and \"ipv6\" are both false: leave at least one on");
}

int endpoint_spec_parse(json_t *request, struct endpoint_spec *ret, struct error *error)
{
	struct endpoint_spec spec = {};
	int result;

	if (!json_is_object(request))
		return error_set(error, -EINVAL, "a request for an endpoint must be a JSON object");
	result = check_unknown(request, error);
	spec.json = json_object();
	for (size_t i = 0; !result && i < MEMBER_COUNT; i++) {
		json_t *value = json_object_get(request, members[i].name);

		result = check_member(&members[i], value, error);
		json_object_set_new(spec.json, members[i].name, value ? json_deep_copy(value) : json_null());
	}
	borrow_members(&spec);
	if (!result)
		result = check_families(&spec, error);
	if (!result) {
		json_t *labels = endpoint_spec_labels(&spec, error);

		result = labels ? 0 : -EINVAL;
		json_decref(labels);
	}
	if (result) {
		endpoint_spec_clear(&spec);
		return result;
	}
	*ret = spec;
	return 0;
}

void endpoint_spec_clear(struct endpoint_spec *spec)
{
	json_decref(spec->json);
	*spec = (struct endpoint_spec){};
}

bool endpoint_spec_wants(const struct endpoint_spec *spec, enum family family)
{
	return !json_is_false(json_object_get(spec->json, family == FAMILY_V4 ? "ipv4" : "ipv6"));
}

json_t *endpoint_spec_labels(const struct endpoint_spec *spec, struct error *error)
{
	json_t *labels;
	const char *key;
	json_t *value;

	if (is_health(spec->container))
		return json_pack("[s]", ENDPOINT_HEALTH_CONTAINER);
	labels = json_array();
	json_object_foreach (json_object_get(spec->json, "labels"), key, value)
		json_array_append_new(labels, json_sprintf("k8s:%s=%s", key, json_string_value(value)));
	json_object_foreach (json_object_get(spec->json, "ports"), key, value)
		json_array_append_new(labels, json_sprintf(LABEL_SOURCE_PORT ":%s=%s", key, json_string_value(value)));
	if (spec->namespace)
		json_array_append_new(labels,
		                      json_sprintf(LABEL_SOURCE_KUBERNETES ":" LABEL_NAMESPACE "=%s", spec->namespace));
	if (!json_array_size(labels))
		json_array_append_new(labels, json_string("reserved:init"));
	if (labels_normalise(labels, error)) {
		json_decref(labels);
		return NULL;
	}
	return labels;
}

const char *endpoint_spec_difference(const struct endpoint_spec *a, const struct endpoint_spec *b)
{
	for (size_t i = 0; i < MEMBER_COUNT; i++) {
		const char *name = members[i].name;

		if (!json_equal(json_object_get(a->json, name), json_object_get(b->json, name)))
			return name;
	}
	return NULL;
}
