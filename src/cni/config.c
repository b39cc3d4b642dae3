/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration: which keys mean what, and what is wrong with them. Unknown keys are other people's.
 */
#include <ctype.h>
#include <string.h>

#include "cni/cni.h"
#include "http/client.h"

#define MTU_MIN         1280
#define MTU_MAX         65535
#define ATTACHMENTS_KEY "cni.dev/valid-attachments"

static int take_version(const json_t *json, enum cni_version *ret, struct error *error)
{
	json_t *value = json_object_get(json, "cniVersion");
	const char *text = json_string_value(value);

	if (value && !text)
		return cni_fail(error, CNI_INVALID_CONFIG, "cniVersion must be a string");
	for (enum cni_version version = 0; text && version < CNI_VERSIONS; version++)
		if (!strcmp(text, cni_version_names[version])) {
			*ret = version;
			return 0;
		}
	return cni_fail(error, CNI_INCOMPATIBLE_VERSION, "cniVersion is %.32s, and must be %s to %s", text ?: "missing",
	                cni_version_names[0], cni_version_names[CNI_VERSION_NEWEST]);
}

static bool is_network(const char *text)
{
	for (const char *at = text; *at; at++)
		if (!isalnum((unsigned char)*at) && (at == text || !strchr("_.-", *at)))
			return false;
	return *text;
}

static int take_network(struct cni_config *config, struct error *error)
{
	config->network = json_string_value(json_object_get(config->json, "name"));
	if (!config->network)
		return cni_fail(error, CNI_INVALID_CONFIG, "name is missing: the network needs one");
	if (!is_network(config->network))
		return cni_fail(error, CNI_INVALID_CONFIG,
		                "name is \"%.64s\", and must be letters, digits, '_', '.' and '-', the first a letter "
		                "or digit",
		                config->network);
	return 0;
}

static int take_socket(struct cni_config *config, struct error *error)
{
	json_t *value = json_object_get(config->json, "agent-socket");

	config->socket = value ? json_string_value(value) : HTTP_DEFAULT_SOCKET;
	if (!config->socket || *config->socket != '/')
		return cni_fail(error, CNI_INVALID_CONFIG, "agent-socket must be an absolute path");
	return 0;
}

static int take_mtu(struct cni_config *config, struct error *error)
{
	json_t *value = json_object_get(config->json, "mtu");
	json_int_t mtu = json_integer_value(value);

	if (value && (!json_is_integer(value) || (mtu && (mtu < MTU_MIN || mtu > MTU_MAX))))
		return cni_fail(error, CNI_INVALID_CONFIG, "mtu must be a number from %d to %d, or 0 for the node's",
		                MTU_MIN, MTU_MAX);
	config->mtu = (unsigned)mtu;
	return 0;
}

static int take_families(struct cni_config *config, struct error *error)
{
	json_t *ipv4 = json_object_get(config->json, "ipv4"), *ipv6 = json_object_get(config->json, "ipv6");

	if ((ipv4 && !json_is_boolean(ipv4)) || (ipv6 && !json_is_boolean(ipv6)))
		return cni_fail(error, CNI_INVALID_CONFIG, "ipv4 and ipv6 must be true or false");
	config->ipv4 = !json_is_false(ipv4);
	config->ipv6 = !json_is_false(ipv6);
	if (!config->ipv4 && !config->ipv6)
		return cni_fail(error, CNI_INVALID_CONFIG, "ipv4 and ipv6 are both false: a pod needs one of them");
	return 0;
}

/* Another plugin's addresses would be ignored: better said than found out. */
static int check_ipam(struct cni_config *config, struct error *error)
{
	const char *type = json_string_value(json_object_get(json_object_get(config->json, "ipam"), "type"));

	if (type && *type)
		return cni_fail(error, CNI_UNSUPPORTED_FIELD,
		                "ipam.type is \"%.64s\", but addresses come from the agent: remove ipam", type);
	return 0;
}

/* A list of args.cni; NULL, when there is none, is an empty one. */
static int take_list(const struct cni_config *config, const char *name, json_t **ret, struct error *error)
{
	json_t *list = json_object_get(json_object_get(json_object_get(config->json, "args"), "cni"), name);

	if (list && !json_is_array(list))
		return cni_fail(error, CNI_INVALID_CONFIG, "args.cni.%s must be a list", name);
	*ret = list;
	return 0;
}

/* The convention of args.cni.labels: [{"key", "value"}…]. */
static int take_labels(struct cni_config *config, struct error *error)
{
	json_t *labels = NULL, *label;
	size_t i;
	int result = take_list(config, "labels", &labels, error);

	config->labels = json_object();
	if (result)
		return result;
	json_array_foreach (labels, i, label) {
		const char *key = json_string_value(json_object_get(label, "key"));
		json_t *value = json_object_get(label, "value");

		if (!key || !*key || !json_is_string(value))
			return cni_fail(error, CNI_INVALID_CONFIG,
			                "args.cni.labels[%zu] must be {\"key\": text, \"value\": text}", i);
		json_object_set(config->labels, key, value);
	}
	return 0;
}

/* As containers have them in Kubernetes: [{"name", "containerPort", "protocol"}…]; the agent checks what they are. */
static int take_ports(struct cni_config *config, struct error *error)
{
	json_t *ports = NULL, *port;
	size_t i;
	int result = take_list(config, "ports", &ports, error);

	config->ports = json_object();
	if (result)
		return result;
	json_array_foreach (ports, i, port) {
		const char *name = json_string_value(json_object_get(port, "name")),
			   *protocol = json_string_value(json_object_get(port, "protocol"));
		json_t *number = json_object_get(port, "containerPort");

		if (!name || !*name || !json_is_integer(number))
			return cni_fail(error, CNI_INVALID_CONFIG,
			                "args.cni.ports[%zu] must be {\"name\": text, \"containerPort\": number, "
			                "\"protocol\": text}",
			                i);
		json_object_set_new(config->ports, name,
		                    json_sprintf("%lld/%s", (long long)json_integer_value(number), protocol ?: "TCP"));
	}
	return 0;
}

static json_t *port_mapping(json_t *mapping)
{
	json_t *host = json_object_get(mapping, "hostPort"), *container = json_object_get(mapping, "containerPort");
	const char *protocol = json_string_value(json_object_get(mapping, "protocol")) ?: "TCP",
		   *ip = json_string_value(json_object_get(mapping, "hostIP")) ?: "";
	char word[8] = "";

	if (!json_is_integer(host) || !json_is_integer(container))
		return NULL;
	for (size_t i = 0; protocol[i] && i < sizeof(word) - 1; i++)
		word[i] = (char)toupper((unsigned char)protocol[i]);
	return json_pack("{s:O, s:O, s:s, s:s*}", "host-port", host, "container-port", container, "protocol", word,
	                 "host-ip", *ip ? ip : NULL);
}

/* The convention of the capability portMappings; the agent checks what they are. Runtimes write "tcp" as "TCP". */
static int take_port_mappings(struct cni_config *config, struct error *error)
{
	json_t *list = json_object_get(json_object_get(config->json, "runtimeConfig"), "portMappings"), *mapping;
	size_t i;

	if (list && !json_is_null(list) && !json_is_array(list))
		return cni_fail(error, CNI_INVALID_CONFIG, "runtimeConfig.portMappings must be a list");
	config->port_mappings = json_array();
	json_array_foreach (list, i, mapping)
		if (json_array_append_new(config->port_mappings, port_mapping(mapping)))
			return cni_fail(error, CNI_INVALID_CONFIG,
			                "runtimeConfig.portMappings[%zu] must be {\"hostPort\": number, "
			                "\"containerPort\": number, \"protocol\": text, \"hostIP\": text}",
			                i);
	return 0;
}

static int take_objects(struct cni_config *config, struct error *error)
{
	config->previous = json_object_get(config->json, "prevResult");
	config->dns = json_object_get(config->json, "dns");
	if (config->previous && !json_is_object(config->previous))
		return cni_fail(error, CNI_INVALID_CONFIG, "prevResult must be an object");
	if (config->dns && !json_is_object(config->dns))
		return cni_fail(error, CNI_INVALID_CONFIG, "dns must be an object");
	return 0;
}

static int take_all(struct cni_config *config, struct error *error)
{
	static int (*const takers[])(struct cni_config *, struct error *) = {
		take_network, take_socket, take_mtu,           take_families, check_ipam,
		take_labels,  take_ports,  take_port_mappings, take_objects,
	};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(takers) / sizeof(*takers); i++)
		code = takers[i](config, error);
	return code;
}

int cni_config_parse(const char *text, size_t size, struct cni_config *ret, enum cni_version *ret_version,
                     struct error *error)
{
	json_error_t problem;
	struct cni_config config = {.json = json_loadb(text, size, 0, &problem)};
	int code = 0;

	if (!config.json)
		code = cni_fail(error, CNI_DECODING_FAILURE,
		                "the network configuration on standard input is not JSON: line %d, column %d: %s",
		                problem.line, problem.column, problem.text);
	else if (!json_is_object(config.json))
		code = cni_fail(error, CNI_DECODING_FAILURE, "the network configuration must be a JSON object");
	else
		code = take_version(config.json, &config.version, error);
	if (!code) {
		*ret_version = config.version;
		code = take_all(&config, error);
	}
	if (code)
		cni_config_clear(&config);
	else
		*ret = config;
	return code;
}

void cni_config_clear(struct cni_config *config)
{
	json_decref(config->json);
	json_decref(config->labels);
	json_decref(config->ports);
	json_decref(config->port_mappings);
	*config = (struct cni_config){};
}

int cni_config_attachments(const struct cni_config *config, json_t **ret, struct error *error)
{
	json_t *list = json_object_get(config->json, ATTACHMENTS_KEY), *attachments, *item;
	size_t i;

	if (!json_is_array(list))
		return cni_fail(error, CNI_INVALID_CONFIG,
		                "GC needs the list " ATTACHMENTS_KEY ": without it nothing is taken down");
	attachments = json_array();
	json_array_foreach (list, i, item) {
		const char *container = json_string_value(json_object_get(item, "containerID"));
		const char *interface = json_string_value(json_object_get(item, "ifname"));

		if (!container || !interface) {
			json_decref(attachments);
			return cni_fail(error, CNI_INVALID_CONFIG,
			                ATTACHMENTS_KEY "[%zu] must be {\"containerID\": text, \"ifname\": text}", i);
		}
		json_array_append_new(attachments,
		                      json_pack("{s:s, s:s}", "container", container, "interface", interface));
	}
	*ret = attachments;
	return 0;
}
