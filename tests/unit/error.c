/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void words_and_code_are_recorded(void **state)
{
	struct error error = {};

	assert_int_equal(error_set(&error, -EINVAL, "endpoint %d is odd", 7), -EINVAL);
	assert_int_equal(error.code, -EINVAL);
	assert_string_equal(error.message, "endpoint 7 is odd");
}

static void errno_is_appended(void **state)
{
	struct error error = {};

	assert_int_equal(error_set_errno(&error, -ENOENT, "cannot open %s", "/x"), -ENOENT);
	assert_string_equal(error.message, "cannot open /x: No such file or directory");
}

static void prefixes_stack(void **state)
{
	struct error error = {};

	error_set(&error, -EIO, "the disk is gone");
	assert_int_equal(error_prefix(&error, "store"), -EIO);
	assert_int_equal(error_prefix(&error, "node %s", "a"), -EIO);
	assert_string_equal(error.message, "node a: store: the disk is gone");
}

static void own_message_may_be_an_argument(void **state)
{
	struct error error = {};

	error_set(&error, -EIO, "inner");
	error_set(&error, -EBUSY, "outer (%s)", error.message);
	assert_string_equal(error.message, "outer (inner)");
}

static void long_words_are_cut(void **state)
{
	char text[2 * sizeof(((struct error *)0)->message)];
	struct error error = {};

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set_errno(&error, -EIO, "%s", text);
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
	error_prefix(&error, "front");
	assert_memory_equal(error.message, "front: xxx", 10);
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
}

static void words_stay_on_one_line(void **state)
{
	struct error error = {};

	error_set(&error, -EINVAL, "%s: unknown key", "a\nb\x1b[2J\x7f");
	assert_string_equal(error.message, "a b [2J : unknown key");
	error_prefix(&error, "c\td");
	assert_string_equal(error.message, "c d: a b [2J : unknown key");
}

static void null_is_fine(void **state)
{
	assert_int_equal(error_set(NULL, -EINVAL, "lost"), -EINVAL);
	assert_int_equal(error_set_errno(NULL, -EIO, "lost"), -EIO);
	assert_int_equal(error_prefix(NULL, "lost"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_code_are_recorded),
		cmocka_unit_test(errno_is_appended),
		cmocka_unit_test(prefixes_stack),
		cmocka_unit_test(own_message_may_be_an_argument),
		cmocka_unit_test(long_words_are_cut),
		cmocka_unit_test(words_stay_on_one_line),
		cmocka_unit_test(null_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
