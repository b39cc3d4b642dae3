/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NetworkPolicy (Kubernetes API, networking.k8s.io/v1).
 */
#include <string.h>

#include "abi/flow.h"
#include "base/memory.h"
#include "policy/parse_internal.h"

/* An element of `from` or `to`: a selector in two parts, or a block of addresses. */
struct peer_reader {
	struct policy *policy;
	struct policy_rule *rule;
	struct place pods, namespaces;
	bool has_pods, has_namespaces, has_block;
};

struct spec_reader {
	struct policy *policy;
	bool has_types;
};

/* ── ports ── */

static void read_protocol(const struct place *place, void *userdata)
{
	static const char *const words[] = {"TCP", "UDP", "SCTP", NULL};
	static const uint8_t protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP};
	struct policy_port *port = userdata;
	int index = place_word(place, words);

	if (index >= 0)
		port->protocol = protocols[index];
}

static void read_port_number(const struct place *place, void *userdata)
{
	struct policy_port *port = userdata;
	unsigned long number;

	if (!place_is_number(place))
		parse_port_name(place, port);
	else if (place_number(place, 1, UINT16_MAX, &number))
		port->first = port->last = (uint16_t)number;
}

static void read_port(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {
		{"protocol", read_protocol}, {"port", read_port_number}, {"endPort"}, {}};
	struct policy_port *port = policy_rule_add_port(userdata);
	struct place end;

	*port = (struct policy_port){.protocol = PROTOCOL_TCP};
	place_fields(place, fields, port);
	if (place_find(place, "endPort", &end))
		parse_end_port(&end, port);
	else if (!port->first && !port->name)
		port->last = UINT16_MAX;
}

static void read_ports(const struct place *place, void *userdata)
{
	if (!place_is_null(place))
		place_items(place, read_port, userdata);
}

/* ── peers ── */

static void read_except(const struct place *place, void *userdata)
{
	struct policy_peer *peer = userdata;
	struct prefix prefix;

	if (parse_cidr(place, &peer->cidr, &prefix))
		*policy_peer_add_except(peer) = prefix;
}

static void read_block_cidr(const struct place *place, void *userdata)
{
	struct policy_peer *peer = userdata;

	parse_cidr(place, NULL, &peer->cidr);
}

static void read_block(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {{"cidr", read_block_cidr, .must = true}, {"except"}, {}};
	struct peer_reader *reader = userdata;
	struct policy_peer *peer = policy_rule_add_peer(reader->rule, PEER_CIDR);
	struct place except;

	reader->has_block = true;
	place_fields(place, fields, peer);
	if (place_find(place, "except", &except) && !place_is_null(&except))
		place_items(&except, read_except, peer);
}

static void read_pod_selector(const struct place *place, void *userdata)
{
	struct peer_reader *reader = userdata;

	reader->pods = *place;
	reader->has_pods = !place_is_null(place);
}

static void read_namespace_selector(const struct place *place, void *userdata)
{
	struct peer_reader *reader = userdata;

	reader->namespaces = *place;
	reader->has_namespaces = !place_is_null(place);
}

/* Of this namespace, unless namespaces are selected. */
static void add_pods(const struct peer_reader *reader)
{
	struct policy_peer *peer = policy_rule_add_peer(reader->rule, PEER_PODS);

	if (reader->has_namespaces)
		parse_selector(&reader->namespaces, KEYS_NAMESPACE, &peer->selector);
	else
		parse_require_namespace(&peer->selector, reader->policy->space ?: "");
	if (reader->has_pods)
		parse_selector(&reader->pods, KEYS_KUBERNETES, &peer->selector);
}

static void read_peer(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {
		{"podSelector", read_pod_selector},
		{"namespaceSelector", read_namespace_selector},
		{"ipBlock", read_block},
		{},
	};
	const struct rule_reader *rule = userdata;
	struct peer_reader reader = {.policy = rule->policy, .rule = rule->rule};

	if (!place_fields(place, fields, &reader))
		return;
	if (reader.has_block && (reader.has_pods || reader.has_namespaces))
		place_problem(place,
		              "ipBlock stands alone: give podSelector and namespaceSelector an element of their own");
	else if (reader.has_pods || reader.has_namespaces)
		add_pods(&reader);
	else if (!reader.has_block)
		place_problem(place, "needs podSelector, namespaceSelector or ipBlock");
}

/* An empty list names nobody in particular: it is as none. */
static void read_peers(const struct place *place, void *userdata)
{
	struct rule_reader *reader = userdata;

	if (place_is_null(place))
		return;
	if (place_items(place, read_peer, reader))
		reader->rule->anybody = place_is_empty(place);
}

/* ── rules ── */

static void read_rule_ports(const struct place *place, void *userdata)
{
	struct rule_reader *reader = userdata;

	read_ports(place, reader->rule);
}

static void read_rule(const struct place *place, void *userdata)
{
	static const struct place_field ingress[] = {{"from", read_peers}, {"ports", read_rule_ports}, {}};
	static const struct place_field egress[] = {{"to", read_peers}, {"ports", read_rule_ports}, {}};
	struct rule_reader *reader = userdata;

	reader->rule = parse_add_rule(place, reader);
	reader->rule->anybody = true;
	place_fields(place, reader->direction == POLICY_INGRESS ? ingress : egress, reader);
}

static void read_rules(const struct place *place, struct policy *policy, enum policy_direction direction)
{
	struct rule_reader reader = {.policy = policy, .direction = direction};

	if (!place_is_null(place))
		place_items(place, read_rule, &reader);
}

static void read_ingress(const struct place *place, void *userdata)
{
	struct spec_reader *reader = userdata;

	read_rules(place, reader->policy, POLICY_INGRESS);
}

static void read_egress(const struct place *place, void *userdata)
{
	struct spec_reader *reader = userdata;

	read_rules(place, reader->policy, POLICY_EGRESS);
}

/* ── the spec ── */

static void read_subject(const struct place *place, void *userdata)
{
	struct spec_reader *reader = userdata;

	if (!place_is_null(place))
		parse_selector(place, KEYS_KUBERNETES, &reader->policy->subject);
}

static void read_type(const struct place *place, void *userdata)
{
	static const char *const words[] = {"Ingress", "Egress", NULL};
	struct spec_reader *reader = userdata;
	int index = place_word(place, words);

	if (index >= 0)
		reader->policy->closes[index] = true;
	reader->has_types = true;
}

static void read_types(const struct place *place, void *userdata)
{
	if (!place_is_null(place))
		place_items(place, read_type, userdata);
}

/* Unsaid, it closes ingress, and egress where it has rules for it. */
static void default_types(struct policy *policy)
{
	policy->closes[POLICY_INGRESS] = true;
	for (size_t i = 0; i < policy->rule_count; i++)
		policy->closes[policy->rules[i].direction] = true;
}

/* Rules for a direction that is not among the types have no meaning. */
void parse_kubernetes_spec(const struct place *place, void *userdata)
{
	static const struct place_field fields[] = {{"podSelector", read_subject},
	                                            {"policyTypes", read_types},
	                                            {"ingress", read_ingress},
	                                            {"egress", read_egress},
	                                            {}};
	struct spec_reader reader = {.policy = userdata};

	parse_require_namespace(&reader.policy->subject, reader.policy->space ?: "");
	place_fields(place, fields, &reader);
	if (!reader.has_types)
		default_types(reader.policy);
	for (int direction = 0; direction < POLICY_DIRECTIONS; direction++)
		if (!reader.policy->closes[direction])
			policy_drop_rules(reader.policy, direction);
}
