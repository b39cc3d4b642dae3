/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kind of store must do. The test that includes this defines open_store(), for the same store each time
 * within a case, and empty in the next.
 */
#ifndef PILUS_TESTS_STORE_CASES_H
#define PILUS_TESTS_STORE_CASES_H

#include "loop.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/store.h"

static struct store *open_store(void);

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

typedef void (*put_function)(struct store *store, const char *key, json_t *value, store_done done, void *userdata);

static int put_by(put_function function, struct store *store, const char *key, const char *text)
{
	json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
	struct answer answer = {};

	function(store, key, value, on_done, &answer);
	json_decref(value);
	assert_int_equal(answer.count, 0);
	assert_eventually(answer.count);
	return answer.result;
}

static int put(struct store *store, const char *key, const char *text)
{
	return put_by(store_put, store, key, text);
}

static int put_leased(struct store *store, const char *key, const char *text)
{
	return put_by(store_put_leased, store, key, text);
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
	int sets, removals, syncs, broken, renewals;
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
	json_object_del(view->objects, key); /* unless it was broken all the time */
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

static void on_renewed(void *userdata)
{
	struct view *view = userdata;

	view->renewals++;
}

static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken, on_renewed};

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

static void what_is_put_is_got(void **state)
{
	struct store *store = open_store();

	assert_int_equal(get(store, "nodes/a").result, -ENOENT);
	assert_int_equal(put(store, "nodes/a", "{\"name\": \"a\", \"list\": [1]}"), 0);
	assert_string_equal(get(store, "nodes/a").text, "{\"name\":\"a\",\"list\":[1]}");
	assert_int_equal(put(store, "nodes/a", "{\"name\": \"b\"}"), 0);
	assert_string_equal(get(store, "nodes/a").text, "{\"name\":\"b\"}");
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

static void a_watch_may_be_closed_from_its_callback(void **state)
{
	struct store *store = open_store();
	struct view view, other;

	assert_int_equal(put(store, "a", "{}"), 0);
	assert_int_equal(put(store, "b", "{}"), 0);
	view_open(&view, store, "");
	view.close_at_set = true;
	view_open(&other, store, "");
	assert_eventually(view.sets && other.syncs);
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
	store = open_store();
	assert_int_equal(get(store, "a").result, 0);
	assert_int_equal(get(store, "b").result, 0);
	store_close(store);
}

static void what_is_put_under_the_lease_is_as_good(void **state)
{
	struct store *store = open_store();
	struct view view;

	assert_int_equal(put(store, "a", "{\"n\": 1}"), 0);
	assert_int_equal(put_leased(store, "a", "{\"n\": 2}"), 0);
	assert_int_equal(put_leased(store, "b", "{\"n\": 3}"), 0);
	assert_string_equal(get(store, "a").text, "{\"n\":2}");
	view_open(&view, store, "");
	assert_eventually(view.syncs);
	assert_int_equal(view.at_sync, 2);
	assert_int_equal(delete (store, "b"), 0);
	assert_eventually(!seen(&view, "b"));
	view_close(&view);
	store_close(store);
}

#define SHARED_CASES(CASE)                                                                                        \
	CASE(what_is_put_is_got), CASE(answers_come_in_the_order_asked), CASE(of_two_that_create_one_wins),       \
		CASE(deleting_twice_is_fine), CASE(bad_keys_and_values_are_refused),                              \
		CASE(a_watch_tells_what_is_there_then_what_changes), CASE(what_stays_the_same_is_not_told_again), \
		CASE(a_watch_may_be_closed_from_its_callback), CASE(closing_finishes_the_work_silently),          \
		CASE(what_is_put_under_the_lease_is_as_good)

#endif
