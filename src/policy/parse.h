/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies from YAML or JSON: any number of documents, of any of the kinds, also in a List. A file is taken whole or
 * not at all.
 */
#ifndef PILUS_POLICY_PARSE_H
#define PILUS_POLICY_PARSE_H

#include "policy/place.h"
#include "policy/policy.h"

/*
 * Adds what `text` holds to `list`; `file` is how problems name it. Returns 0; -EINVAL when there are problems, of
 * which each is told, and `list` is as before.
 */
int policy_parse(const char *file, const char *text, size_t size, struct policy_list *list, struct problems *problems);

#endif
