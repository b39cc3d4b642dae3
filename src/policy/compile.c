/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule by rule, peer by peer, port by port; then the lines are put in order, and those that a denial hides are dropped:
 * among the keys of one peer the programs hear only the longest match.
 */
#include "policy/compile.h"

#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "abi/ipcache.h"
#include "base/memory.h"

#define PORTS 65536

/* A set while it is made. */
struct builder {
	const struct policy_world *world;
	const struct policy *policy;
	const struct policy_rule *rule;
	struct policy_set *set;
	size_t room;
};

/* ── blocks ── */

static bool has_block(const struct policy_set *set, const struct prefix *prefix)
{
	for (size_t i = 0; i < set->block_count; i++)
		if (set->blocks[i].bits == prefix->bits && addr_equal(&set->blocks[i].addr, &prefix->addr))
			return true;
	return false;
}

static void add_block(struct policy_set *set, const struct prefix *prefix)
{
	if (has_block(set, prefix))
		return;
	set->blocks = xrealloc(set->blocks, (set->block_count + 1) * sizeof(*set->blocks));
	set->blocks[set->block_count++] = *prefix;
}

static void add_blocks(struct policy_set *set, const struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t j = 0; j < policy->rules[i].peer_count; j++) {
			const struct policy_peer *peer = &policy->rules[i].peers[j];

			if (peer->kind == PEER_CIDR)
				add_block(set, &peer->cidr);
			for (size_t k = 0; k < peer->except_count; k++)
				add_block(set, &peer->except[k]);
		}
}

/* ── lines ── */

static void add_line(struct builder *builder, uint32_t peer, uint8_t protocol, uint16_t port, uint8_t port_bits)
{
	struct policy_set *set = builder->set;

	if (set->count == builder->room) {
		builder->room = builder->room ? builder->room * 2 : 64;
		set->lines = xrealloc(set->lines, builder->room * sizeof(*set->lines));
	}
	set->lines[set->count++] = (struct policy_line){
		.peer = peer,
		.direction = builder->rule->direction,
		.deny = builder->rule->deny,
		.protocol = protocol,
		.port = port,
		.port_bits = port_bits,
		.policy = builder->policy,
		.rule = builder->rule,
	};
}

/* Of the prefixes that begin at `first`, the widest that does not go beyond `last`. */
static uint8_t widest_prefix(uint32_t first, uint32_t last)
{
	uint8_t bits = 16;

	while (bits) {
		uint32_t size = PORTS >> (bits - 1);

		if (first % size || first + size - 1 > last)
			break;
		bits--;
	}
	return bits;
}

/* The fewest prefixes that make up the range. */
static void add_range(struct builder *builder, uint32_t peer, uint8_t protocol, uint32_t first, uint32_t last)
{
	while (first <= last) {
		uint8_t bits = widest_prefix(first, last);

		add_line(builder, peer, protocol, (uint16_t)first, bits);
		first += PORTS >> bits;
	}
}

static void add_named(struct builder *builder, uint32_t peer, uint32_t receiver, const struct policy_port *port,
                      uint8_t protocol)
{
	const struct policy_world *world = builder->world;
	uint16_t number = world->named_port ? world->named_port(receiver, port->name, protocol, world->userdata) : 0;

	if (number)
		add_line(builder, peer, protocol, number, 16);
}

/* The name is the receiver's: who may be meant by "anybody" is gone through one by one. */
static void add_name(struct builder *builder, uint32_t peer, const struct policy_port *port, uint8_t protocol)
{
	const struct policy_world *world = builder->world;

	if (builder->rule->direction == POLICY_INGRESS)
		add_named(builder, peer, world->subject, port, protocol);
	else if (peer && peer < POLICY_BLOCK)
		add_named(builder, peer, peer, port, protocol);
	else if (peer == POLICY_ANYBODY)
		for (size_t i = 0; i < world->identity_count; i++)
			add_named(builder, world->identities[i].identity, world->identities[i].identity, port,
			          protocol);
}

static void add_port_of(struct builder *builder, uint32_t peer, const struct policy_port *port, uint8_t protocol)
{
	if (port->name)
		add_name(builder, peer, port, protocol);
	else
		add_range(builder, peer, protocol, port->first, port->last);
}

static void add_port(struct builder *builder, uint32_t peer, const struct policy_port *port)
{
	static const uint8_t with_ports[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP};

	if (port->protocol != PROTOCOL_ANY) {
		add_port_of(builder, peer, port, port->protocol);
		return;
	}
	for (size_t i = 0; i < sizeof(with_ports); i++)
		add_port_of(builder, peer, port, with_ports[i]);
}

static void add_ports(struct builder *builder, uint32_t peer)
{
	const struct policy_rule *rule = builder->rule;

	if (!rule->port_count)
		add_line(builder, peer, PROTOCOL_ANY, 0, 0);
	for (size_t i = 0; i < rule->port_count; i++)
		add_port(builder, peer, &rule->ports[i]);
}

/* ── peers ── */

static void add_pods(struct builder *builder, const struct selector *selector)
{
	const struct policy_world *world = builder->world;

	for (size_t i = 0; i < world->identity_count; i++)
		if (selector_matches(selector, world->identities[i].labels))
			add_ports(builder, world->identities[i].identity);
}

static void add_entities(struct builder *builder, uint32_t entities)
{
	const struct policy_world *world = builder->world;

	if (entities & ENTITY_ANYBODY) {
		add_ports(builder, POLICY_ANYBODY);
		return;
	}
	for (uint32_t identity = 1; identity < 16; identity++)
		if (entities & (1U << identity))
			add_ports(builder, identity);
	for (size_t i = 0; entities & ENTITY_PODS && i < world->identity_count; i++)
		if (world->identities[i].identity >= IDENTITY_ALLOCATED_MIN)
			add_ports(builder, world->identities[i].identity);
}

static bool is_inside(const struct prefix *inner, const struct prefix *outer)
{
	return inner->bits >= outer->bits && prefix_contains(outer, &inner->addr);
}

static bool is_excepted(const struct policy_peer *peer, const struct prefix *block)
{
	for (size_t i = 0; i < peer->except_count; i++)
		if (is_inside(block, &peer->except[i]))
			return true;
	return false;
}

/* Addresses are looked up in the smallest block that they lie in: a rule is written for every block within its own. */
static void add_cidr(struct builder *builder, const struct policy_peer *peer)
{
	const struct policy_set *set = builder->set;
	uint32_t mark = peer->world_only ? POLICY_WORLD_BLOCK : POLICY_BLOCK;

	for (size_t i = 0; i < set->block_count; i++)
		if (is_inside(&set->blocks[i], &peer->cidr) && !is_excepted(peer, &set->blocks[i]))
			add_ports(builder, mark | ((uint32_t)i + 1));
}

static void add_peer(struct builder *builder, const struct policy_peer *peer)
{
	switch (peer->kind) {
	case PEER_PODS:
		add_pods(builder, &peer->selector);
		break;
	case PEER_ENTITIES:
		add_entities(builder, peer->entities);
		break;
	case PEER_CIDR:
		add_cidr(builder, peer);
		break;
	}
}

static void add_rule(struct builder *builder)
{
	if (builder->rule->anybody)
		add_ports(builder, POLICY_ANYBODY);
	for (size_t i = 0; i < builder->rule->peer_count; i++)
		add_peer(builder, &builder->rule->peers[i]);
}

/* ── order ── */

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

/* By key, the wider prefix first; of one key the denial, then as the rules stand. */
static int compare_lines(const void *left, const void *right)
{
	const struct policy_line *a = left, *b = right;
	int r = compare_numbers(a->direction, b->direction);

	r = r ?: compare_numbers(a->peer, b->peer);
	r = r ?: compare_numbers(a->protocol, b->protocol);
	r = r ?: compare_numbers(a->port, b->port);
	r = r ?: compare_numbers(a->port_bits, b->port_bits);
	r = r ?: compare_numbers(b->deny, a->deny);
	return r ?: (a->rule > b->rule) - (a->rule < b->rule);
}

static bool is_same_peer(const struct policy_line *a, const struct policy_line *b)
{
	return a->direction == b->direction && a->peer == b->peer;
}

static bool is_same_key(const struct policy_line *a, const struct policy_line *b)
{
	return is_same_peer(a, b) && a->protocol == b->protocol && a->port == b->port && a->port_bits == b->port_bits;
}

/* Does the first, which is not behind the second in order, mean all that the second does? */
static bool is_wider(const struct policy_line *a, const struct policy_line *b)
{
	if (!is_same_peer(a, b))
		return false;
	if (a->protocol == PROTOCOL_ANY)
		return true;
	return a->protocol == b->protocol && b->port - a->port < PORTS >> a->port_bits;
}

static void put_in_order(struct policy_set *set)
{
	struct policy_line last_denial[2] = {}; /* of every protocol, of one */
	bool denied[2] = {};
	size_t kept = 0;

	if (set->count)
		qsort(set->lines, set->count, sizeof(*set->lines), compare_lines);
	for (size_t i = 0; i < set->count; i++) {
		const struct policy_line line = set->lines[i];
		size_t scope = line.protocol != PROTOCOL_ANY;

		if ((denied[0] && is_wider(&last_denial[0], &line)) || (denied[1] && is_wider(&last_denial[1], &line)))
			continue;
		if (kept && is_same_key(&set->lines[kept - 1], &line))
			continue;
		if (line.deny) {
			last_denial[scope] = line;
			denied[scope] = true;
		}
		set->lines[kept++] = line;
	}
	set->count = kept;
}

/* ── sets ── */

static void add_policy(struct builder *builder, const struct policy *policy)
{
	builder->policy = policy;
	for (int direction = 0; direction < POLICY_DIRECTIONS; direction++)
		builder->set->closes[direction] |= policy->closes[direction];
	for (size_t i = 0; i < policy->rule_count; i++) {
		builder->rule = &policy->rules[i];
		add_rule(builder);
	}
}

void policy_compile(const struct policy_list *list, const struct label_set *subject, const struct policy_world *world,
                    struct policy_set *ret)
{
	struct policy_set set = {};
	struct builder builder = {.world = world, .set = &set};

	for (size_t i = 0; i < list->count; i++)
		if (policy_selects(list->policies[i], subject))
			add_blocks(&set, list->policies[i]);
	for (size_t i = 0; i < list->count; i++)
		if (policy_selects(list->policies[i], subject))
			add_policy(&builder, list->policies[i]);
	put_in_order(&set);
	*ret = set;
}

void policy_set_clear(struct policy_set *set)
{
	free(set->lines);
	free(set->blocks);
	*set = (struct policy_set){};
}
