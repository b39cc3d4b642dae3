/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch: what it was told, and what a look at a key of the store adds to that. Looking once too often changes
 * nothing.
 */
#ifndef PILUS_STORE_MIRROR_H
#define PILUS_STORE_MIRROR_H

#include <stdint.h>

#include "store/backend.h"

/* What a look at one key found: text, or why there is none (-ENOENT: it is not there). */
struct mirror_look {
	const char *key;
	char *text;
	uint64_t digest;
	bool finished; /* false: whoever makes it may still be writing it */
	struct error error;
	uint32_t walk; /* through all keys, the last that began */
};

struct mirror_entry;

struct mirror {
	struct store_watch watch;
	struct mirror_entry *entries;
	uint32_t walk; /* that it took part in from the start */
	bool synced, closed;
};

void mirror_clear(struct mirror *mirror);

bool mirror_wants(const struct mirror *mirror, const char *key);
void mirror_look(struct mirror *mirror, struct mirror_look *look);

/* After a whole walk: what it did not meet is gone, and the watch has been told all there is. */
void mirror_sweep(struct mirror *mirror);

#endif
