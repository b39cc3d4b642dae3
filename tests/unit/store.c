/* SPDX-License-Identifier: Apache-2.0 */
#include "store_cases.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "store/yaml_json.h"

static struct store *open_store(void)
{
	_cleanup_free_ char *url = xasprintf("dir:%s/store", folder);
	struct store *store;

	assert_int_equal(store_open(&loop, url, &(struct store_access){}, &store, NULL), 0);
	return store;
}

static const char *path_of(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/store/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void what_is_put_is_readable(void **state)
{
	struct store *store = open_store();
	_cleanup_free_ char *text = NULL;
	struct stat status;

	assert_int_equal(put(store, "nodes/a", "{\"name\": \"b\"}"), 0);
	assert_int_equal(file_read(path_of("nodes/a.json"), 100, &text, NULL), 0);
	assert_string_equal(text, "{\n  \"name\": \"b\"\n}\n");
	assert_int_equal(stat(path_of("nodes"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	store_close(store);
}

static void bad_urls_are_refused_in_words(void **state)
{
	_cleanup_free_ char *no_folder = xasprintf("dir:%s/file/store", folder);
	_cleanup_free_ char *file = xasprintf("%s/file", folder);
	const char *urls[] = {"", "dir", "dir:", "dir:relative", "zookeeper:/x", no_folder};

	assert_int_equal(file_write_atomic(file, "", 0, 0600), 0);
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		struct error error = {};
		struct store *store = NULL;

		assert_true(store_open(&loop, urls[i], &(struct store_access){}, &store, &error) < 0);
		assert_true(*error.message);
		assert_null(store);
	}
}

static void folders_made_later_are_followed(void **state)
{
	struct store *store = open_store();
	struct view view;

	view_open(&view, store, "nodes/");
	assert_eventually(view.syncs);
	assert_int_equal(view.at_sync, 0);
	assert_int_equal(put(store, "other/a", "{}"), 0);
	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	assert_int_equal(put(store, "nodes/deep/a", "{}"), 0);
	assert_eventually(seen(&view, "nodes/a") && seen(&view, "nodes/deep/a"));
	assert_int_equal(view.sets, 2);
	view_close(&view);
	store_close(store);
}

static void corrupt_files_are_reported_and_may_be_repaired(void **state)
{
	struct store *store = open_store();
	struct view view;

	assert_int_equal(put(store, "nodes/a", "{\"n\": 1}"), 0);
	write_file("nodes/b.json", "{\"n\": ");
	view_open(&view, store, "nodes/");
	assert_eventually(view.syncs);
	assert_int_equal(view.broken, 1);
	assert_null(seen(&view, "nodes/b"));
	assert_int_equal(get(store, "nodes/b").result, -EINVAL);

	write_file("nodes/b.json", "{\"n\": 2}");
	assert_eventually(seen(&view, "nodes/b"));
	write_file("nodes/a.json", "[]");
	assert_eventually(view.broken == 2);
	assert_non_null(seen(&view, "nodes/a")); /* what it held before stays */
	write_file("nodes/a.json", "{\"n\": 7}");
	assert_eventually(json_integer_value(json_object_get(seen(&view, "nodes/a"), "n")) == 7);
	write_file("nodes/c.json", "nonsense");
	assert_eventually(view.broken == 3);
	assert_int_equal(unlink(path_of("nodes/c.json")), 0);
	assert_int_equal(put(store, "nodes/end", "{}"), 0);
	assert_eventually(seen(&view, "nodes/end"));
	assert_int_equal(view.removals, 1); /* who was told of it is told of its end */
	view_close(&view);
	store_close(store);
}

/* People may write YAML; where both are there, JSON counts. */
static void yaml_is_read_too(void **state)
{
	struct store *store = open_store();
	_cleanup_free_ char *shown = NULL;
	struct view view;

	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	view_open(&view, store, "nodes/");
	assert_eventually(view.syncs);
	write_file("nodes/b.yaml",
	           "# by hand\nn: 2\ntext: [yes, '3', \"null\", ~, 1.5, -4, true, 10.0.0.1]\nbelow: {a: b}\n");
	assert_eventually(seen(&view, "nodes/b"));
	shown = json_dumps(seen(&view, "nodes/b"), JSON_COMPACT);
	assert_string_equal(shown, "{\"n\":2,\"text\":[\"yes\",\"3\",\"null\",null,1.5,-4,true,\"10.0.0.1\"],"
	                           "\"below\":{\"a\":\"b\"}}");
	assert_string_equal(get(store, "nodes/b").text, shown);
	write_file("nodes/b.json", "{\"n\": 3}");
	assert_eventually(json_integer_value(json_object_get(seen(&view, "nodes/b"), "n")) == 3);
	assert_int_equal(unlink(path_of("nodes/b.json")), 0);
	assert_eventually(json_integer_value(json_object_get(seen(&view, "nodes/b"), "n")) == 2);
	assert_int_equal(delete (store, "nodes/b"), 0);
	assert_eventually(!seen(&view, "nodes/b"));
	view_close(&view);
	store_close(store);
}

static void bad_yaml_is_refused_in_words(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", "there is nothing in it"},
		{"a: 1\nb: {\n", "line 3: this is no YAML: did not find expected node content"},
		{"a: 1\na: 2\n", "line 2: this field is there twice"},
		{"[a]: 1\n", "line 1: the name of a field must be text"},
		{"a: 1\n---\nb: 2\n", "it holds more than one object: give each its own file"},
		{"a: &x [1, *x]\n", "line 1: there is too much of it"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct error error = {};

		assert_null(yaml_to_json(cases[i].text, strlen(cases[i].text), &error));
		assert_string_equal(error.message, cases[i].words);
	}
}

/* A file that an editor makes is empty before it is written: no reason to report it. */
static void a_file_being_written_is_not_broken(void **state)
{
	struct store *store = open_store();
	struct view view;
	FILE *file;

	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	view_open(&view, store, "nodes/");
	assert_eventually(view.syncs);
	file = fopen(path_of("nodes/b.json"), "we");
	assert_non_null(file);
	assert_int_equal(put(store, "nodes/c", "{}"), 0);
	assert_eventually(seen(&view, "nodes/c"));
	fputs("{\"n\": 1}", file);
	fclose(file);
	assert_eventually(seen(&view, "nodes/b"));
	assert_int_equal(view.broken, 0);
	write_file("nodes/.hidden.json", "{");
	write_file("nodes/notes.txt", "{");
	assert_int_equal(put(store, "nodes/end", "{}"), 0);
	assert_eventually(seen(&view, "nodes/end"));
	assert_int_equal(view.sets, 4);
	assert_int_equal(view.broken, 0);
	view_close(&view);
	store_close(store);
}

static void removed_and_moved_folders_are_followed(void **state)
{
	_cleanup_free_ char *store_path = xasprintf("%s/store", folder);
	_cleanup_free_ char *aside = xasprintf("%s/aside", folder);
	struct store *store = open_store();
	struct view view;

	view_open(&view, store, "nodes/");
	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	assert_int_equal(put(store, "nodes/b", "{}"), 0);
	assert_eventually(seen(&view, "nodes/a") && seen(&view, "nodes/b"));

	assert_int_equal(folder_remove(path_of("nodes")), 0);
	assert_eventually(json_object_size(view.objects) == 0);
	assert_int_equal(put(store, "nodes/c", "{}"), 0);
	assert_eventually(seen(&view, "nodes/c"));

	assert_int_equal(folder_remove(store_path), 0);
	assert_eventually(json_object_size(view.objects) == 0 && !access(store_path, F_OK));
	assert_int_equal(put(store, "nodes/d", "{}"), 0);
	assert_eventually(seen(&view, "nodes/d"));

	assert_int_equal(rename(store_path, aside), 0);
	assert_eventually(json_object_size(view.objects) == 0 && !access(store_path, F_OK));
	assert_int_equal(folder_remove(store_path), 0);
	assert_int_equal(rename(aside, store_path), 0);
	assert_eventually(seen(&view, "nodes/d"));
	view_close(&view);
	store_close(store);
}

static const char *address_file(int i)
{
	static char name[64];

	snprintf(name, sizeof(name), "ips/10.0.%d.%d.json", i / 250, i % 250);
	return name;
}

static void write_address(int i)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"identity\": %d}", i);
	write_file(address_file(i), text);
}

static void many_files(void **state)
{
	struct store *store = open_store();
	struct view early, late;

	view_open(&early, store, "ips/");
	assert_int_equal(mkdir(path_of("ips"), 0700), 0);
	for (int i = 0; i < 1000; i++)
		write_address(i);
	assert_eventually(json_object_size(early.objects) == 1000);
	view_open(&late, store, "ips/");
	assert_eventually(late.syncs);
	assert_int_equal(late.at_sync, 1000);
	assert_true(json_equal(early.objects, late.objects));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(unlink(path_of(address_file(i))), 0);
	assert_eventually(json_object_size(early.objects) == 0 && json_object_size(late.objects) == 0);
	assert_int_equal(early.removals, 1000);
	view_close(&early);
	view_close(&late);
	store_close(store);
}

/* A network file system, whose events tell nothing of other hosts: statfs and inotify say so while it is set. */
static bool remote_folder;

int __real_statfs64(const char *path, struct statfs *ret);
int __wrap_statfs64(const char *path, struct statfs *ret)
{
	int result = __real_statfs64(path, ret);

	if (remote_folder)
		ret->f_type = NFS_SUPER_MAGIC;
	return result;
}

int __real_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	return __real_inotify_add_watch(fd, path, remote_folder ? IN_UNMOUNT : mask);
}

static void other_hosts_are_noticed_without_events(void **state)
{
	struct store *store;
	struct view view;

	remote_folder = true;
	store = open_store();
	view_open(&view, store, "nodes/");
	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	assert_eventually(view.syncs);
	assert_int_equal(put(store, "nodes/b", "{}"), 0);
	assert_eventually(seen(&view, "nodes/a") && seen(&view, "nodes/b"));
	assert_int_equal(delete (store, "nodes/a"), 0);
	assert_eventually(!seen(&view, "nodes/a"));
	view_close(&view);
	store_close(store);
	remote_folder = false;
}

static void status_says_where_and_how(void **state)
{
	struct store *store = open_store();
	json_t *status = store_status(store);

	assert_string_equal(json_string_value(json_object_get(status, "kind")), "dir");
	assert_string_equal(json_string_value(json_object_get(status, "state")), "Ok");
	assert_non_null(strstr(json_string_value(json_object_get(status, "message")), folder));
	json_decref(status);

	assert_int_equal(put(store, "a", "{}"), 0);
	assert_int_equal(put(store, "a.json/b", "{}"), -ENOTDIR); /* a.json is a file */
	status = store_status(store);
	assert_string_equal(json_string_value(json_object_get(status, "state")), "Failure");
	json_decref(status);
	assert_int_equal(put(store, "a", "{}"), 0);
	status = store_status(store);
	assert_string_equal(json_string_value(json_object_get(status, "state")), "Ok");
	json_decref(status);
	store_close(store);
}

/* What a killed writer left; one that still writes would only have to write again. */
static void unfinished_files_go_in_time(void **state)
{
	const struct timespec times[2] = {{.tv_sec = time(NULL) - 60}, {.tv_sec = time(NULL) - 60}};
	struct store *store = open_store();
	struct view view;

	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	write_file("nodes/.b.json.abcDEF", "{");
	write_file("nodes/.c.json.abcDE1", "{");
	write_file("nodes/.not-ours", "{");
	assert_int_equal(utimensat(AT_FDCWD, path_of("nodes/.b.json.abcDEF"), times, 0), 0);
	view_open(&view, store, "nodes/");
	assert_eventually(view.syncs);
	assert_int_equal(access(path_of("nodes/.b.json.abcDEF"), F_OK), -1);
	assert_int_equal(access(path_of("nodes/.c.json.abcDE1"), F_OK), 0);
	assert_int_equal(access(path_of("nodes/.not-ours"), F_OK), 0);
	view_close(&view);
	store_close(store);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, loop_setup, loop_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED_CASES(TEST),
		TEST(what_is_put_is_readable),
		TEST(bad_urls_are_refused_in_words),
		TEST(folders_made_later_are_followed),
		TEST(corrupt_files_are_reported_and_may_be_repaired),
		TEST(yaml_is_read_too),
		TEST(bad_yaml_is_refused_in_words),
		TEST(a_file_being_written_is_not_broken),
		TEST(removed_and_moved_folders_are_followed),
		TEST(many_files),
		TEST(other_hosts_are_noticed_without_events),
		TEST(unfinished_files_go_in_time),
		TEST(status_says_where_and_how),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
