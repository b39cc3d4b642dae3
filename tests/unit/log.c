/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

static int saved_stderr = -1;
static int reader = -1;

static int capture(void **state)
{
	int ends[2];

	if (pipe(ends) < 0)
		return -1;
	saved_stderr = dup(STDERR_FILENO);
	reader = ends[0];
	if (dup2(ends[1], STDERR_FILENO) < 0)
		return -1;
	log_set_level(LOG_LEVEL_INFO);
	return close(ends[1]);
}

static int release(void **state)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	unsetenv("JOURNAL_STREAM");
	return close(reader);
}

static const char *written(void)
{
	static char text[8192];
	ssize_t size;

	/* A mark of our own, so that reading never waits. */
	assert_int_equal(write(STDERR_FILENO, "|", 1), 1);
	size = read(reader, text, sizeof(text) - 1);
	assert_true(size > 0);
	text[size - 1] = '\0';
	return text;
}

static void lines_have_time_and_level(void **state)
{
	char word[16];
	int used = 0, year;

	errno = ENOENT;
	log_warning("pod %d is odd", 7);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(sscanf(written(), "%4d-%*2d-%*2dT%*2d:%*2d:%*2dZ %15s pod 7 is odd%n", &year, word, &used), 2);
	assert_true(used > 0);
	assert_string_equal(word, "WARNING");
}

static void less_important_lines_are_left_out(void **state)
{
	log_debug("hidden");
	assert_string_equal(written(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown");
	assert_non_null(strstr(written(), "DEBUG shown\n"));
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("hidden");
	assert_string_equal(written(), "");
}

static void the_journal_gets_priorities(void **state)
{
	struct stat status;
	char stream[64];

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(stream, sizeof(stream), "%lu:%lu", (unsigned long)status.st_dev, (unsigned long)status.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_error("bad");
	assert_string_equal(written(), "<3>bad\n");
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_error("bad");
	assert_non_null(strstr(written(), " ERROR bad\n"));
}

static void one_message_is_one_line(void **state)
{
	char text[4096];
	const char *line;

	log_info("a\nb\x1b[0m");
	assert_non_null(strstr(written(), "INFO a b [0m\n"));
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_info("%s", text);
	line = written();
	assert_int_equal(line[strlen(line) - 1], '\n');
}

static void level_names_come_back(void **state)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	assert_int_equal(log_level_parse("warning", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARNING);
	assert_string_equal(log_level_name(level), "warning");
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	assert_int_equal(level, LOG_LEVEL_WARNING);
}

static void time_is_rfc_3339(void **state)
{
	char text[CLOCK_TEXT_MAX];
	uint64_t before = clock_now();

	assert_string_equal(clock_format(1795345746, text), "2026-11-22T11:09:06Z");
	assert_string_equal(clock_format(0, text), "1970-01-01T00:00:00Z");
	assert_true(clock_now() >= before);
}

#define CAPTURED(test) cmocka_unit_test_setup_teardown(test, capture, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CAPTURED(lines_have_time_and_level),     CAPTURED(less_important_lines_are_left_out),
		CAPTURED(the_journal_gets_priorities),   CAPTURED(one_message_is_one_line),
		cmocka_unit_test(level_names_come_back), cmocka_unit_test(time_is_rfc_3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
