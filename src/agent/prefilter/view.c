/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/view.h"

#include <errno.h>

/* By sets that have just this prefix: what allows comes first, then the first of them. */
static struct prefilter_entry own_entry(const struct view *view, enum prefilter_match match,
                                        const struct prefix *prefix)
{
	struct prefilter_entry found = {};

	for (uint16_t slot = 0; slot < PREFILTER_SETS_MAX; slot++) {
		const struct set *set = view->sets[slot];

		if (set && set->kind->match == match && set->kind->verdict > found.verdict &&
		    cidrs_has(view->cidrs[slot], prefix))
			found = (struct prefilter_entry){.set = slot, .verdict = set->kind->verdict};
	}
	return found;
}

/* The widest prefix that an address can lie in. */
static uint8_t widest(const struct addr *addr)
{
	return addr_is_v4(addr) ? ADDR_V4_PREFIX_BITS : 0;
}

struct prefilter_entry view_find(const struct view *view, enum prefilter_match match, const struct addr *addr,
                                 struct prefix *ret)
{
	struct prefilter_entry found = {};

	for (unsigned bits = widest(addr); bits <= ADDR_BITS && found.verdict != PREFILTER_ALLOW; bits++) {
		const struct prefix around = prefix_around(addr, bits);
		const struct prefilter_entry entry = own_entry(view, match, &around);

		if (!entry.verdict)
			continue;
		found = entry;
		*ret = around;
	}
	return found;
}

/* The row that the table has for just this prefix; PREFILTER_NONE: none. */
static struct prefilter_entry row_entry(const struct view *view, enum prefilter_match match,
                                        const struct prefix *prefix)
{
	for (unsigned bits = prefix_is_v4(prefix) ? ADDR_V4_PREFIX_BITS : 0; bits < prefix->bits; bits++) {
		const struct prefix around = prefix_around(&prefix->addr, bits);

		if (own_entry(view, match, &around).verdict == PREFILTER_ALLOW)
			return (struct prefilter_entry){};
	}
	return own_entry(view, match, prefix);
}

static bool lies_in(const struct view *view, enum prefilter_match match, const struct prefix *prefix)
{
	for (size_t slot = 0; slot < PREFILTER_SETS_MAX; slot++) {
		const struct cidrs *cidrs = view->cidrs[slot];
		size_t next;

		if (!view->sets[slot] || view->sets[slot]->kind->match != match)
			continue;
		next = cidrs_place(cidrs, prefix) + cidrs_has(cidrs, prefix);
		if (next < cidrs->count && prefix_contains(prefix, &cidrs->items[next].addr))
			return true;
	}
	return false;
}

/* Then there may be a row that keeps the families apart (table.c). */
static bool touches_both_families(const struct prefix *prefix)
{
	const struct addr v4 = addr_from_v4(0);
	const struct prefix around = prefix_around(&v4, prefix->bits);

	return prefix->bits <= ADDR_V4_PREFIX_BITS && prefix_equal(&around, prefix);
}

static int edits_append(struct edits *edits, const struct prefilter_edit *edit)
{
	for (size_t i = 0; i < edits->count; i++) {
		if (prefix_equal(&edits->items[i].prefix, &edit->prefix))
			return 0;
		if (prefix_overlaps(&edits->items[i].prefix, &edit->prefix))
			return -ERANGE;
	}
	if (edits->count == PREFILTER_EDITS_MAX)
		return -ERANGE;
	edits->items[edits->count++] = *edit;
	return 0;
}

int edits_add(struct edits *edits, const struct view *before, const struct view *after, const struct set_kind *kind,
              const struct cidrs *prefixes)
{
	enum prefilter_match match = kind->match;
	int r = 0;

	if (prefixes->count > PREFILTER_EDITS_MAX || (edits->count && edits->match != match))
		return -ERANGE;
	edits->match = match;
	for (size_t i = 0; i < prefixes->count && !r; i++) {
		const struct prefix *prefix = &prefixes->items[i];
		struct prefilter_edit edit = {
			.prefix = *prefix,
			.before = row_entry(before, match, prefix),
			.after = row_entry(after, match, prefix),
		};

		if (touches_both_families(prefix))
			return -ERANGE;
		/* What lies in what is allowed has no rows. */
		if (kind->verdict == PREFILTER_ALLOW &&
		    (lies_in(before, match, prefix) || lies_in(after, match, prefix)))
			return -ERANGE;
		if (edit.before.verdict != edit.after.verdict || edit.before.set != edit.after.set)
			r = edits_append(edits, &edit);
	}
	return r;
}
