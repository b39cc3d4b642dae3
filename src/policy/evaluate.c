/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/evaluate.h"

#include "abi/flow.h"
#include "abi/ipcache.h"

bool policy_selects(const struct policy *policy, const struct label_set *labels)
{
	return selector_matches(&policy->subject, labels);
}

static bool is_reserved(uint32_t identity)
{
	return identity && identity < IDENTITY_ALLOCATED_MIN;
}

static bool entities_contain(uint32_t entities, const struct policy_party *party)
{
	if (entities & ENTITY_ANYBODY)
		return true;
	return is_reserved(party->identity) ? party->identity < 16 && entities & (1U << party->identity)
	                                    : entities & ENTITY_PODS;
}

static bool block_contains(const struct policy_peer *peer, const struct policy_party *party)
{
	if (addr_is_zero(&party->addr) || !prefix_contains(&peer->cidr, &party->addr))
		return false;
	if (peer->world_only && party->identity != IDENTITY_WORLD)
		return false;
	for (size_t i = 0; i < peer->except_count; i++)
		if (prefix_contains(&peer->except[i], &party->addr))
			return false;
	return true;
}

static bool peer_matches(const struct policy_peer *peer, const struct policy_party *party)
{
	switch (peer->kind) {
	case PEER_PODS:
		return party->labels && selector_matches(&peer->selector, party->labels);
	case PEER_ENTITIES:
		return entities_contain(peer->entities, party);
	case PEER_CIDR:
		return block_contains(peer, party);
	}
	return false;
}

/* Those that have ports. */
static bool is_any_port_protocol(uint8_t protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP;
}

static const struct policy_party *receiver(const struct policy_question *question)
{
	return question->direction == POLICY_INGRESS ? &question->subject : &question->peer;
}

static bool port_matches(const struct policy_port *port, const struct policy_question *question)
{
	const struct label_set *labels;
	uint16_t number;

	if (port->protocol ? port->protocol != question->protocol : !is_any_port_protocol(question->protocol))
		return false;
	if (!port->name)
		return port->first <= question->port && question->port <= port->last;
	labels = receiver(question)->labels;
	number = labels ? label_set_port(labels, port->name, question->protocol) : 0;
	return number && number == question->port;
}

/* Names are those of pods that were selected: at an address of a block they mean nothing. */
static bool rule_covers_port(const struct policy_rule *rule, const struct policy_question *question, bool is_block)
{
	bool nameless = is_block && question->direction == POLICY_EGRESS;

	for (size_t i = 0; i < rule->port_count; i++)
		if (!(nameless && rule->ports[i].name) && port_matches(&rule->ports[i], question))
			return true;
	return !rule->port_count;
}

bool policy_rule_applies(const struct policy_rule *rule, const struct policy_question *question)
{
	if (rule->direction != question->direction)
		return false;
	for (size_t i = 0; i < rule->peer_count; i++)
		if (peer_matches(&rule->peers[i], &question->peer) &&
		    rule_covers_port(rule, question, rule->peers[i].kind == PEER_CIDR))
			return true;
	return rule->anybody && rule_covers_port(rule, question, false);
}

/* What one policy has to say beside what others said already: a denial is the last word. */
static void hear(const struct policy *policy, const struct policy_question *question, struct policy_answer *answer)
{
	if (policy->closes[question->direction] && answer->verdict == POLICY_NOT_ENFORCED)
		answer->verdict = POLICY_NOT_ALLOWED;
	for (size_t i = 0; i < policy->rule_count && answer->verdict != POLICY_DENIED; i++) {
		const struct policy_rule *rule = &policy->rules[i];

		if ((!rule->deny && answer->verdict == POLICY_ALLOWED) || !policy_rule_applies(rule, question))
			continue;
		*answer = (struct policy_answer){
			.verdict = rule->deny ? POLICY_DENIED : POLICY_ALLOWED, .policy = policy, .rule = rule};
	}
}

struct policy_answer policy_evaluate(const struct policy_list *list, const struct policy_question *question)
{
	struct policy_answer answer = {.verdict = POLICY_NOT_ENFORCED};

	for (size_t i = 0; i < list->count; i++)
		if (policy_selects(list->policies[i], question->subject.labels))
			hear(list->policies[i], question, &answer);
	return answer;
}
