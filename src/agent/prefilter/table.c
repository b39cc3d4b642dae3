/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/table.h"

#include <stdlib.h>

#include "base/memory.h"

void table_clear(struct table *table)
{
	for (int match = 0; match < PREFILTER_MATCHES; match++)
		free(table->rows[match]);
	*table = (struct table){};
}

static void make_room(struct table *table, enum prefilter_match match, size_t more)
{
	size_t wanted = table->count[match] + more;

	if (wanted <= table->room[match])
		return;
	table->room[match] = wanted;
	table->rows[match] = xrealloc(table->rows[match], wanted * sizeof(struct prefilter_row));
}

static void row_add(struct table *table, enum prefilter_match match, const struct prefilter_row *row)
{
	make_room(table, match, 1);
	table->rows[match][table->count[match]++] = *row;
}

void table_add(struct table *table, const struct set *set, const struct cidrs *cidrs)
{
	enum prefilter_match match = set->kind->match;

	make_room(table, match, cidrs->count);
	for (size_t i = 0; i < cidrs->count; i++)
		row_add(table, match,
		        &(struct prefilter_row){
				.addr = cidrs->items[i].addr,
				.bits = cidrs->items[i].bits,
				.set = set->slot,
				.verdict = set->kind->verdict,
			});
}

/* A prefix stands before those that lie in it; of equal ones, what allows comes first. */
static int compare(const void *first, const void *second)
{
	const struct prefilter_row *a = first, *b = second;
	int order = addr_compare(&a->addr, &b->addr);

	if (!order)
		order = a->bits - b->bits;
	if (!order)
		order = b->verdict - a->verdict;
	return order ? order : a->set - b->set;
}

static bool is_sorted(const struct prefilter_row *rows, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (compare(&rows[i - 1], &rows[i]) > 0)
			return false;
	return true;
}

static bool row_contains(const struct prefilter_row *row, const struct addr *addr)
{
	const struct prefix prefix = {.addr = row->addr, .bits = row->bits};

	return prefix_contains(&prefix, addr);
}

/*
 * Prefixes lie in each other or apart, so the outermost that allows says it all; IPv4 stands amidst IPv6 and is
 * followed on its own. Returns how many are left.
 */
static size_t sweep(struct prefilter_row *rows, size_t count)
{
	const struct prefilter_row *allowed[] = {NULL, NULL};
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		const struct prefilter_row *last = kept ? &rows[kept - 1] : NULL;
		bool v4 = addr_is_v4(&rows[i].addr);

		if (allowed[v4] && row_contains(allowed[v4], &rows[i].addr))
			continue;
		if (last && last->bits == rows[i].bits && addr_equal(&last->addr, &rows[i].addr))
			continue;
		rows[kept] = rows[i];
		allowed[v4] = rows[kept].verdict == PREFILTER_ALLOW ? &rows[kept] : NULL;
		kept++;
	}
	return kept;
}

/* ::/0 and the like mean no IPv4, whose addresses lie in them as the programs see it. */
static void keep_families_apart(struct table *table, enum prefilter_match match)
{
	const struct addr v4 = addr_from_v4(0);

	for (size_t i = 0; i < table->count[match]; i++) {
		const struct prefilter_row *row = &table->rows[match][i];
		const struct prefix around = prefix_around(&v4, row->bits);

		if (row->bits >= ADDR_V4_PREFIX_BITS || !addr_equal(&around.addr, &row->addr))
			continue;
		row_add(table, match, &(struct prefilter_row){.addr = v4, .bits = ADDR_V4_PREFIX_BITS});
		return;
	}
}

void table_finish(struct table *table)
{
	for (int match = 0; match < PREFILTER_MATCHES; match++) {
		struct prefilter_row *rows;

		keep_families_apart(table, match);
		rows = table->rows[match];
		if (!is_sorted(rows, table->count[match]))
			qsort(rows, table->count[match], sizeof(*rows), compare);
		table->count[match] = sweep(rows, table->count[match]);
	}
}
