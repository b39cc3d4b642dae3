/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers for rules. What the programs look up says which rule it came from by a number (struct policy_entry of
 * abi/policy.h). The book says what that number means, also for a while after the rule has gone: what it decided last
 * may still be told of.
 */
#ifndef PILUS_POLICY_RULEBOOK_H
#define PILUS_POLICY_RULEBOOK_H

#include "policy/policy.h"

/* No policy's: what the agent itself allows. */
#define RULE_HOST  1 /* the host may reach its pods */
#define RULE_FIRST 256

struct rule_facts {
	enum policy_direction direction;
	bool deny;
	const char *kind;  /* "CiliumNetworkPolicy"; NULL: the agent's own */
	const char *space; /* its namespace; NULL: clusterwide, or the agent's own */
	const char *name;
	const char *path; /* "spec.ingress[0]"; of the agent's own what it says, in words */
};

struct rulebook;

/* Owns all policies in it. */
struct rulebook *rulebook_new(void);
void rulebook_free(struct rulebook *book);

/* Takes the policy over and numbers its rules. */
void rulebook_enter(struct rulebook *book, struct policy *policy);

/* It is in force no more. Its rules are remembered for a minute, then it is freed; nobody else may keep it. */
void rulebook_retire(struct rulebook *book, struct policy *policy);

/* What the number means, borrowed until the loop goes on; false for one that is not known (any more). */
bool rulebook_find(const struct rulebook *book, uint32_t number, struct rule_facts *ret);

#endif
