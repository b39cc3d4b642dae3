/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies to what the programs look up (abi/policy.h): for the pods of one label set, an entry for each peer, protocol
 * and prefix of ports that a rule speaks of. Answers from the entries are those of evaluate.h.
 */
#ifndef PILUS_POLICY_COMPILE_H
#define PILUS_POLICY_COMPILE_H

#include "abi/policy.h"
#include "policy/world.h"

/* One entry, in the order of the host. */
struct policy_line {
	uint32_t peer;     /* as in struct policy_key */
	uint32_t rule;     /* its number: rulebook.h */
	uint16_t port;     /* the first of the prefix */
	uint8_t port_bits; /* 0: every port; 16: this one */
	uint8_t protocol;  /* PROTOCOL_ANY: all, and then all ports */
	uint8_t direction; /* enum policy_direction */
	bool deny;
};

bool policy_line_equal(const struct policy_line *a, const struct policy_line *b);

struct policy_set {
	bool asks[POLICY_DIRECTIONS]; /* there is something to ask */
	bool closes[POLICY_DIRECTIONS];
	struct policy_line *lines; /* by peer, direction, protocol and port; no two for the same key */
	size_t count;
	struct prefix *blocks; /* those that its rules name, ascending, without doubles: the id of [i] is i + 1 */
	size_t block_count;
	bool too_large; /* lines are missing: this must not be enforced */
};

/* Whom a set is for. */
struct policy_subject {
	const struct label_set *labels; /* of its named ports */
	bool always;                    /* both directions are closed, whatever the policies say */
	bool host;                      /* the host may come in, unless a rule denies it */
};

/*
 * The set of the policies, which are all about the subject, have entered the world and have numbers. Free it with
 * policy_set_clear.
 */
void policy_compile(const struct policy_list *policies, const struct policy_subject *subject, const struct world *world,
                    struct policy_set *ret);
void policy_set_clear(struct policy_set *set);

/* Of these lines, those about one pod's identity: what a set that is there needs when only that one came. */
size_t policy_compile_peer(const struct policy_list *policies, const struct policy_subject *subject,
                           const struct world *world, uint32_t peer, struct policy_line **ret);

#endif
