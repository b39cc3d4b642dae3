/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of identities, ascending: small, and quick to ask. A zeroed one is empty.
 */
#ifndef PILUS_POLICY_IDENTITY_SET_H
#define PILUS_POLICY_IDENTITY_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct identity_set {
	uint32_t *numbers;
	size_t count, room;
};

/* True when that changed it. */
bool identity_set_add(struct identity_set *set, uint32_t number);
bool identity_set_remove(struct identity_set *set, uint32_t number);

bool identity_set_has(const struct identity_set *set, uint32_t number);
void identity_set_clear(struct identity_set *set);

#endif
