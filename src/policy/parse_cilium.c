/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (docs.cilium.io, cilium.io/v2).
 */
#include <string.h>

#include "abi/flow.h"
#include "abi/ipcache.h"
#include "base/memory.h"
#include "policy/parse_internal.h"

#define BIT(identity) (1U << (identity))

/* What one element of ingress, egress, ingressDeny or egressDeny says before it is whole. */
struct cilium_rule {
	struct rule_reader to;
	unsigned peer_fields; /* fields that name peers, also by an empty list */
	bool has_ports;
};

/* ── peers ── */

/* Unless it asks for namespaces itself, a selector is about the policy's own. */
static bool asks_for_namespace(const struct selector *selector)
{
	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *requirement = &selector->requirements[i];

		if (!strcmp(requirement->key, LABEL_NAMESPACE) || !strcmp(requirement->source, LABEL_SOURCE_RESERVED) ||
		    !strncmp(requirement->key, LABEL_NAMESPACE_LABELS, strlen(LABEL_NAMESPACE_LABELS)))
			return true;
	}
	return false;
}

static void read_endpoints_item(const struct place *place, void *userdata)
{
	const struct cilium_rule *rule = userdata;
	struct selector *selector = &policy_rule_add_peer(rule->to.rule, PEER_PODS)->selector;

	parse_selector(place, KEYS_CILIUM, selector);
	if (rule->to.policy->space && !asks_for_namespace(selector))
		parse_require_namespace(selector, rule->to.policy->space);
}

static void read_peer_list(const struct place *place, struct cilium_rule *rule, place_fn read)
{
	if (place_is_null(place))
		return;
	rule->peer_fields++;
	place_items(place, read, rule);
}

static void read_endpoints(const struct place *place, void *userdata)
{
	read_peer_list(place, userdata, read_endpoints_item);
}

static void read_entity(const struct place *place, void *userdata)
{
	static const char *const words[] = {"all",  "cluster",   "world",          "host", "remote-node", "health",
	                                    "init", "unmanaged", "kube-apiserver", "none", NULL};
	static const uint32_t bits[] = {
		ENTITY_ANYBODY,
		ENTITY_PODS | BIT(IDENTITY_HOST) | BIT(IDENTITY_REMOTE_NODE) | BIT(IDENTITY_HEALTH) |
			BIT(IDENTITY_INIT) | BIT(IDENTITY_UNMANAGED) | BIT(IDENTITY_KUBE_APISERVER),
		BIT(IDENTITY_WORLD),
		BIT(IDENTITY_HOST),
		BIT(IDENTITY_REMOTE_NODE) | BIT(IDENTITY_KUBE_APISERVER),
		BIT(IDENTITY_HEALTH),
		BIT(IDENTITY_INIT),
		BIT(IDENTITY_UNMANAGED),
		BIT(IDENTITY_KUBE_APISERVER),
		0,
	};
	struct cilium_rule *rule = userdata;
	int index = place_word(place, words);

	if (index >= 0)
		policy_rule_add_peer(rule->to.rule, PEER_ENTITIES)->entities = bits[index];
}

static void read_entities(const struct place *place, void *userdata)
{
	read_peer_list(place, userdata, read_entity);
}

static struct policy_peer *add_block(struct cilium_rule *rule)
{
	struct policy_peer *peer = policy_rule_add_peer(rule->to.rule, PEER_CIDR);

	peer->world_only = true;
	return peer;
}

static void read_cidr(const struct place *place, void *userdata)
{
	parse_cidr(place, NULL, &add_block(userdata)->cidr);
}

static void read_cidrs(const struct place *place, void *userdata)
{
	read_peer_list(place, userdata, read_cidr);
}

static void read_set_cidr(const struct place *place, void *userdata)
{
	struct policy_peer *peer = userdata;

	parse_cidr(place, NULL, &peer->cidr);
}

static void read_except(const struct place *place, void *userdata)
{
	struct policy_peer *peer = userdata;
	struct prefix prefix;

	if (parse_cidr(place, &peer->cidr, &prefix))
		*policy_peer_add_except(peer) = prefix;
}

static void read_set(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {
		{"cidr", read_set_cidr, .must = true},      {"except"}, {"cidrGroupRef", .unsupported = true},
		{"cidrGroupSelector", .unsupported = true}, {},
	};
	struct policy_peer *peer = add_block(userdata);
	struct place except;

	place_fields(place, fields, peer);
	if (place_find(place, "except", &except) && !place_is_null(&except))
		place_items(&except, read_except, peer);
}

static void read_cidr_sets(const struct place *place, void *userdata)
{
	read_peer_list(place, userdata, read_set);
}

/* ── ports ── */

static void read_protocol(const struct place *place, void *userdata)
{
	static const char *const words[] = {"TCP", "UDP", "SCTP", "ANY", NULL};
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP, PROTOCOL_ANY};
	struct policy_port *port = userdata;
	int index = place_word(place, words);

	if (index >= 0)
		port->protocol = protocols[index];
}

/* Text, also for a number; "0" is every port. */
static void read_port_number(const struct place *place, void *userdata)
{
	const char *text = place_text(place);
	struct policy_port *port = userdata;
	char *end;
	unsigned long number;

	if (!text)
		return;
	number = strtoul(text, &end, 10);
	if (!*text || *end || text[0] < '0' || text[0] > '9')
		parse_port_name(place, port);
	else if (number > UINT16_MAX)
		place_problem(place, "must be a number from 0 to %d, not '%s'", UINT16_MAX, text);
	else
		*port = (struct policy_port){.protocol = port->protocol,
		                             .first = (uint16_t)number,
		                             .last = number ? (uint16_t)number : UINT16_MAX};
}

static void read_port(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {
		{"port", read_port_number, .must = true}, {"endPort"}, {"protocol", read_protocol}, {}};
	struct cilium_rule *rule = userdata;
	struct policy_port *port = policy_rule_add_port(rule->to.rule);
	struct place end;

	place_fields(place, fields, port);
	if (place_find(place, "endPort", &end) &&
	    !(place_is_number(&end) && !strcmp("0", (char *)end.node->data.scalar.value)))
		parse_end_port(&end, port);
}

/* An empty list would mean no port at all, which nobody wants, or every port, which nobody expects. */
static void read_some(const struct place *place, place_fn read, void *userdata)
{
	if (place_items(place, read, userdata) && place_is_empty(place))
		place_problem(place, "needs at least one element");
}

static void read_port_list(const struct place *place, void *userdata)
{
	read_some(place, read_port, userdata);
}

static void read_port_rule(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {
		{"ports", read_port_list, .must = true},
		{"rules", .unsupported = true},
		{"listener", .unsupported = true},
		{"originatingTLS", .unsupported = true},
		{"serverNames", .unsupported = true},
		{"terminatingTLS", .unsupported = true},
		{},
	};

	place_fields(place, fields, userdata);
}

static void read_port_rules(const struct place *place, void *userdata)
{
	struct cilium_rule *rule = userdata;

	if (!place_is_null(place) && place_items(place, read_port_rule, rule))
		rule->has_ports |= !place_is_empty(place);
}

/* ── ICMP ── */

/* An entry of the table of types by name: Cilium takes both. */
static const struct {
	const char *name;
	uint8_t protocol, type;
} ICMP_TYPES[] = {
	{"EchoReply", PROTOCOL_ICMP, 0},
	{"DestinationUnreachable", PROTOCOL_ICMP, 3},
	{"Redirect", PROTOCOL_ICMP, 5},
	{"Echo", PROTOCOL_ICMP, 8},
	{"EchoRequest", PROTOCOL_ICMP, 8},
	{"RouterAdvertisement", PROTOCOL_ICMP, 9},
	{"RouterSelection", PROTOCOL_ICMP, 10},
	{"TimeExceeded", PROTOCOL_ICMP, 11},
	{"ParameterProblem", PROTOCOL_ICMP, 12},
	{"Timestamp", PROTOCOL_ICMP, 13},
	{"TimestampReply", PROTOCOL_ICMP, 14},
	{"Photuris", PROTOCOL_ICMP, 40},
	{"ExtendedEchoRequest", PROTOCOL_ICMP, 42},
	{"ExtendedEchoReply", PROTOCOL_ICMP, 43},
	{"DestinationUnreachable", PROTOCOL_ICMPV6, 1},
	{"PacketTooBig", PROTOCOL_ICMPV6, 2},
	{"TimeExceeded", PROTOCOL_ICMPV6, 3},
	{"ParameterProblem", PROTOCOL_ICMPV6, 4},
	{"EchoRequest", PROTOCOL_ICMPV6, 128},
	{"EchoReply", PROTOCOL_ICMPV6, 129},
	{"MulticastListenerQuery", PROTOCOL_ICMPV6, 130},
	{"MulticastListenerReport", PROTOCOL_ICMPV6, 131},
	{"MulticastListenerDone", PROTOCOL_ICMPV6, 132},
	{"RouterSolicitation", PROTOCOL_ICMPV6, 133},
	{"RouterAdvertisement", PROTOCOL_ICMPV6, 134},
	{"NeighborSolicitation", PROTOCOL_ICMPV6, 135},
	{"NeighborAdvertisement", PROTOCOL_ICMPV6, 136},
	{"RedirectMessage", PROTOCOL_ICMPV6, 137},
};

static void read_icmp_family(const struct place *place, void *userdata)
{
	static const char *const words[] = {"IPv4", "IPv6", NULL};
	struct policy_port *port = userdata;

	port->protocol = place_word(place, words) == 1 ? PROTOCOL_ICMPV6 : PROTOCOL_ICMP;
}

static void read_icmp_name(const struct place *place, struct policy_port *port)
{
	const char *text = place_text(place);

	if (!text)
		return;
	for (size_t i = 0; i < sizeof(ICMP_TYPES) / sizeof(*ICMP_TYPES); i++)
		if (ICMP_TYPES[i].protocol == port->protocol && !strcmp(ICMP_TYPES[i].name, text)) {
			port->first = port->last = ICMP_TYPES[i].type;
			return;
		}
	place_problem(place, "there is no ICMP type '%s' in this family", text);
}

static void read_icmp_type(const struct place *place, struct policy_port *port)
{
	unsigned long type;

	if (!place_is_number(place))
		read_icmp_name(place, port);
	else if (place_number(place, 0, UINT8_MAX, &type))
		port->first = port->last = (uint16_t)type;
}

static void read_icmp(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {{"family", read_icmp_family}, {"type", .must = true}, {}};
	struct cilium_rule *rule = userdata;
	struct policy_port *port = policy_rule_add_port(rule->to.rule);
	struct place type;

	port->protocol = PROTOCOL_ICMP;
	place_fields(place, fields, port);
	/* After the family, wherever it stands. */
	if (place_find(place, "type", &type))
		read_icmp_type(&type, port);
}

static void read_icmp_list(const struct place *place, void *userdata)
{
	read_some(place, read_icmp, userdata);
}

static void read_icmp_rule(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {{"fields", read_icmp_list, .must = true}, {}};

	place_fields(place, fields, userdata);
}

static void read_icmp_rules(const struct place *place, void *userdata)
{
	struct cilium_rule *rule = userdata;

	if (!place_is_null(place) && place_items(place, read_icmp_rule, rule))
		rule->has_ports |= !place_is_empty(place);
}

/* ── rules ── */

static const struct place_field INGRESS_FIELDS[] = {
	{"fromEndpoints", read_endpoints},
	{"fromEntities", read_entities},
	{"fromCIDR", read_cidrs},
	{"fromCIDRSet", read_cidr_sets},
	{"toPorts", read_port_rules},
	{"icmps", read_icmp_rules},
	{"authentication", .unsupported = true},
	{"fromGroups", .unsupported = true},
	{"fromNodes", .unsupported = true},
	{"fromRequires", .unsupported = true},
	{},
};

static const struct place_field EGRESS_FIELDS[] = {
	{"toEndpoints", read_endpoints},
	{"toEntities", read_entities},
	{"toCIDR", read_cidrs},
	{"toCIDRSet", read_cidr_sets},
	{"toPorts", read_port_rules},
	{"icmps", read_icmp_rules},
	{"authentication", .unsupported = true},
	{"toFQDNs", .unsupported = true},
	{"toGroups", .unsupported = true},
	{"toNodes", .unsupported = true},
	{"toRequires", .unsupported = true},
	{"toServices", .unsupported = true},
	{},
};

/* Several fields of peers add up. An element that names neither peers nor ports allows nothing: it only closes. */
static void read_rule(const struct place *place, void *userdata)
{
	const struct rule_reader *reader = userdata;
	struct cilium_rule rule = {.to = *reader};

	rule.to.rule = parse_add_rule(place, &rule.to);
	place_fields(place, rule.to.direction == POLICY_INGRESS ? INGRESS_FIELDS : EGRESS_FIELDS, &rule);
	rule.to.rule->anybody = !rule.peer_fields && rule.has_ports;
}

static void read_rules(const struct place *place, struct policy *policy, enum policy_direction direction, bool deny)
{
	struct rule_reader reader = {.policy = policy, .direction = direction, .deny = deny};

	if (!place_is_null(place) && place_items(place, read_rule, &reader) && !place_is_empty(place))
		policy->closes[direction] = true;
}

static void read_ingress(const struct place *place, void *userdata)
{
	read_rules(place, userdata, POLICY_INGRESS, false);
}

static void read_ingress_deny(const struct place *place, void *userdata)
{
	read_rules(place, userdata, POLICY_INGRESS, true);
}

static void read_egress(const struct place *place, void *userdata)
{
	read_rules(place, userdata, POLICY_EGRESS, false);
}

static void read_egress_deny(const struct place *place, void *userdata)
{
	read_rules(place, userdata, POLICY_EGRESS, true);
}

/* ── the spec ── */

/* Whatever it asks for, it is about pods of the policy's own namespace: who may write there rules nowhere else. */
static void read_subject(const struct place *place, void *userdata)
{
	struct policy *policy = userdata;

	parse_selector(place, KEYS_CILIUM, &policy->subject);
	if (policy->space)
		parse_require_namespace(&policy->subject, policy->space);
}

static void read_closes_ingress(const struct place *place, void *userdata)
{
	struct policy *policy = userdata;

	place_boolean(place, &policy->closes[POLICY_INGRESS]);
}

static void read_closes_egress(const struct place *place, void *userdata)
{
	struct policy *policy = userdata;

	place_boolean(place, &policy->closes[POLICY_EGRESS]);
}

static void read_default_deny(const struct place *place, struct policy *policy)
{
	static const struct place_field fields[] = {
		{"ingress", read_closes_ingress}, {"egress", read_closes_egress}, {}};

	place_fields(place, fields, policy);
}

void parse_cilium_spec(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {
		{"endpointSelector", read_subject, .must = true},
		{"nodeSelector", .unsupported = true},
		{"ingress", read_ingress},
		{"ingressDeny", read_ingress_deny},
		{"egress", read_egress},
		{"egressDeny", read_egress_deny},
		{"enableDefaultDeny"},
		{"description"},
		{"labels"},
		{"log"},
		{},
	};
	struct place default_deny;

	place_fields(place, fields, userdata);
	/* After the rules, which say what it is unless it is said. */
	if (place_find(place, "enableDefaultDeny", &default_deny))
		read_default_deny(&default_deny, userdata);
}
