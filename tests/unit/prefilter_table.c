/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All sets in one table: what the longest prefix says is what all of them mean together.
 */
#include "agent/prefilter/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/prefilter/view.h"
#include "base/memory.h"

#include "unit.h"

static struct sets sets;
static struct table table;

static int end(void **state)
{
	table_clear(&table);
	sets_clear(&sets);
	return 0;
}

#define TEST(function) cmocka_unit_test_teardown(function, end)

static void add(const char *name, const char *list)
{
	_cleanup_free_ char *text = strdup(list);
	struct set *set;

	for (char *at = text; *at; at++)
		if (*at == ' ')
			*at = '\n';
	assert_int_equal(sets_add(&sets, SET_LOCAL, name, -1, &set, NULL), 0);
	assert_int_equal(cidrs_read(text, &set->cidrs, NULL, NULL), 0);
	cidrs_sort(&set->cidrs);
	table_add(&table, set, &set->cidrs);
}

/* As the programs find it: the longest prefix of the 16 bytes, whatever the family. */
static const struct prefilter_row *lookup(const char *text)
{
	const struct prefilter_row *found = NULL;
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	for (size_t i = 0; i < table.count[PREFILTER_SOURCE]; i++) {
		const struct prefilter_row *row = &table.rows[PREFILTER_SOURCE][i];
		const struct prefix around = prefix_around(&addr, row->bits);

		if (addr_equal(&around.addr, &row->addr) && (!found || row->bits > found->bits))
			found = row;
	}
	return found;
}

static enum prefilter_verdict verdict(const char *text)
{
	const struct prefilter_row *row = lookup(text);

	return row ? row->verdict : PREFILTER_NONE;
}

static void what_lies_in_an_allowed_prefix_is_allowed(void **state)
{
	add("a.deny", "10.0.0.0/8 10.1.2.3 192.0.2.1");
	add("b.allow", "10.1.0.0/16 192.0.2.0/24");
	table_finish(&table);
	assert_int_equal(verdict("10.0.0.1"), PREFILTER_DENY);
	assert_int_equal(verdict("10.1.2.3"), PREFILTER_ALLOW);
	assert_int_equal(verdict("10.2.0.0"), PREFILTER_DENY);
	assert_int_equal(verdict("192.0.2.1"), PREFILTER_ALLOW);
	assert_int_equal(verdict("192.0.3.1"), PREFILTER_NONE);
	assert_int_equal(table.count[PREFILTER_SOURCE], 3);
}

static void the_same_prefix_in_two_sets_stands_once(void **state)
{
	add("a.deny", "192.0.2.0/24 192.0.2.9");
	add("b.deny", "192.0.2.0/24");
	add("c.allow", "192.0.2.9");
	table_finish(&table);
	assert_int_equal(table.count[PREFILTER_SOURCE], 2);
	assert_int_equal(verdict("192.0.2.9"), PREFILTER_ALLOW);
	assert_int_equal(lookup("192.0.2.1")->set, 0);
}

static void families_do_not_mix(void **state)
{
	add("a.deny", "::/0 2001:db8::/32");
	add("b.allow", "2001:db8:1::/48");
	table_finish(&table);
	assert_int_equal(verdict("192.0.2.1"), PREFILTER_NONE);
	assert_int_equal(verdict("2001:db8::1"), PREFILTER_DENY);
	assert_int_equal(verdict("2001:db8:1::1"), PREFILTER_ALLOW);
}

static void allowing_all_of_a_family_leaves_the_other(void **state)
{
	add("a.allow", "::/0");
	add("b.deny", "0.0.0.0/0 2001:db8::1 ::1");
	table_finish(&table);
	assert_int_equal(verdict("192.0.2.1"), PREFILTER_DENY);
	assert_int_equal(verdict("2001:db8::1"), PREFILTER_ALLOW);
	assert_int_equal(verdict("::1"), PREFILTER_ALLOW);
}

static void random_tables_mean_what_their_sets_mean(void **state)
{
	srand(7);
	for (int round = 0; round < 200; round++) {
		struct cidrs denied = {}, allowed = {};
		struct set *deny, *allow;

		assert_int_equal(sets_add(&sets, SET_LOCAL, "a.deny", -1, &deny, NULL), 0);
		assert_int_equal(sets_add(&sets, SET_LOCAL, "b.allow", -1, &allow, NULL), 0);
		for (int i = 0; i < 12; i++) {
			const struct addr addr = addr_from_v4(rand() & 0x0f000000);
			struct prefix prefix = prefix_around(&addr, ADDR_BITS - rand() % 5);

			cidrs_add(i % 3 ? &denied : &allowed, &prefix);
		}
		cidrs_sort(&denied);
		cidrs_sort(&allowed);
		table_add(&table, deny, &denied);
		table_add(&table, allow, &allowed);
		table_finish(&table);
		for (unsigned last = 0; last < 16; last++) {
			const struct addr addr = addr_from_v4(last << 24);
			enum prefilter_verdict expected = PREFILTER_NONE;
			char text[ADDR_TEXT_MAX];

			for (size_t i = 0; i < denied.count; i++)
				if (prefix_contains(&denied.items[i], &addr))
					expected = PREFILTER_DENY;
			for (size_t i = 0; i < allowed.count; i++)
				if (prefix_contains(&allowed.items[i], &addr))
					expected = PREFILTER_ALLOW;
			assert_int_equal(verdict(addr_format(&addr, text)), expected);
		}
		cidrs_clear(&denied);
		cidrs_clear(&allowed);
		end(NULL);
	}
}

/* ── small changes ── */

#define SETS 4

static struct prefix random_prefix(void)
{
	const struct addr addr = rand() % 2 ? addr_from_v4(rand() & 0x0f000000)
	                                    : (struct addr){.byte = {[0] = 0x20, [15] = rand() % 16}};

	return prefix_around(&addr, ADDR_BITS - rand() % 5);
}

static struct cidrs random_cidrs(unsigned count)
{
	struct cidrs cidrs = {};

	for (unsigned i = 0; i < count; i++) {
		const struct prefix prefix = random_prefix();

		cidrs_add(&cidrs, &prefix);
	}
	cidrs_sort(&cidrs);
	return cidrs;
}

static void make_table(const struct view *view)
{
	table_clear(&table);
	for (size_t i = 0; i < SETS; i++)
		table_add(&table, view->sets[i], view->cidrs[i]);
	table_finish(&table);
}

/* The table with the edits made: each finds what it says was there. */
static void apply(const struct prefilter_edit *edit, struct table *to)
{
	struct prefilter_row *rows = to->rows[PREFILTER_SOURCE];
	size_t *count = &to->count[PREFILTER_SOURCE], i = 0;
	const struct prefilter_row new = {.addr = edit->prefix.addr,
	                                  .bits = edit->prefix.bits,
	                                  .set = edit->after.set,
	                                  .verdict = edit->after.verdict};

	while (i < *count && (rows[i].bits != new.bits || !addr_equal(&rows[i].addr, &new.addr)))
		i++;
	assert_int_equal(i < *count, !!edit->before.verdict);
	if (i < *count) {
		assert_int_equal(rows[i].verdict, edit->before.verdict);
		assert_int_equal(rows[i].set, edit->before.set);
		rows[i] = rows[--*count];
	}
	if (new.verdict)
		rows[(*count)++] = new;
}

static bool has_row(const struct table *in, const struct prefilter_row *row)
{
	for (size_t i = 0; i < in->count[PREFILTER_SOURCE]; i++) {
		const struct prefilter_row *it = &in->rows[PREFILTER_SOURCE][i];

		if (addr_equal(&it->addr, &row->addr) && it->bits == row->bits && it->set == row->set &&
		    it->verdict == row->verdict)
			return true;
	}
	return false;
}

static void assert_edits_lead_there(const struct edits *edits, const struct view *before, const struct view *after)
{
	struct table edited = {};

	make_table(before);
	edited = table;
	edited.rows[PREFILTER_SOURCE] =
		xcalloc(table.count[PREFILTER_SOURCE] + edits->count + 1, sizeof(struct prefilter_row));
	for (size_t i = 0; i < table.count[PREFILTER_SOURCE]; i++)
		edited.rows[PREFILTER_SOURCE][i] = table.rows[PREFILTER_SOURCE][i];
	for (size_t i = 0; i < edits->count; i++)
		apply(&edits->items[i], &edited);
	make_table(after);
	assert_int_equal(edited.count[PREFILTER_SOURCE], table.count[PREFILTER_SOURCE]);
	for (size_t i = 0; i < table.count[PREFILTER_SOURCE]; i++)
		assert_true(has_row(&edited, &table.rows[PREFILTER_SOURCE][i]));
	free(edited.rows[PREFILTER_SOURCE]);
}

static void edits_lead_from_one_table_to_the_next(void **state)
{
	static const char *const names[SETS] = {"a.deny", "b.deny", "c.allow", "d.deny"};
	unsigned found = 0;

	srand(7);
	for (int round = 0; round < 2000; round++) {
		struct view before = {}, after = {};
		struct cidrs old[SETS], new[SETS];
		struct edits edits = {};
		int r = 0;

		for (int i = 0; i < SETS; i++) {
			struct set *set;

			assert_int_equal(sets_add(&sets, SET_LOCAL, names[i], i, &set, NULL), 0);
			old[i] = random_cidrs(rand() % 8);
			new[i] = (struct cidrs){};
			before.sets[i] = after.sets[i] = set;
			before.cidrs[i] = &old[i];
			after.cidrs[i] = &new[i];
		}
		for (int i = 0; i < SETS; i++) {
			_cleanup_(cidrs_clear) struct cidrs change = random_cidrs(rand() % 2 ? 0 : 1 + rand() % 2);

			if (rand() % 2)
				cidrs_with(&old[i], &change, &new[i]);
			else
				cidrs_without(&old[i], &change, &new[i]);
		}
		for (int i = 0; i < SETS && !r; i++) {
			_cleanup_(cidrs_clear) struct cidrs gone = {}, come = {}, change = {};

			cidrs_without(&old[i], &new[i], &gone);
			cidrs_without(&new[i], &old[i], &come);
			cidrs_with(&gone, &come, &change);
			r = edits_add(&edits, &before, &after, before.sets[i]->kind, &change);
		}
		if (!r) {
			assert_edits_lead_there(&edits, &before, &after);
			found += edits.count;
		}
		for (int i = 0; i < SETS; i++) {
			cidrs_clear(&old[i]);
			cidrs_clear(&new[i]);
		}
		end(NULL);
	}
	print_message("%u edits\n", found);
	assert_true(found > 500);
}

static void a_view_says_what_the_table_says(void **state)
{
	static const char *const texts[] = {"10.1.2.3", "10.2.0.1", "11.0.0.1", "2001:db8::1"};
	struct view view = {};
	struct prefix prefix;

	add("a.deny", "10.0.0.0/8 10.1.2.3 ::/0");
	add("b.allow", "10.1.0.0/16");
	for (int i = 0; i < 2; i++) {
		view.sets[i] = sets.at[i];
		view.cidrs[i] = &sets.at[i]->cidrs;
	}
	table_finish(&table);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr addr;

		assert_int_equal(addr_parse(texts[i], &addr), 0);
		assert_int_equal(view_find(&view, PREFILTER_SOURCE, &addr, &prefix).verdict, verdict(texts[i]));
	}
}

static void what_is_no_edit_is_said(void **state)
{
	static const char *const lists[] = {"0.0.0.0/0", "::/0", "10.0.0.0/8\n10.1.0.0/16"};
	struct cidrs empty = {};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct view before = {}, after = {};
		struct edits edits = {};

		add("a.deny", lists[i]);
		before.sets[0] = after.sets[0] = sets.at[0];
		before.cidrs[0] = &empty;
		after.cidrs[0] = &sets.at[0]->cidrs;
		assert_int_equal(edits_add(&edits, &before, &after, sets.at[0]->kind, after.cidrs[0]), -ERANGE);
		end(NULL);
	}
}

static void presets_are_cidrs(void **state)
{
	static const char *const names[] = {"bogons.deny", "private.deny"};

	for (size_t i = 0; i < 2; i++)
		for (const char *const *text = preset_cidrs(names[i]); *text; text++) {
			struct prefix prefix;

			if (prefix_parse(*text, &prefix))
				fail_msg("%s is no CIDR", *text);
			assert_false(addr_is_zero(&prefix.addr));
		}
	assert_null(preset_cidrs("others.deny"));
}

static void names_say_what_a_set_does(void **state)
{
	assert_int_equal(set_kind_of("a.deny", NULL)->verdict, PREFILTER_DENY);
	assert_int_equal(set_kind_of("a.b-c.allow-to", NULL)->match, PREFILTER_DESTINATION);
	assert_null(set_kind_of(".deny", NULL));
	assert_null(set_kind_of("a.txt", NULL));
	assert_null(set_kind_of("a/b.deny", NULL));
	assert_null(set_kind_of("", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_lies_in_an_allowed_prefix_is_allowed),
		TEST(the_same_prefix_in_two_sets_stands_once),
		TEST(families_do_not_mix),
		TEST(allowing_all_of_a_family_leaves_the_other),
		TEST(random_tables_mean_what_their_sets_mean),
		TEST(edits_lead_from_one_table_to_the_next),
		TEST(a_view_says_what_the_table_says),
		TEST(what_is_no_edit_is_said),
		TEST(presets_are_cidrs),
		TEST(names_say_what_a_set_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
