/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies to what the programs look up (abi/policy.h): for the pods of one label set, an entry for each peer, protocol
 * and prefix of ports that a rule speaks of. Answers from the entries are those of evaluate.h.
 */
#ifndef PILUS_POLICY_COMPILE_H
#define PILUS_POLICY_COMPILE_H

#include "abi/policy.h"
#include "policy/evaluate.h"

/* Somebody that selectors may mean. */
struct policy_peer_identity {
	uint32_t identity;
	const struct label_set *labels;
};

/* One entry, in the order of the host. */
struct policy_line {
	uint32_t peer; /* as in struct policy_key */
	enum policy_direction direction;
	bool deny;
	uint8_t protocol;            /* PROTOCOL_ANY: all, and then all ports */
	uint16_t port;               /* the first of the prefix */
	uint8_t port_bits;           /* 0: every port; 16: this one */
	const struct policy *policy; /* where it came from: borrowed */
	const struct policy_rule *rule;
};

struct policy_set {
	bool closes[POLICY_DIRECTIONS];
	struct policy_line *lines; /* by direction, peer, protocol and port; no two for the same key */
	size_t count;
	struct prefix *blocks; /* those that its rules name, without doubles: the id of [i] is i + 1 */
	size_t block_count;
};

/* What there is to compile against. */
struct policy_world {
	const struct policy_peer_identity *identities;
	size_t identity_count;
	uint32_t subject;          /* the subject's identity */
	policy_port_fn named_port; /* NULL: no port has a name */
	void *userdata;
};

/* The set for pods with these labels. Free it with policy_set_clear; it points into `list`. */
void policy_compile(const struct policy_list *list, const struct label_set *subject, const struct policy_world *world,
                    struct policy_set *ret);
void policy_set_clear(struct policy_set *set);

#endif
