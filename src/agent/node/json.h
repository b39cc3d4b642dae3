/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node as the store and the API have it: docs/api.md.
 */
#ifndef PILUS_AGENT_NODE_JSON_H
#define PILUS_AGENT_NODE_JSON_H

#include "agent/node/node.h"

/* A new reference, without `local` and `neighbour`. */
json_t *node_info_to_json(const struct node_info *info);

/* The node called `name`. -EINVAL with words when the object is none, or another's. The caller frees ret->name. */
int node_info_parse(const char *name, json_t *value, struct node_info *ret, struct error *error);

bool node_info_equal(const struct node_info *a, const struct node_info *b); /* but for name and id */

#endif
