/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

/* RFC 4648, section 10. */
static const struct {
	const char *text, *encoded;
} vectors[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
	{"\xff\xfe\xfb", "//77"},
};

static void the_standards_examples(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		_cleanup_free_ char *encoded = base64_encode(vectors[i].text, strlen(vectors[i].text)), *text = NULL;

		assert_string_equal(encoded, vectors[i].encoded);
		assert_int_equal(base64_decode_text(encoded, &text), 0);
		assert_string_equal(text, vectors[i].text);
	}
}

static void what_is_not_base64_is_refused(void **state)
{
	static const char *const wrong[] = {
		"Zg", "Zg=", "Z===", "====", "Zm9v=", "Zm 9", "Zg==Zg==", "Zm9\xff", "AAAA"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char *text = NULL;

		assert_int_equal(base64_decode_text(wrong[i], &text), -EINVAL);
		assert_null(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_standards_examples),
		cmocka_unit_test(what_is_not_base64_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
