/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as text: what a line looks like, and that no value can break out of it.
 */
#include "unit.h"

#include <string.h>

#include "agent/metrics/requests.h"
#include "base/cleanup.h"

static struct exposition out;
static char *text;
static size_t size;

static int open_text(void **state)
{
	text = NULL;
	out = (struct exposition){.out = open_memstream(&text, &size)};
	return !out.out;
}

static int free_text(void **state)
{
	free(text);
	return 0;
}

static void expect(const char *wanted)
{
	assert_int_equal(fclose(out.out), 0);
	assert_string_equal(text, wanted);
}

static void test_a_family_has_help_and_type(void **state)
{
	exposition_family(&out, "a_total", METRIC_COUNTER, "What\nis \\ \"here\".");
	exposition_value(&out, 3);
	SAMPLE(&out, 0.5, {"x", "y"}, {"z", ""});
	expect("# HELP a_total What\\nis \\\\ \"here\".\n# TYPE a_total counter\na_total 3\n"
	       "a_total{x=\"y\",z=\"\"} 0.5\n");
}

static void test_labels_are_escaped(void **state)
{
	exposition_family(&out, "g", METRIC_GAUGE, "");
	SAMPLE(&out, 1, {"l", "a\\n \"b\"\nc} 2"});
	expect("# HELP g \n# TYPE g gauge\ng{l=\"a\\\\n \\\"b\\\"\\nc} 2\"} 1\n");
}

static void test_numbers_are_whole_where_they_are(void **state)
{
	exposition_family(&out, "g", METRIC_GAUGE, "h");
	exposition_value(&out, 123456789012345);
	exposition_value(&out, -1);
	exposition_value(&out, 0.000244140625);
	exposition_value(&out, 1e300);
	expect("# HELP g h\n# TYPE g gauge\ng 123456789012345\ng -1\ng 0.000244140625\ng 1e+300\n");
}

/* The end of the text after the last of these words. */
static const char *after(const char *words)
{
	const char *found = strstr(text, words);

	assert_non_null(found);
	return found + strlen(words);
}

static void test_requests_become_histograms(void **state)
{
	static const struct http_route put = {"PUT", "/v1/endpoints", NULL}, get = {"GET", "/v1/nodes/{id}", NULL};
	struct request_times *times = request_times_new();

	request_times_add(times, &put, 201, 30000000);
	request_times_add(times, &put, 201, 20000000000);
	request_times_add(times, &put, 503, 1000000);
	request_times_add(times, &get, 200, 0);
	exposition_family(&out, "t", METRIC_HISTOGRAM, "h");
	request_times_write(times, &out);
	request_times_free(times);
	fclose(out.out);
#define PUT_201 "{method=\"PUT\",path=\"/v1/endpoints\",return_code=\"201\""
	assert_memory_equal(after("t_bucket" PUT_201 ",le=\"0.025\"} "), "0\n", 2);
	assert_memory_equal(after("t_bucket" PUT_201 ",le=\"0.05\"} "), "1\n", 2);
	assert_memory_equal(after("t_bucket" PUT_201 ",le=\"10\"} "), "1\n", 2);
	assert_memory_equal(after("t_bucket" PUT_201 ",le=\"+Inf\"} "), "2\n", 2);
	assert_memory_equal(after("t_sum" PUT_201 "} "), "20.03\n", 6);
	assert_memory_equal(after("t_count" PUT_201 "} "), "2\n", 2);
	assert_memory_equal(after("return_code=\"503\",le=\"0.001\"} "), "1\n", 2);
	assert_memory_equal(after("t_bucket{method=\"GET\",path=\"/v1/nodes/{id}\",return_code=\"200\",le=\"0.001\"} "),
	                    "1\n", 2);
}

#define WITH_TEXT(function) cmocka_unit_test_setup_teardown(function, open_text, free_text)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TEXT(test_a_family_has_help_and_type),
		WITH_TEXT(test_labels_are_escaped),
		WITH_TEXT(test_numbers_are_whole_where_they_are),
		WITH_TEXT(test_requests_become_histograms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
