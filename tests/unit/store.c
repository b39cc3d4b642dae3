/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "store/store.h"

static struct store *open_store(void)
{
	_cleanup_free_ char *url = xasprintf("dir:%s/store", folder);
	struct store *store;

	assert_int_equal(store_open(&loop, url, &store, NULL), 0);
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

/* What a question came to. */
struct answer {
	int count, result;
	char text[512]; /* the error, or the value got */
};

static void on_done(void *userdata, int result, const struct error *error)
{
	struct answer *answer = userdata;

	answer->count++;
	answer->result = result;
	snprintf(answer->text, sizeof(answer->text), "%s", error->message);
}

static void on_got(void *userdata, int result, json_t *value, const struct error *error)
{
	struct answer *answer = userdata;
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

	on_done(userdata, result, error);
	if (text)
		snprintf(answer->text, sizeof(answer->text), "%s", text);
}

static int put(struct store *store, const char *key, const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	struct answer answer = {};

	store_put(store, key, value, on_done, &answer);
	json_decref(value);
	assert_int_equal(answer.count, 0);
	assert_eventually(answer.count);
	return answer.result;
}

static struct answer get(struct store *store, const char *key)
{
	struct answer answer = {};

	store_get(store, key, on_got, &answer);
	assert_eventually(answer.count);
	return answer;
}

static int delete(struct store *store, const char *key)
{
	struct answer answer = {};

	store_delete(store, key, on_done, &answer);
	assert_eventually(answer.count);
	return answer.result;
}

/* What a watch was told: the present state, and how often. */
struct view {
	json_t *objects;
	int sets, removals, syncs, broken;
	size_t at_sync;
	struct store_watch *watch;
	bool close_at_set;
};

static void on_set(void *userdata, const char *key, json_t *value)
{
	struct view *view = userdata;

	view->sets++;
	json_object_set(view->objects, key, value);
	if (view->close_at_set)
		store_watch_close(TAKE_PTR(view->watch));
}

static void on_removed(void *userdata, const char *key)
{
	struct view *view = userdata;

	view->removals++;
	assert_int_equal(json_object_del(view->objects, key), 0);
}

static void on_synced(void *userdata)
{
	struct view *view = userdata;

	view->syncs++;
	view->at_sync = json_object_size(view->objects);
}

static void on_broken(void *userdata, const char *key, const struct error *error)
{
	struct view *view = userdata;

	assert_non_null(strstr(error->message, key));
	view->broken++;
}

static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken};

static void view_open(struct view *view, struct store *store, const char *prefix)
{
	*view = (struct view){.objects = json_object()};
	view->watch = store_watch(store, prefix, &watcher, view);
	assert_int_equal(view->syncs, 0);
}

static void view_close(struct view *view)
{
	store_watch_close(view->watch);
	json_decref(view->objects);
}

static const json_t *seen(const struct view *view, const char *key)
{
	return json_object_get(view->objects, key);
}

static void what_is_put_is_got_and_readable(void **state)
{
	struct store *store = open_store();
	_cleanup_free_ char *text = NULL;
	struct stat status;

	assert_int_equal(get(store, "nodes/a").result, -ENOENT);
	assert_int_equal(put(store, "nodes/a", "{\"name\": \"a\", \"list\": [1]}"), 0);
	assert_string_equal(get(store, "nodes/a").text, "{\"name\":\"a\",\"list\":[1]}");
	assert_int_equal(put(store, "nodes/a", "{\"name\": \"b\"}"), 0);
	assert_string_equal(get(store, "nodes/a").text, "{\"name\":\"b\"}");

	assert_int_equal(file_read(path_of("nodes/a.json"), 100, &text, NULL), 0);
	assert_string_equal(text, "{\n  \"name\": \"b\"\n}\n");
	assert_int_equal(stat(path_of("nodes"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	store_close(store);
}

static void answers_come_in_the_order_asked(void **state)
{
	struct store *store = open_store();
	struct answer first = {}, missing = {};
	json_t *value = json_pack("{s:i}", "n", 1);

	store_put(store, "k", value, NULL, NULL);
	json_object_set_new(value, "n", json_integer(2)); /* the value was borrowed for the call only */
	store_get(store, "k", on_got, &first);
	store_delete(store, "k", NULL, NULL);
	store_get(store, "k", on_got, &missing);
	assert_eventually(missing.count);
	assert_string_equal(first.text, "{\"n\":1}");
	assert_int_equal(missing.result, -ENOENT);
	json_decref(value);
	store_close(store);
}

static void of_two_that_create_one_wins(void **state)
{
	struct store *stores[] = {open_store(), open_store()};
	int wins = 0;

	for (int round = 0; round < 20; round++) {
		_cleanup_free_ char *key = xasprintf("identities/%d", round);
		struct answer answers[2] = {};

		for (int i = 0; i < 2; i++) {
			json_t *value = json_pack("{s:i}", "by", i);

			store_create(stores[i], key, value, on_done, &answers[i]);
			json_decref(value);
		}
		assert_eventually(answers[0].count && answers[1].count);
		assert_true((answers[0].result == 0) != (answers[1].result == 0));
		assert_int_equal(answers[0].result + answers[1].result, -EEXIST);
		assert_string_equal(get(stores[0], key).text, answers[0].result ? "{\"by\":1}" : "{\"by\":0}");
		wins++;
	}
	assert_int_equal(wins, 20);
	store_close(stores[0]);
	store_close(stores[1]);
}

static void deleting_twice_is_fine(void **state)
{
	struct store *store = open_store();

	assert_int_equal(put(store, "a/b/c", "{}"), 0);
	assert_int_equal(delete (store, "a/b/c"), 0);
	assert_int_equal(delete (store, "a/b/c"), 0);
	assert_int_equal(delete (store, "never/there"), 0);
	assert_int_equal(get(store, "a/b/c").result, -ENOENT);
	store_close(store);
}

static void bad_keys_and_values_are_refused(void **state)
{
	static const char *const keys[] = {"",       "/",  "/a",   "a/",  "a//b", "..",
	                                   "a/../b", ".a", "a/.b", "a b", "a\nb", "ä"};
	char long_key[202];
	struct store *store = open_store();

	memset(long_key, 'k', 201);
	long_key[201] = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		assert_int_equal(put(store, keys[i], "{}"), -EINVAL);
		assert_int_equal(get(store, keys[i]).result, -EINVAL);
		assert_int_equal(delete (store, keys[i]), -EINVAL);
	}
	assert_int_equal(put(store, long_key, "{}"), -EINVAL);
	long_key[200] = 0;
	assert_int_equal(put(store, long_key, "{}"), 0);
	assert_int_equal(put(store, "ips/fd00::1", "{}"), 0);
	assert_int_equal(put(store, "a", "[1]"), -EINVAL);
	assert_int_equal(put(store, "a", "1"), -EINVAL);
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

		assert_true(store_open(&loop, urls[i], &store, &error) < 0);
		assert_true(*error.message);
		assert_null(store);
	}
}

static void a_watch_tells_what_is_there_then_what_changes(void **state)
{
	struct store *store = open_store(), *other = open_store();
	struct view view;

	assert_int_equal(put(store, "nodes/a", "{\"n\": 1}"), 0);
	assert_int_equal(put(store, "nodes/b", "{\"n\": 2}"), 0);
	assert_int_equal(put(store, "nodesx/b", "{}"), 0);
	view_open(&view, store, "nodes/");
	assert_eventually(view.syncs);
	assert_int_equal(view.at_sync, 2);
	assert_int_equal(view.sets, 2);

	assert_int_equal(put(other, "nodes/c", "{\"n\": 3}"), 0);
	assert_int_equal(put(other, "nodes/a", "{\"n\": 9}"), 0);
	assert_eventually(seen(&view, "nodes/c") && view.sets == 4);
	assert_int_equal(json_integer_value(json_object_get(seen(&view, "nodes/a"), "n")), 9);
	assert_int_equal(delete (other, "nodes/b"), 0);
	assert_eventually(!seen(&view, "nodes/b"));
	assert_int_equal(put(store, "nodes/d", "{}"), 0);
	assert_eventually(seen(&view, "nodes/d"));
	assert_int_equal(json_object_size(view.objects), 3);
	assert_int_equal(view.syncs, 1);
	assert_int_equal(view.broken, 0);
	view_close(&view);
	store_close(store);
	store_close(other);
}

static void what_stays_the_same_is_not_told_again(void **state)
{
	struct store *store = open_store();
	struct view view;

	view_open(&view, store, "");
	assert_int_equal(put(store, "a", "{\"n\": 1}"), 0);
	assert_int_equal(put(store, "a", "{\"n\": 1}"), 0);
	assert_int_equal(put(store, "deep/er/b", "{}"), 0);
	assert_eventually(seen(&view, "deep/er/b"));
	assert_int_equal(view.sets, 2);
	view_close(&view);
	store_close(store);
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
	assert_int_equal(view.removals, 0);
	view_close(&view);
	store_close(store);
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

static void a_watch_may_be_closed_from_its_callback(void **state)
{
	struct store *store = open_store();
	struct view view, other;

	assert_int_equal(put(store, "a", "{}"), 0);
	assert_int_equal(put(store, "b", "{}"), 0);
	view_open(&view, store, "");
	view.close_at_set = true;
	view_open(&other, store, "");
	assert_eventually(other.syncs);
	assert_int_equal(view.sets, 1);
	assert_int_equal(view.syncs, 0);
	assert_int_equal(other.sets, 2);
	view_close(&view);
	view_close(&other);
	store_close(store);
}

/* Callbacks that are owed are dropped, what was asked for is done. */
static void closing_finishes_the_work_silently(void **state)
{
	struct store *store = open_store();
	struct answer answer = {};
	struct view view;
	json_t *value = json_object();

	view_open(&view, store, "");
	store_put(store, "a", value, on_done, &answer);
	store_put(store, "b", value, on_done, &answer);
	json_decref(value);
	store_close(store);
	json_decref(view.objects);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(answer.count, 0);
	assert_int_equal(view.sets, 0);
	assert_int_equal(access(path_of("a.json"), F_OK), 0);
	assert_int_equal(access(path_of("b.json"), F_OK), 0);
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, loop_setup, loop_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_put_is_got_and_readable),
		TEST(answers_come_in_the_order_asked),
		TEST(of_two_that_create_one_wins),
		TEST(deleting_twice_is_fine),
		TEST(bad_keys_and_values_are_refused),
		TEST(bad_urls_are_refused_in_words),
		TEST(a_watch_tells_what_is_there_then_what_changes),
		TEST(what_stays_the_same_is_not_told_again),
		TEST(folders_made_later_are_followed),
		TEST(corrupt_files_are_reported_and_may_be_repaired),
		TEST(a_file_being_written_is_not_broken),
		TEST(removed_and_moved_folders_are_followed),
		TEST(many_files),
		TEST(other_hosts_are_noticed_without_events),
		TEST(a_watch_may_be_closed_from_its_callback),
		TEST(closing_finishes_the_work_silently),
		TEST(status_says_where_and_how),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
