/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was compiled before is found again, and only that.
 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/cache.h"

static char folder[] = "/tmp/pilus-unit-XXXXXX";

static int make_folder(void **state)
{
	return !mkdtemp(folder) || setenv("PILUS_CACHE", folder, 1) || setenv("PILUS_CLANG", "/bin/true", 1);
}

static int remove_folder(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command); /* NOLINT(cert-env33-c): the name is ours */
}

static void test_found_again(void **state)
{
	struct compiled put = {.object = "\177ELF\0bytes", .size = 10, .warnings = "careful\n"}, got = {};

	assert_int_equal(cache_get("a", &got), -ENOENT);
	cache_put("a", &put);
	assert_int_equal(cache_get("a", &got), 0);
	assert_int_equal(got.size, put.size);
	assert_memory_equal(got.object, put.object, put.size);
	assert_string_equal(got.warnings, put.warnings);
	compiled_clear(&got);
}

static char *key_of(const char *name, const char *text, const char *flag)
{
	const struct compile_source source = {name, text, &flag, flag ? 1 : 0};

	return cache_key(&source);
}

static void test_keys(void **state)
{
	char *keys[] = {key_of("a.c", "x", NULL), key_of("a.c", "y", NULL), key_of("a.c", "x", "-DX"),
	                key_of("b.c", "x", NULL), key_of("a.c", "x", NULL)};

	for (size_t i = 1; i < 4; i++)
		assert_string_not_equal(keys[0], keys[i]);
	assert_string_equal(keys[0], keys[4]);
	for (size_t i = 0; i < 5; i++)
		free(keys[i]);
	assert_null(key_of("a.c", "#include \"other.h\"\n", NULL));
	assert_null(key_of("a.c", "#include OTHER\n", NULL));
	assert_null(key_of("a.c", "x", "-Iothers"));
	assert_null(key_of("a.c", "x", "-include"));
}

/* What stands beside the source may change without it, however it is included; what the system has does not. */
static void test_files_beside(void **state)
{
	static const char text[] = "#include <uapi/linux/ptrace.h>\n#include <beside.h>\n";
	char source[64], header[64];
	char *key;

	snprintf(source, sizeof(source), "%s/a.c", folder);
	snprintf(header, sizeof(header), "%s/beside.h", folder);
	key = key_of(source, text, NULL);
	assert_non_null(key);
	free(key);
	assert_int_equal(close(creat(header, 0600)), 0);
	assert_null(key_of(source, text, NULL));
	assert_int_equal(unlink(header), 0);
}

static void test_damaged(void **state)
{
	struct compiled got = {};
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/damaged", folder);
	file = fopen(path, "w");
	fputs("\377\377\377\377\377\377\377\377more", file);
	fclose(file);
	assert_int_equal(cache_get("damaged", &got), -EBADMSG);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(cache_get("damaged", &got), -ENOENT);
}

static void test_folder_of_others(void **state)
{
	struct compiled put = {.object = "x", .size = 1, .warnings = ""}, got = {};

	cache_put("mine", &put);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(cache_get("mine", &got), -ENOENT);
	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(cache_get("mine", &got), 0);
	compiled_clear(&got);
}

static size_t count_files(void)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(entries)))
		count += *entry->d_name != '.';
	closedir(entries);
	return count;
}

static void test_room(void **state)
{
	struct compiled put = {.object = "x", .size = 1, .warnings = ""}, got = {};
	char key[16];

	for (int i = 0; i < 300; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		cache_put(key, &put);
	}
	assert_int_equal(cache_get("k299", &got), 0);
	compiled_clear(&got);
	assert_int_equal(count_files(), 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_again),      cmocka_unit_test(test_keys),
		cmocka_unit_test(test_files_beside),     cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_folder_of_others), cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
