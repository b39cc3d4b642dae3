/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all sets hold together, before a change or after it, looked up in the sets themselves: what table.h has as rows,
 * for few prefixes out of millions. So a small change is found, and made, without all the rest.
 */
#ifndef PILUS_AGENT_PREFILTER_VIEW_H
#define PILUS_AGENT_PREFILTER_VIEW_H

#include "agent/prefilter/set.h"
#include "datapath/prefilter.h"

/* By slot, with NULL where there is no set. All is borrowed; the lists are sorted. */
struct view {
	const struct set *sets[PREFILTER_SETS_MAX];
	const struct cidrs *cidrs[PREFILTER_SETS_MAX];
};

/* What a packet from (or to) that address meets, and the row's prefix. PREFILTER_NONE: nothing, and no prefix. */
struct prefilter_entry view_find(const struct view *view, enum prefilter_match match, const struct addr *addr,
                                 struct prefix *ret);

/* Rows that differ. Zeroed: none. */
struct edits {
	enum prefilter_match match; /* of all of them */
	struct prefilter_edit items[PREFILTER_EDITS_MAX];
	size_t count;
};

/*
 * Appends what comes of prefixes that a set of that kind has in one view and not, or as well, in the other. -ERANGE:
 * they are no few edits that each stand for themselves (prefilter_edit).
 */
int edits_add(struct edits *edits, const struct view *before, const struct view *after, const struct set_kind *kind,
              const struct cidrs *prefixes);

#endif
