/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

static char folder[64];

static int enter_folder(void **state)
{
	strcpy(folder, "/tmp/pilus-unit-file-XXXXXX");
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *where)
{
	return remove(path);
}

static int leave_folder(void **state)
{
	return chdir("/") == 0 ? nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

static unsigned names_in(const char *path)
{
	DIR *names = opendir(path);
	unsigned count = 0;

	assert_non_null(names);
	for (struct dirent *entry = readdir(names); entry; entry = readdir(names))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(names);
	return count;
}

static void assert_file(const char *path, const char *content)
{
	_cleanup_free_ char *data = NULL;
	size_t size;

	assert_int_equal(file_read(path, 1 << 20, &data, &size), 0);
	assert_int_equal(size, strlen(content));
	assert_string_equal(data, content);
}

static void what_is_written_is_read(void **state)
{
	struct stat status;

	assert_int_equal(file_write_atomic("a", "one", 3, 0640), 0);
	assert_file("a", "one");
	assert_int_equal(file_write_atomic("a", "", 0, 0600), 0);
	assert_file("a", "");
	assert_int_equal(stat("a", &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(names_in("."), 1);
}

static void large_files_come_whole_or_not_at_all(void **state)
{
	size_t size = 100000, got;
	_cleanup_free_ char *data = xcalloc(1, size), *back = NULL;

	memset(data, 'x', size);
	assert_int_equal(file_write_atomic("large", data, size, 0600), 0);
	assert_int_equal(file_read("large", size - 1, &back, &got), -EFBIG);
	assert_null(back);
	assert_int_equal(file_read("large", size, &back, &got), 0);
	assert_int_equal(got, size);
	assert_memory_equal(back, data, size);
	assert_int_equal(back[size], '\0');
}

static void creating_keeps_what_is_there(void **state)
{
	assert_int_equal(file_create_atomic("b", "first", 5, 0600), 0);
	assert_int_equal(file_create_atomic("b", "second", 6, 0600), -EEXIST);
	assert_file("b", "first");
	assert_int_equal(names_in("."), 1);
}

static void of_several_creators_one_wins(void **state)
{
	enum { CREATORS = 8 };
	unsigned won = 0;

	for (unsigned i = 0; i < CREATORS; i++)
		if (fork() == 0)
			_exit(file_create_atomic("race", "me", 2, 0600) == 0);
	for (unsigned i = 0; i < CREATORS; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		won += WEXITSTATUS(status);
	}
	assert_int_equal(won, 1);
	assert_file("race", "me");
}

static void failures_say_why_and_leave_nothing(void **state)
{
	_cleanup_free_ char *data = NULL;

	assert_int_equal(file_read("missing", 10, &data, NULL), -ENOENT);
	assert_null(data);
	assert_int_equal(file_write_atomic("missing/file", "x", 1, 0600), -ENOENT);
	assert_int_equal(folder_make("folder", 0755), 0);
	assert_int_equal(file_write_atomic("folder", "x", 1, 0600), -EISDIR);
	assert_int_equal(file_read("folder", 10, &data, NULL), -EISDIR);
	assert_int_equal(names_in("."), 1);
}

static void folders_come_with_parents(void **state)
{
	_cleanup_free_ char *absolute = xasprintf("%s/p/q/r/", folder);
	struct stat status;

	assert_int_equal(folder_make("x/y/z", 0755), 0);
	assert_int_equal(folder_make("x/y/z", 0755), 0);
	assert_int_equal(folder_make(absolute, 0755), 0);
	assert_int_equal(stat("x/y/z", &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(stat("p/q/r", &status), 0);

	assert_int_equal(file_write_atomic("f", "x", 1, 0600), 0);
	assert_int_equal(folder_make("f", 0755), -ENOTDIR);
	assert_int_equal(folder_make("f/g", 0755), -ENOTDIR);
}

static void temporary_files_are_known_by_name(void **state)
{
	static const char *const other[] = {"",
	                                    ".",
	                                    "..",
	                                    "7.json",
	                                    ".7.json",
	                                    ".7.json.12345",
	                                    ".7.json.12345.",
	                                    "7.json.123456",
	                                    ".7.json.123-56",
	                                    ".123456"};

	assert_true(file_is_temporary(".7.json.aZ09xy"));
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		assert_false(file_is_temporary(other[i]));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(what_is_written_is_read),
		IN_FOLDER(large_files_come_whole_or_not_at_all),
		IN_FOLDER(creating_keeps_what_is_there),
		IN_FOLDER(of_several_creators_one_wins),
		IN_FOLDER(failures_say_why_and_leave_nothing),
		IN_FOLDER(folders_come_with_parents),
		cmocka_unit_test(temporary_files_are_known_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
