/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where libcurl is not installed, who needs it is told so. The calls themselves are tested with etcd: store_etcd.c.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "http/async.h"

void *__wrap_dlopen(const char *name, int flags)
{
	assert_string_equal(name, "libcurl.so.4");
	return NULL;
}

static void test_a_missing_library_is_named(void **state)
{
	struct http_async *http = NULL;
	struct error error = {};

	assert_int_equal(http_async_new(NULL, &http, &error), -ENOENT);
	assert_non_null(strstr(error.message, "libcurl"));
	assert_null(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_missing_library_is_named)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
