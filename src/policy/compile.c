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
#include "policy/rulebook.h"

#define PORTS     65536
#define LINES_MAX (2UL * 1024 * 1024) /* half of the map: peers times ports of a short rule may be any number */

/* A set while it is made. */
struct builder {
	const struct world *world;
	const struct policy_subject *subject;
	const struct policy_rule *rule;
	uint32_t number; /* the rule's */
	uint32_t only;   /* lines about this identity, of a pod; 0: about all */
	struct policy_set *set;
	size_t room, block_room;
};

/* ── blocks ── */

/* By address, the wider first: what lies in a block follows it. */
static int compare_blocks(const void *left, const void *right)
{
	const struct prefix *a = left, *b = right;

	return addr_compare(&a->addr, &b->addr) ?: a->bits - b->bits;
}

/* Does the second cover the first as the programs compare them, by their bits? They know nothing of families. */
static bool shares_bits(const struct prefix *inner, const struct prefix *outer)
{
	struct prefix around = prefix_around(&inner->addr, outer->bits);

	return inner->bits >= outer->bits && prefix_equal(&around, outer);
}

/* Where one covers IPv4 that means IPv6, as ::/0 does, IPv4 is a block, too: one that no rule is written for. */
static void add_block(struct builder *builder, const struct prefix *prefix)
{
	static const struct prefix every_v4 = {.addr.word[2] = ADDR_V4_MARK, .bits = ADDR_V4_PREFIX_BITS};
	struct policy_set *set = builder->set;

	if (set->block_count == builder->block_room) {
		builder->block_room = builder->block_room * 2 + 16;
		set->blocks = xrealloc(set->blocks, builder->block_room * sizeof(*set->blocks));
	}
	set->blocks[set->block_count++] = *prefix;
	if (!prefix_is_v4(prefix) && shares_bits(&every_v4, prefix))
		add_block(builder, &every_v4);
}

static void add_blocks_of_rule(struct builder *builder, const struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->peer_count; i++) {
		const struct policy_peer *peer = &rule->peers[i];

		if (peer->kind == PEER_CIDR)
			add_block(builder, &peer->cidr);
		for (size_t j = 0; j < peer->except_count; j++)
			add_block(builder, &peer->except[j]);
	}
}

static void put_blocks_in_order(struct policy_set *set)
{
	size_t kept = 0;

	if (set->block_count)
		qsort(set->blocks, set->block_count, sizeof(*set->blocks), compare_blocks);
	for (size_t i = 0; i < set->block_count; i++)
		if (!kept || !prefix_equal(&set->blocks[kept - 1], &set->blocks[i]))
			set->blocks[kept++] = set->blocks[i];
	set->block_count = kept;
}

/* The first that does not come before the prefix. */
static size_t block_at(const struct policy_set *set, const struct prefix *prefix)
{
	size_t low = 0, high = set->block_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_blocks(&set->blocks[middle], prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ── lines ── */

static void append_line(struct builder *builder, const struct policy_line *line)
{
	struct policy_set *set = builder->set;

	if (set->count == LINES_MAX) {
		set->too_large = true;
		return;
	}
	if (set->count == builder->room) {
		builder->room = builder->room ? builder->room * 2 : 64;
		set->lines = xrealloc(set->lines, builder->room * sizeof(*set->lines));
	}
	set->lines[set->count++] = *line;
}

static void add_line(struct builder *builder, uint32_t peer, uint8_t protocol, uint16_t port, uint8_t port_bits)
{
	const struct policy_line line = {
		.peer = peer,
		.rule = builder->number,
		.port = port,
		.port_bits = port_bits,
		.protocol = protocol,
		.direction = builder->rule->direction,
		.deny = builder->rule->deny,
	};

	if (!builder->only || builder->only == peer)
		append_line(builder, &line);
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

static void add_named(struct builder *builder, uint32_t peer, const struct label_set *receiver,
                      const struct policy_port *port, uint8_t protocol)
{
	uint16_t number = receiver ? label_set_port(receiver, port->name, protocol) : 0;

	if (number)
		add_line(builder, peer, protocol, number, 16);
}

/* Those whom "anybody" may mean, one by one: the name is the receiver's. */
static void add_named_of_all(struct builder *builder, const struct policy_port *port, uint8_t protocol)
{
	const struct identity_set *all = world_identities(builder->world);

	for (size_t i = 0; i < all->count; i++)
		if (!builder->only || builder->only == all->numbers[i])
			add_named(builder, all->numbers[i], world_labels(builder->world, all->numbers[i]), port,
			          protocol);
}

static void add_name(struct builder *builder, uint32_t peer, const struct policy_port *port, uint8_t protocol)
{
	if (builder->rule->direction == POLICY_INGRESS)
		add_named(builder, peer, builder->subject->labels, port, protocol);
	else if (peer == POLICY_ANYBODY)
		add_named_of_all(builder, port, protocol);
	else if (peer < POLICY_BLOCK)
		add_named(builder, peer, world_labels(builder->world, peer), port, protocol);
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
	for (size_t i = 0; i < rule->port_count && !builder->set->too_large; i++)
		add_port(builder, peer, &rule->ports[i]);
}

/* ── peers ── */

static void add_pods(struct builder *builder, const struct identity_set *identities)
{
	if (builder->only && identity_set_has(identities, builder->only))
		add_ports(builder, builder->only);
	for (size_t i = 0; !builder->only && i < identities->count; i++)
		add_ports(builder, identities->numbers[i]);
}

static void add_cluster(struct builder *builder)
{
	const struct identity_set *all = world_identities(builder->world);

	if (builder->only)
		add_ports(builder, builder->only);
	for (size_t i = 0; !builder->only && i < all->count; i++)
		if (all->numbers[i] >= IDENTITY_ALLOCATED_MIN)
			add_ports(builder, all->numbers[i]);
}

static void add_entities(struct builder *builder, uint32_t entities)
{
	if (entities & ENTITY_ANYBODY) {
		add_ports(builder, POLICY_ANYBODY);
		return;
	}
	for (uint32_t identity = 1; identity < 16; identity++)
		if (entities & (1U << identity))
			add_ports(builder, identity);
	if (entities & ENTITY_PODS)
		add_cluster(builder);
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

	for (size_t i = block_at(set, &peer->cidr); i < set->block_count && shares_bits(&set->blocks[i], &peer->cidr);
	     i++)
		if (is_inside(&set->blocks[i], &peer->cidr) && !is_excepted(peer, &set->blocks[i]))
			add_ports(builder, mark | ((uint32_t)i + 1));
}

static void add_peer(struct builder *builder, const struct policy_peer *peer)
{
	switch (peer->kind) {
	case PEER_PODS:
		add_pods(builder, &peer->selection->identities);
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
	int r = compare_numbers(a->peer, b->peer);

	r = r ?: compare_numbers(a->direction, b->direction);
	r = r ?: compare_numbers(a->protocol, b->protocol);
	r = r ?: compare_numbers(a->port, b->port);
	r = r ?: compare_numbers(a->port_bits, b->port_bits);
	r = r ?: compare_numbers(b->deny, a->deny);
	return r ?: compare_numbers(a->rule, b->rule);
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

static void note_policy(struct policy_set *set, const struct policy *policy)
{
	for (int direction = 0; direction < POLICY_DIRECTIONS; direction++) {
		set->closes[direction] |= policy->closes[direction];
		set->asks[direction] |= policy->closes[direction];
	}
	for (size_t i = 0; i < policy->rule_count; i++)
		set->asks[policy->rules[i].direction] = true;
}

static void add_policy(struct builder *builder, const struct policy *policy)
{
	for (size_t i = 0; i < policy->rule_count; i++) {
		builder->rule = &policy->rules[i];
		builder->number = policy->first_rule + (uint32_t)i;
		add_rule(builder);
	}
}

/* Only what is closed needs it. */
static void add_host(struct builder *builder)
{
	const struct policy_line line = {.peer = IDENTITY_HOST, .rule = RULE_HOST, .direction = POLICY_INGRESS};

	if (builder->subject->host && builder->set->closes[POLICY_INGRESS])
		append_line(builder, &line);
}

void policy_compile(const struct policy_list *policies, const struct policy_subject *subject, const struct world *world,
                    struct policy_set *ret)
{
	struct policy_set set = {.asks = {subject->always, subject->always},
	                         .closes = {subject->always, subject->always}};
	struct builder builder = {.world = world, .subject = subject, .set = &set};

	for (size_t i = 0; i < policies->count; i++)
		for (size_t j = 0; j < policies->policies[i]->rule_count; j++)
			add_blocks_of_rule(&builder, &policies->policies[i]->rules[j]);
	put_blocks_in_order(&set);
	for (size_t i = 0; i < policies->count; i++) {
		note_policy(&set, policies->policies[i]);
		add_policy(&builder, policies->policies[i]);
	}
	add_host(&builder);
	if (!set.too_large)
		put_in_order(&set);
	*ret = set;
}

size_t policy_compile_peer(const struct policy_list *policies, const struct policy_subject *subject,
                           const struct world *world, uint32_t peer, struct policy_line **ret)
{
	struct policy_set set = {};
	struct builder builder = {.world = world, .subject = subject, .set = &set, .only = peer};

	for (size_t i = 0; i < policies->count; i++)
		add_policy(&builder, policies->policies[i]);
	put_in_order(&set);
	*ret = set.lines;
	return set.count;
}

bool policy_line_equal(const struct policy_line *a, const struct policy_line *b)
{
	return is_same_key(a, b) && a->rule == b->rule && a->deny == b->deny;
}

void policy_set_clear(struct policy_set *set)
{
	free(set->lines);
	free(set->blocks);
	*set = (struct policy_set){};
}
