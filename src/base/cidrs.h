/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many prefixes, there may be millions: as lists that people and feeds write, one CIDR a line, and in memory sorted,
 * each once.
 */
#ifndef PILUS_BASE_CIDRS_H
#define PILUS_BASE_CIDRS_H

#include "base/addr.h"
#include "base/cleanup.h"

/* Zeroed: none. Sorted by address, then by length: a prefix stands before those that lie in it. */
struct cidrs {
	struct prefix *items;
	size_t count, room;
};

void cidrs_clear(struct cidrs *cidrs);

/* Appends; to be sorted when all are there. */
void cidrs_add(struct cidrs *cidrs, const struct prefix *prefix);
void cidrs_sort(struct cidrs *cidrs);

/* In a sorted list: where the prefix stands, or would; what lies in it follows. */
size_t cidrs_place(const struct cidrs *cidrs, const struct prefix *prefix);
bool cidrs_has(const struct cidrs *cidrs, const struct prefix *prefix);

/* Both sorted; *ret is a new list. Returns how many of `change` made a difference. */
size_t cidrs_with(const struct cidrs *cidrs, const struct cidrs *change, struct cidrs *ret);
size_t cidrs_without(const struct cidrs *cidrs, const struct cidrs *change, struct cidrs *ret);

/* Why a text is no CIDR: words to follow it, "has bits set beyond its length". */
const char *cidr_fault(const char *text);

/*
 * Reads a list: one CIDR or address a line; blanks around it, and what follows '#' or ';', are passed over. Appends to
 * *ret, not sorted. `bad` hears of each line that is none, with its number and why; returns how many those are. The
 * text is changed.
 */
size_t cidrs_read(char *text, struct cidrs *ret,
                  void (*bad)(void *userdata, size_t line, const char *text, const char *fault), void *userdata);

/* As cidrs_read reads it, with NUL at the end: the caller frees it. */
char *cidrs_write(const struct cidrs *cidrs, size_t *ret_size);

#endif
