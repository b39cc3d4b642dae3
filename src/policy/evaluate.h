/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What policies say about one packet that opens a connection, and which rule says so. Each question is about one pod in
 * one direction: a connection between two pods is two questions, egress of one and ingress of the other. This is the
 * meaning of policies, by going through them one by one; what the programs look up is made from the same rules.
 */
#ifndef PILUS_POLICY_EVALUATE_H
#define PILUS_POLICY_EVALUATE_H

#include "policy/policy.h"

/* One end of a connection. */
struct policy_party {
	const struct label_set *labels; /* NULL: none are known, and no named ports */
	uint32_t identity;              /* reserved ones are asked for by entities; others only say: a pod */
	struct addr addr;               /* zero: unknown, in no prefix */
};

struct policy_question {
	enum policy_direction direction;
	struct policy_party subject, peer;
	uint8_t protocol;
	uint16_t port; /* the receiver's; of ICMP the type */
};

enum policy_verdict {
	POLICY_NOT_ENFORCED, /* no policy closes this direction of the pod */
	POLICY_ALLOWED,      /* by `rule` */
	POLICY_DENIED,       /* by `rule` */
	POLICY_NOT_ALLOWED,  /* closed, and no rule allows it */
};

/* `policy` and `rule` are borrowed from the list; NULL where no rule decided. */
struct policy_answer {
	enum policy_verdict verdict;
	const struct policy *policy;
	const struct policy_rule *rule;
};

struct policy_answer policy_evaluate(const struct policy_list *list, const struct policy_question *question);

/* Is it about this pod? */
bool policy_selects(const struct policy *policy, const struct label_set *labels);

/* One rule alone: does it speak of this peer, protocol and port? */
bool policy_rule_applies(const struct policy_rule *rule, const struct policy_question *question);

#endif
