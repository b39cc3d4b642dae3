/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label selectors (Kubernetes API, LabelSelector): requirements, all of which must hold. One without any selects
 * every pod.
 */
#ifndef PILUS_POLICY_SELECTOR_H
#define PILUS_POLICY_SELECTOR_H

#include "policy/label_set.h"

enum selector_relation {
	SELECTOR_IN,             /* the label is there, with one of the values */
	SELECTOR_NOT_IN,         /* it is not there, or with none of the values */
	SELECTOR_EXISTS,         /* it is there */
	SELECTOR_DOES_NOT_EXIST, /* it is not */
};

struct requirement {
	char *source; /* "": any */
	char *key;
	enum selector_relation relation;
	char **values;
	size_t count;
};

struct selector {
	struct requirement *requirements;
	size_t count;
};

/* Adds a requirement without values, and a value to one. `key` may begin with a source: "k8s:app". */
struct requirement *selector_add(struct selector *selector, enum selector_relation relation, const char *source,
                                 const char *key);
void requirement_add_value(struct requirement *requirement, const char *value);
void selector_copy(const struct selector *selector, struct selector *ret);
void selector_clear(struct selector *selector);

bool selector_matches(const struct selector *selector, const struct label_set *labels);

/* "app=web, tier in (a, b), !legacy" (to free); "" for one that selects all. */
char *selector_format(const struct selector *selector);

/* Text that tells selectors apart, whatever is in their values (to free). */
char *selector_key(const struct selector *selector);

#endif
