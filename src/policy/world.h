/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is there, and whom of them the selectors of policies mean. Each selector that policies use is kept once, however
 * many use it, with those that it matches: whoever comes or goes is looked at once by each, and policies are compiled
 * without asking a selector again.
 */
#ifndef PILUS_POLICY_WORLD_H
#define PILUS_POLICY_WORLD_H

#include <uthash.h>

#include "policy/identity_set.h"
#include "policy/policy.h"

/* A selector, and whom it means now. */
struct selection {
	char *key; /* the same for equal selectors */
	struct selector selector;
	size_t users; /* peers of policies */
	struct identity_set identities;
	UT_hash_handle hh;
};

struct world;
struct world *world_new(void);
void world_free(struct world *world); /* when all policies have left */

/* Somebody comes, or has other labels than before; takes `labels` over and empties it. */
void world_add(struct world *world, uint32_t identity, struct label_set *labels);
void world_remove(struct world *world, uint32_t identity);

/* NULL: nobody is known by that number. */
const struct label_set *world_labels(const struct world *world, uint32_t identity);

/* Everybody. */
const struct identity_set *world_identities(const struct world *world);

/* From its entering to its leaving a policy's peers know their selection. */
void world_enter(struct world *world, struct policy *policy);
void world_leave(struct world *world, struct policy *policy);

/* In the order of their age. */
void world_each_selection(const struct world *world, void (*each)(const struct selection *selection, void *userdata),
                          void *userdata);

#endif
