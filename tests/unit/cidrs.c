/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cidrs.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

static struct cidrs list(const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	struct cidrs cidrs = {};

	assert_int_equal(cidrs_read(copy, &cidrs, NULL, NULL), 0);
	cidrs_sort(&cidrs);
	return cidrs;
}

static void assert_list(const struct cidrs *cidrs, const char *expected)
{
	size_t size;
	_cleanup_free_ char *text = cidrs_write(cidrs, &size);

	assert_string_equal(text, expected);
	assert_int_equal(size, strlen(expected));
}

static void comments_and_blanks_are_passed_over(void **state)
{
	_cleanup_(cidrs_clear) struct cidrs cidrs = list("# a feed\n"
	                                                 "; another\n"
	                                                 "\n"
	                                                 "  10.0.0.0/8 ; SBL256894\r\n"
	                                                 "\t2001:db8::1\t# a host\n"
	                                                 "192.0.2.1");

	assert_list(&cidrs, "10.0.0.0/8\n192.0.2.1/32\n2001:db8::1/128\n");
}

static void sorted_and_each_once(void **state)
{
	_cleanup_(cidrs_clear) struct cidrs cidrs =
		list("10.0.0.9\n10.0.0.0/9\n10.0.0.9/32\n10.0.0.0/8\n::/0\n10.0.0.9\n");

	assert_list(&cidrs, "::/0\n10.0.0.0/8\n10.0.0.0/9\n10.0.0.9/32\n");
}

struct faults {
	size_t count, lines[8];
	char first[128];
};

static void note(void *userdata, size_t line, const char *text, const char *fault)
{
	struct faults *faults = userdata;

	if (!faults->count)
		snprintf(faults->first, sizeof(faults->first), "%s %s", text, fault);
	faults->lines[faults->count++] = line;
}

static void every_bad_line_is_named(void **state)
{
	_cleanup_(cidrs_clear) struct cidrs cidrs = {};
	struct faults faults = {};
	char text[] = "10.0.0.1/8\n10.0.0.0/8\nhello\n10.0.0.0/33\n\n1.2.3.4 5.6.7.8\n";

	assert_int_equal(cidrs_read(text, &cidrs, note, &faults), 4);
	assert_int_equal(faults.count, 4);
	assert_string_equal(faults.first,
	                    "10.0.0.1/8 is no CIDR: its length is wrong, or bits are set beyond the length");
	assert_int_equal(faults.lines[0], 1);
	assert_int_equal(faults.lines[1], 3);
	assert_int_equal(faults.lines[2], 4);
	assert_int_equal(faults.lines[3], 6);
}

static void adding_and_removing_tell_what_they_changed(void **state)
{
	_cleanup_(cidrs_clear) struct cidrs before = list("10.0.0.1\n10.0.0.3\n"),
					    change = list("10.0.0.1\n10.0.0.2\n10.0.0.9\n");
	_cleanup_(cidrs_clear) struct cidrs with = {}, without = {}, none = {}, same = {};

	assert_int_equal(cidrs_with(&before, &change, &with), 2);
	assert_list(&with, "10.0.0.1/32\n10.0.0.2/32\n10.0.0.3/32\n10.0.0.9/32\n");
	assert_int_equal(cidrs_without(&before, &change, &without), 1);
	assert_list(&without, "10.0.0.3/32\n");
	assert_int_equal(cidrs_without(&before, &none, &same), 0);
	assert_list(&same, "10.0.0.1/32\n10.0.0.3/32\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comments_and_blanks_are_passed_over),
		cmocka_unit_test(sorted_and_each_once),
		cmocka_unit_test(every_bad_line_is_named),
		cmocka_unit_test(adding_and_removing_tell_what_they_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
