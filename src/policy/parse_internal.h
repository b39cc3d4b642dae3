/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers of the languages share.
 */
#ifndef PILUS_POLICY_PARSE_INTERNAL_H
#define PILUS_POLICY_PARSE_INTERNAL_H

#include "policy/place.h"
#include "policy/policy.h"

/* Where a rule is being read into. */
struct rule_reader {
	struct policy *policy;
	struct policy_rule *rule;
	enum policy_direction direction;
	bool deny;
};

/* A rule of what is being read, that begins at the place. */
struct policy_rule *parse_add_rule(const struct place *place, const struct rule_reader *reader);

/* The spec of each kind, into a policy that has its kind, name and namespace. */
void parse_kubernetes_spec(const struct place *place, void *policy);
void parse_cilium_spec(const struct place *place, void *policy);

/* How the keys of a selector become those of labels. */
enum selector_keys {
	KEYS_KUBERNETES, /* of pods: of source k8s */
	KEYS_NAMESPACE,  /* of namespaces, whose labels are among their pods' */
	KEYS_CILIUM,     /* of any source, or of the one before the colon */
};

/* Adds the requirements of a LabelSelector to what `ret` requires already. */
void parse_selector(const struct place *place, enum selector_keys keys, struct selector *ret);
void parse_require_namespace(struct selector *selector, const char *space);

/* "10.0.0.0/8", and one inside of `around` (NULL: anywhere), for an exception. False with a problem. */
bool parse_cidr(const struct place *place, const struct prefix *around, struct prefix *ret);

/* A port's name (RFC 6335, section 5.1). False with a problem. */
bool parse_port_name(const struct place *place, struct policy_port *port);

/* endPort: the last of a range. */
void parse_end_port(const struct place *place, struct policy_port *port);

#endif
