/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of configuration keys: docs/api.md describes what stands here.
 */
#include "agent/config/keys.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "agent/metrics/listener.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "net/link.h"
#include "store/store.h"

#define NAME_MAX_BYTES 128
#define YEAR           31536000

/* Texts. */

static json_t *text_show(const struct config_key *key, const void *field)
{
	const char *text = *(char *const *)field;

	return text ? json_string(text) : json_null();
}

static void text_clear(void *field)
{
	free(*(char **)field);
	*(char **)field = NULL;
}

static int name_parse(const struct config_key *key, const struct config_value *value, void *field, struct error *error)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const char *text = value->items[0];

	if (!*text || !strchr(letters, text[0]) || strlen(text) > NAME_MAX_BYTES ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")])
		return error_set(
			error, -EINVAL,
			"\"%s\" is no name: use up to %d letters, digits, '.', '_' and '-', a letter or digit first",
			text, NAME_MAX_BYTES);
	*(char **)field = xstrdup(text);
	return 0;
}

static int word_parse(const struct config_key *key, const struct config_value *value, void *field, struct error *error)
{
	if (!*value->items[0])
		return error_set(error, -EINVAL, "is empty: give a value, or remove the key");
	*(char **)field = xstrdup(value->items[0]);
	return 0;
}

static int path_parse(const struct config_key *key, const struct config_value *value, void *field, struct error *error)
{
	const char *text = value->items[0];

	if (text[0] != '/')
		return error_set(error, -EINVAL, "\"%s\" is no absolute path: begin with /", text);
	*(char **)field = xstrdup(text);
	return 0;
}

static int socket_parse(const struct config_key *key, const struct config_value *value, void *field,
                        struct error *error)
{
	size_t max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (strlen(value->items[0]) > max)
		return error_set(error, -EINVAL, "a socket's path has at most %zu characters; choose a shorter one",
		                 max);
	return path_parse(key, value, field, error);
}

static int store_url_parse(const struct config_key *key, const struct config_value *value, void *field,
                           struct error *error)
{
	int result = store_check(value->items[0], error);

	if (!result)
		*(char **)field = xstrdup(value->items[0]);
	return result;
}

static int listen_parse(const struct config_key *key, const struct config_value *value, void *field,
                        struct error *error)
{
	int result = metrics_address_check(value->items[0], error);

	if (!result)
		*(char **)field = xstrdup(value->items[0]);
	return result;
}

static const struct config_kind name_kind = {"NAME", false, name_parse, text_show, text_clear};
static const struct config_kind word_kind = {"NAME", false, word_parse, text_show, text_clear};
static const struct config_kind path_kind = {"PATH", false, path_parse, text_show, text_clear};
static const struct config_kind socket_kind = {"PATH", false, socket_parse, text_show, text_clear};
static const struct config_kind listen_kind = {"[ADDRESS]:PORT", false, listen_parse, text_show, text_clear};
static const struct config_kind store_kind = {"URL", false, store_url_parse, text_show, text_clear};

/* Numbers and choices. */

static void number_clear(void *field)
{
	*(uint32_t *)field = 0;
}

static json_t *number_show(const struct config_key *key, const void *field)
{
	return json_integer(*(const uint32_t *)field);
}

static int number_parse(const struct config_key *key, const struct config_value *value, void *field,
                        struct error *error)
{
	const char *text = value->items[0];
	unsigned long long number;

	if (value->quoted)
		return error_set(error, -EINVAL, "must be a number, not text: remove the quotes");
	/* At most ten digits, so that nothing overflows. */
	if (!*text || strlen(text) > 10 || text[strspn(text, "0123456789")])
		return error_set(error, -EINVAL, "\"%s\" is no whole number from %u to %u", text, key->min, key->max);
	number = strtoull(text, NULL, 10);
	if (number < key->min || number > key->max)
		return error_set(error, -EINVAL, "must be from %u to %u, not %llu", key->min, key->max, number);
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}

static void switch_clear(void *field)
{
	*(bool *)field = false;
}

static json_t *switch_show(const struct config_key *key, const void *field)
{
	return json_boolean(*(const bool *)field);
}

static int switch_parse(const struct config_key *key, const struct config_value *value, void *field,
                        struct error *error)
{
	const char *text = value->items[0];
	bool on = !strcmp(text, "true");

	if (value->quoted || (!on && strcmp(text, "false")))
		return error_set(error, -EINVAL, "must be true or false, without quotes, not \"%s\"", text);
	*(bool *)field = on;
	return 0;
}

/* FIRST-LAST */

static void ports_clear(void *field)
{
	*(struct port_range *)field = (struct port_range){};
}

static json_t *ports_show(const struct config_key *key, const void *field)
{
	const struct port_range *range = field;

	return json_sprintf("%u-%u", range->first, range->last);
}

static int ports_parse(const struct config_key *key, const struct config_value *value, void *field, struct error *error)
{
	const char *text = value->items[0];
	struct port_range *range = field;
	unsigned first, last;
	int length = 0;

	if (sscanf(text, "%5u-%5u%n", &first, &last, &length) != 2 || text[length] || text[0] == '-')
		return error_set(error, -EINVAL, "\"%s\" is no range of ports: write it like 30000-32767", text);
	if (!first || first > last || last > UINT16_MAX)
		return error_set(error, -EINVAL,
		                 "\"%s\" is no range of ports: they are from 1 to %u, the first before the last", text,
		                 UINT16_MAX);
	*range = (struct port_range){(uint16_t)first, (uint16_t)last};
	return 0;
}

static const struct config_kind ports_kind = {"FIRST-LAST", false, ports_parse, ports_show, ports_clear};

/* All enums of struct config are of this size: see the assertion below. */
typedef unsigned int choice;

static json_t *choice_show(const struct config_key *key, const void *field)
{
	choice chosen;

	memcpy(&chosen, field, sizeof(chosen));
	return json_string(key->choices[chosen]);
}

static void choice_clear(void *field)
{
	memset(field, 0, sizeof(choice));
}

static int choice_refuse(const struct config_key *key, const char *text, struct error *error)
{
	char all[128] = "";

	for (size_t i = 0; key->choices[i]; i++) {
		strncat(all, i ? (key->choices[i + 1] ? ", " : " or ") : "", sizeof(all) - strlen(all) - 1);
		strncat(all, key->choices[i], sizeof(all) - strlen(all) - 1);
	}
	return error_set(error, -EINVAL, "must be %s, not \"%s\"", all, text);
}

static int choice_parse(const struct config_key *key, const struct config_value *value, void *field,
                        struct error *error)
{
	for (choice i = 0; key->choices[i]; i++)
		if (!strcmp(key->choices[i], value->items[0])) {
			memcpy(field, &i, sizeof(i));
			return 0;
		}
	return choice_refuse(key, value->items[0], error);
}

static const struct config_kind switch_kind = {"true|false", false, switch_parse, switch_show, switch_clear};
static const struct config_kind number_kind = {"NUMBER", false, number_parse, number_show, number_clear};
static const struct config_kind choice_kind = {NULL, false, choice_parse, choice_show, choice_clear};

/* Lists with at most one element per family. */

static const char *family_name(enum family family)
{
	return family == FAMILY_V4 ? "IPv4" : "IPv6";
}

static void prefixes_clear(void *field)
{
	memset(field, 0, FAMILIES * sizeof(struct prefix));
}

static json_t *prefixes_show(const struct config_key *key, const void *field)
{
	const struct prefix *prefixes = field;
	char text[PREFIX_TEXT_MAX];
	json_t *list = json_array();

	for (enum family family = 0; family < FAMILIES; family++)
		if (prefixes[family].bits)
			json_array_append_new(list, json_string(prefix_format(&prefixes[family], text)));
	return list;
}

static int prefix_refuse(const char *text, struct error *error)
{
	const char *slash = strchr(text, '/');
	char address_text[ADDR_TEXT_MAX] = "";
	struct addr addr;

	if (slash && (size_t)(slash - text) < sizeof(address_text))
		memcpy(address_text, text, (size_t)(slash - text));
	if (addr_parse(address_text, &addr) == 0)
		return error_set(error, -EINVAL,
		                 "\"%s\" is no CIDR: its length is wrong, or bits are set beyond the length", text);
	return error_set(error, -EINVAL, "\"%s\" is no CIDR: write it like 10.1.0.0/24 or fd00:1::/112", text);
}

/* Everything and anything with a length of 0 overlaps something that is not for pods, so bits 0 can mean: none. */
static int prefixes_parse(const struct config_key *key, const struct config_value *value, void *field,
                          struct error *error)
{
	struct prefix *prefixes = field;

	for (size_t i = 0; i < value->count; i++) {
		const char *text = value->items[i];
		struct prefix prefix;
		enum family family;

		if (!strchr(text, '/') || prefix_parse(text, &prefix) < 0)
			return prefix_refuse(text, error);
		family = prefix_is_v4(&prefix) ? FAMILY_V4 : FAMILY_V6;
		if (!prefix_length(&prefix))
			return error_set(error, -EINVAL, "%s is everything: choose a part of it", text);
		if (prefixes[family].bits)
			return error_set(error, -EINVAL, "at most one %s CIDR can be given; %s is the second",
			                 family_name(family), text);
		prefixes[family] = prefix;
	}
	return 0;
}

static void addresses_clear(void *field)
{
	memset(field, 0, FAMILIES * sizeof(struct addr));
}

static json_t *addresses_show(const struct config_key *key, const void *field)
{
	const struct addr *addresses = field;
	char text[ADDR_TEXT_MAX];
	json_t *list = json_array();

	for (enum family family = 0; family < FAMILIES; family++)
		if (!addr_is_zero(&addresses[family]))
			json_array_append_new(list, json_string(addr_format(&addresses[family], text)));
	return list;
}

static int addresses_parse(const struct config_key *key, const struct config_value *value, void *field,
                           struct error *error)
{
	struct addr *addresses = field;

	for (size_t i = 0; i < value->count; i++) {
		const char *text = value->items[i];
		struct addr addr;
		enum family family;

		if (addr_parse(text, &addr) < 0 || addr_is_zero(&addr))
			return error_set(error, -EINVAL, "\"%s\" is no address: write it like 10.99.0.1 or fd99::1",
			                 text);
		family = addr_is_v4(&addr) ? FAMILY_V4 : FAMILY_V6;
		if (!addr_is_zero(&addresses[family]))
			return error_set(error, -EINVAL, "at most one %s address can be given; %s is the second",
			                 family_name(family), text);
		addresses[family] = addr;
	}
	return 0;
}

static const struct config_kind prefixes_kind = {"CIDR[,CIDR]", true, prefixes_parse, prefixes_show, prefixes_clear};
static const struct config_kind addresses_kind = {"ADDRESS[,ADDRESS]", true, addresses_parse, addresses_show,
                                                  addresses_clear};

/* Any number of CIDRs: an array that ends in one of bits 0. */

static void cidrs_clear(void *field)
{
	memset(field, 0, (CONFIG_CIDRS_MAX + 1) * sizeof(struct prefix));
}

static json_t *cidrs_show(const struct config_key *key, const void *field)
{
	char text[PREFIX_TEXT_MAX];
	json_t *list = json_array();

	for (const struct prefix *prefix = field; prefix->bits; prefix++)
		json_array_append_new(list, json_string(prefix_format(prefix, text)));
	return list;
}

static int cidrs_parse(const struct config_key *key, const struct config_value *value, void *field, struct error *error)
{
	struct prefix *prefixes = field;

	if (value->count > CONFIG_CIDRS_MAX)
		return error_set(error, -EINVAL, "at most %d CIDRs can be given", CONFIG_CIDRS_MAX);
	for (size_t i = 0; i < value->count; i++) {
		const char *text = value->items[i];

		if (!strchr(text, '/') || prefix_parse(text, &prefixes[i]) < 0)
			return prefix_refuse(text, error);
		/* IPv4 addresses lie in ::/n, as the maps have them. */
		if (!prefix_length(&prefixes[i]) || addr_is_zero(&prefixes[i].addr))
			return error_set(error, -EINVAL, "%s is too much: set masquerade to the other family, or false",
			                 text);
	}
	return 0;
}

static const struct config_kind cidrs_kind = {"CIDR[,CIDR]...", true, cidrs_parse, cidrs_show, cidrs_clear};

/* Devices: an array of names that ends in NULL. */

static void devices_clear(void *field)
{
	for (char **name = field; *name; name++) {
		free(*name);
		*name = NULL;
	}
}

static json_t *devices_show(const struct config_key *key, const void *field)
{
	json_t *list = json_array();

	for (char *const *name = field; *name; name++)
		json_array_append_new(list, json_string(*name));
	return list;
}

static int devices_parse(const struct config_key *key, const struct config_value *value, void *field,
                         struct error *error)
{
	char **names = field;

	if (value->count > CONFIG_UPLINKS_MAX)
		return error_set(error, -EINVAL, "at most %d devices can be given", CONFIG_UPLINKS_MAX);
	for (size_t i = 0; i < value->count; i++) {
		int result = link_check_name(value->items[i], error);

		if (result < 0)
			return result;
		for (size_t before = 0; before < i; before++)
			if (!strcmp(names[before], value->items[i]))
				return error_set(error, -EINVAL, "%s is given twice", value->items[i]);
		names[i] = xstrdup(value->items[i]);
	}
	return 0;
}

static const struct config_kind devices_kind = {"DEVICE[,DEVICE]...", true, devices_parse, devices_show, devices_clear};

/* Any of the choices: a bit each. */

static json_t *flags_show(const struct config_key *key, const void *field)
{
	json_t *list = json_array();

	for (size_t i = 0; key->choices[i]; i++)
		if (*(const uint32_t *)field & 1U << i)
			json_array_append_new(list, json_string(key->choices[i]));
	return list;
}

static int flags_parse(const struct config_key *key, const struct config_value *value, void *field, struct error *error)
{
	for (size_t item = 0; item < value->count; item++) {
		size_t i = 0;

		while (key->choices[i] && strcmp(key->choices[i], value->items[item]))
			i++;
		if (!key->choices[i])
			return choice_refuse(key, value->items[item], error);
		*(uint32_t *)field |= 1U << i;
	}
	return 0;
}

static const struct config_kind flags_kind = {"KIND[,KIND]...", true, flags_parse, flags_show, number_clear};

/* The table. */

static const char *const ipam_modes[] = {"host-scope", "cluster-pool", NULL};
static const char *const masquerades[] = {"true", "false", "ipv4", "ipv6", NULL};
const char *const routing_modes[] = {"tunnel", "native", NULL};
static const char *const attach_modes[] = {"auto", "tcx", "clsact", NULL};
static const char *const prefilters[] = {"auto", "native", "generic", "off", NULL};
const char *const prefilter_drops[] = {"fragments", "udp-source-port-0", "bogons", "private", NULL};
const char *const enforcement_modes[] = {"default", "always", "never", NULL};
const char *const localhost_modes[] = {"always", "policy", NULL};
static const char *const profiles[] = {"default", "edge", NULL};
static const char *const algorithms[] = {"random", "maglev", NULL};
const char *const lb_modes[] = {"snat", "dsr", "hybrid", NULL};
static const char *const no_backends[] = {"reject", "drop", NULL};
static const char *const accelerations[] = {"none", "xdp", NULL};
const char *const short_cut_modes[] = {"off", "opt-in", "on", NULL};
static const char *const log_levels[] = {"error", "warning", "info", "debug", NULL};

_Static_assert(sizeof(enum ipam_mode) == sizeof(choice) && sizeof(enum attach_mode) == sizeof(choice) &&
                       sizeof(enum masquerade) == sizeof(choice) && sizeof(enum prefilter_mode) == sizeof(choice) &&
                       sizeof(enum enforcement) == sizeof(choice) && sizeof(enum localhost) == sizeof(choice) &&
                       sizeof(enum profile) == sizeof(choice) && sizeof(enum routing_mode) == sizeof(choice) &&
                       sizeof(enum service_algorithm) == sizeof(choice) && sizeof(enum lb_mode) == sizeof(choice) &&
                       sizeof(enum no_backends) == sizeof(choice) && sizeof(enum accelerate) == sizeof(choice) &&
                       sizeof(enum short_cuts) == sizeof(choice) && sizeof(enum log_level) == sizeof(choice),
               "choices are written as unsigned");

#define FIELD(member) .offset = offsetof(struct config, member)

const struct config_key config_keys[] = {
	{"node-name", &name_kind, FIELD(node_name), .help = "this node's among the others (the host's)"},
	{"cluster-name", &name_kind, FIELD(cluster_name), "default", "the cluster's"},
	{"socket", &socket_kind, FIELD(socket), "/run/pilus/pilus.sock", "where the API listens"},
	{"state-dir", &path_kind, FIELD(state_dir), "/run/pilus/state", "what this node keeps over restarts"},
	{"bpffs", &path_kind, FIELD(bpffs), "/sys/fs/bpf", "a mounted BPF file system"},
	{"cgroup-root", &path_kind, FIELD(cgroup_root), .help = "the cgroup (v2) whose processes see services (all)"},
	{"store", &store_kind, FIELD(store), "dir:/var/lib/pilus/store", "what the nodes share"},
	{"store-ca", &path_kind, FIELD(store_ca), .help = "etcd:https: whom to trust, PEM (the system's authorities)"},
	{"store-certificate", &path_kind, FIELD(store_certificate), .help = "etcd:https: this node's, PEM"},
	{"store-key", &path_kind, FIELD(store_key), .help = "etcd:https: of that certificate, PEM"},
	{"store-user", &word_kind, FIELD(store_user), .help = "etcd: who we are"},
	{"store-password-file", &path_kind, FIELD(store_password_file), .help = "etcd: that user's, the first line"},
	{"forget-after", &number_kind, FIELD(forget_after), "86400",
         "seconds after which gone nodes and unused identities leave the store; 0: never", NULL, 0, YEAR},
	{"ipam", &choice_kind, FIELD(ipam), "host-scope", "where pods' addresses come from", ipam_modes},
	{"pod-cidrs", &prefixes_kind, FIELD(pod_cidr), .help = "host-scope: this node's, at most one per family"},
	{"cluster-pool-cidrs", &prefixes_kind, FIELD(pool_cidr), .help = "cluster-pool: at most one per family"},
	{"cluster-pool-mask-ipv4", &number_kind, FIELD(pool_mask[FAMILY_V4]), "24", "length of a node's IPv4 block",
         NULL, 1, 30},
	{"cluster-pool-mask-ipv6", &number_kind, FIELD(pool_mask[FAMILY_V6]), "112", "length of a node's IPv6 block",
         NULL, 1, 126},
	{"uplinks", &devices_kind, FIELD(uplinks), .help = "devices of the underlay (those of the default routes)"},
	{"node-addresses", &addresses_kind, FIELD(node_address), .help = "of the underlay (those of the first uplink)"},
	{"mtu", &number_kind, FIELD(mtu), "0", "of the underlay; 0: the uplink's", NULL, 0, 65535},
	{"routing-mode", &choice_kind, FIELD(routing_mode), "tunnel", "how pods' packets travel between nodes",
         routing_modes},
	{"auto-direct-node-routes", &switch_kind, FIELD(auto_direct_node_routes), "true",
         "native: routes to the pods of nodes on the same link"},
	{"vxlan-port", &number_kind, FIELD(vxlan_port), "8472", "UDP port of the overlay", NULL, 1, 65535},
	{"masquerade", &choice_kind, FIELD(masquerade), "true", "pods reach the world with the node's address",
         masquerades},
	{"non-masquerade-cidrs", &cidrs_kind, FIELD(non_masquerade),
         .help = "reached with the pods' own addresses (the cluster's pods)"},
	{"attach", &choice_kind, FIELD(attach), "auto", "how programs are attached", attach_modes},
	{"enable-policy", &choice_kind, FIELD(enable_policy), "default",
         "whom policies close: endpoints they are about, always all, never any", enforcement_modes},
	{"policy-audit-mode", &switch_kind, FIELD(policy_audit_mode), "false", "policies tell what they would deny"},
	{"allow-localhost", &choice_kind, FIELD(allow_localhost), "always",
         "may the host reach its pods: always, or as policies say", localhost_modes},
	{"profile", &choice_kind, FIELD(profile), "default", "how much memory the maps take", profiles},
	{"flow-table-size", &number_kind, FIELD(flow_table_size), "0", "flows; 0: as the machine's memory allows", NULL,
         0, 1 << 24},
	{"flow-timeout-tcp", &number_kind, FIELD(timeouts.tcp), "21600", "seconds idle, established", NULL, 1, YEAR},
	{"flow-timeout-tcp-opening", &number_kind, FIELD(timeouts.tcp_opening), "60", "seconds idle, being opened",
         NULL, 1, YEAR},
	{"flow-timeout-tcp-closing", &number_kind, FIELD(timeouts.tcp_closing), "10", "seconds idle, being closed",
         NULL, 1, YEAR},
	{"flow-timeout-other", &number_kind, FIELD(timeouts.other), "60", "seconds idle, UDP and all else", NULL, 1,
         YEAR},
	{"enable-health-checking", &switch_kind, FIELD(health_checking), "true", "probe the nodes, and answer probes"},
	{"enable-endpoint-health-checking", &switch_kind, FIELD(endpoint_health_checking), "true",
         "also by a health endpoint in the overlay"},
	{"cluster-health-port", &number_kind, FIELD(health_port), "4240", "TCP port of the probes", NULL, 1, 65535},
	{"prometheus-serve-addr", &listen_kind, FIELD(prometheus), .help = "where metrics are served (nowhere)"},
	{"prefilter", &choice_kind, FIELD(prefilter), "auto", "how packets are refused on the uplinks", prefilters},
	{"prefilter-folder", &path_kind, FIELD(prefilter_folder), "/etc/pilus/prefilter",
         "of lists, NAME.deny or .allow"},
	{"prefilter-state", &path_kind, FIELD(prefilter_state), "/var/lib/pilus/prefilter",
         "where the prefilter keeps its sets"},
	{"prefilter-rate", &number_kind, FIELD(prefilter_rate), "0", "packets per second of each sender; 0: any", NULL,
         0, 10000000},
	{"prefilter-drop", &flags_kind, FIELD(prefilter_drop), .help = "what is refused whoever sends it",
         .choices = prefilter_drops},
	{"kube-proxy-replacement", &switch_kind, FIELD(kube_proxy_replacement), "true", "serve services"},
	{"node-port-range", &ports_kind, FIELD(node_ports), "30000-32767", "the node ports of the cluster"},
	{"lb-algorithm", &choice_kind, FIELD(lb_algorithm), "random", "how services choose, unless they say it",
         algorithms},
	{"lb-maglev-table-size", &number_kind, FIELD(maglev_table_size), "16381",
         "slots of a service that chooses by maglev; a prime", NULL, 251, 131071},
	{"lb-mode", &choice_kind, FIELD(lb_mode), "snat", "how other nodes' backends answer clients outside", lb_modes},
	{"lb-no-backends", &choice_kind, FIELD(lb_no_backends), "reject", "clients of services without backends",
         no_backends},
	{"accelerate", &choice_kind, FIELD(accelerate), "none", "send on what outside clients ask of other nodes' pods",
         accelerations},
	{"socket-acceleration", &choice_kind, FIELD(short_cuts), "off",
         "whose sockets may pass the network by on this node", short_cut_modes},
	{"zone", &word_kind, FIELD(zone), .help = "where this node is, for services that prefer near backends"},
	{"log-level", &choice_kind, FIELD(log_level), "info", "how much is logged", log_levels},
};
const size_t config_key_count = sizeof(config_keys) / sizeof(config_keys[0]);

int config_set(struct config *config, const struct config_key *key, const struct config_value *value,
               struct error *error)
{
	void *field = (char *)config + key->offset;

	if (value->list && !key->kind->list)
		return error_set(error, -EINVAL, "must be one value, not a list");
	key->kind->clear(field);
	return key->kind->parse(key, value, field, error);
}

void config_clear(struct config *config)
{
	for (size_t i = 0; i < config_key_count; i++)
		config_keys[i].kind->clear((char *)config + config_keys[i].offset);
}

json_t *config_to_json(const struct config *config)
{
	json_t *shown = json_object();

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *key = &config_keys[i];

		json_object_set_new(shown, key->name, key->kind->show(key, (const char *)config + key->offset));
	}
	return shown;
}
