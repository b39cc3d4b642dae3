/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Makes room for one more, and returns it zeroed. */
static void *append(void *array, size_t *count, size_t size)
{
	char **elements = array;

	*elements = xrealloc(*elements, (*count + 1) * size);
	return memset(*elements + (*count)++ * size, 0, size);
}

#define APPEND(array, count) ((__typeof__(array))append(&(array), &(count), sizeof(*(array))))

struct policy_rule *policy_add_rule(struct policy *policy, enum policy_direction direction, bool deny)
{
	struct policy_rule *rule = APPEND(policy->rules, policy->rule_count);

	rule->direction = direction;
	rule->deny = deny;
	return rule;
}

struct policy_peer *policy_rule_add_peer(struct policy_rule *rule, enum policy_peer_kind kind)
{
	struct policy_peer *peer = APPEND(rule->peers, rule->peer_count);

	peer->kind = kind;
	return peer;
}

struct policy_port *policy_rule_add_port(struct policy_rule *rule)
{
	return APPEND(rule->ports, rule->port_count);
}

struct prefix *policy_peer_add_except(struct policy_peer *peer)
{
	return APPEND(peer->except, peer->except_count);
}

static void rule_clear(struct policy_rule *rule)
{
	for (size_t i = 0; i < rule->peer_count; i++) {
		selector_clear(&rule->peers[i].selector);
		free(rule->peers[i].except);
	}
	free(rule->peers);
	for (size_t i = 0; i < rule->port_count; i++)
		free(rule->ports[i].name);
	free(rule->ports);
	free(rule->path);
}

void policy_drop_rules(struct policy *policy, enum policy_direction direction)
{
	size_t kept = 0;

	for (size_t i = 0; i < policy->rule_count; i++) {
		if (policy->rules[i].direction == direction)
			rule_clear(&policy->rules[i]);
		else
			policy->rules[kept++] = policy->rules[i];
	}
	policy->rule_count = kept;
}

void policy_free(struct policy *policy)
{
	if (!policy)
		return;
	for (size_t i = 0; i < policy->rule_count; i++)
		rule_clear(&policy->rules[i]);
	free(policy->rules);
	selector_clear(&policy->subject);
	free(policy->space);
	free(policy->name);
	free(policy);
}

void policy_list_add(struct policy_list *list, struct policy *policy)
{
	*APPEND(list->policies, list->count) = policy;
}

void policy_list_clear(struct policy_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		policy_free(list->policies[i]);
	free(list->policies);
	*list = (struct policy_list){};
}
