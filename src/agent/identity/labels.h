/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label sets: JSON arrays of "source:key=value" or "source:key", sorted and free of duplicates.
 */
#ifndef PILUS_AGENT_IDENTITY_LABELS_H
#define PILUS_AGENT_IDENTITY_LABELS_H

#include <jansson.h>

#include "base/error.h"

/* Sorts and makes unique, in place. -EINVAL when it is no array, is empty, or an element is no label. */
int labels_normalise(json_t *labels, struct error *error);

#endif
