/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a real etcd: etcd_server.h.
 */
#include "store_cases.h"

#include "etcd_server.h"
#include "store/etcd_key.h"
#include "store/etcd_url.h"
#include "store/etcd_watch.h"

#define ADDRESS "127.0.0.1:2379"
#define MEMBERS 3

static struct etcd_server etcd;
static unsigned case_number;

static void etcd_start(void)
{
	etcd_server_start(&etcd, "--listen-client-urls http://" ADDRESS " --advertise-client-urls http://" ADDRESS);
}

static void etcd_kill(void)
{
	etcd_server_kill(&etcd);
}

static json_t *gateway(const char *path, const char *body)
{
	_cleanup_free_ char *url = xasprintf("http://" ADDRESS "/v3/%s", path);

	return etcd_server_ask(url, "", body);
}

/* The revision it made. */
static json_int_t gateway_ask_key(const char *path, const char *key, const char *text)
{
	_cleanup_free_ char *whole = xasprintf("/case-%u/%s", case_number, key);
	json_t *body = json_pack("{s:o}", "key", etcd_encode("", whole));
	_cleanup_free_ char *body_text = NULL;
	json_int_t revision;
	json_t *answer;

	if (text)
		json_object_set_new(body, "value", etcd_encode("", text));
	body_text = json_dumps(body, 0);
	answer = gateway(path, body_text);
	revision = etcd_number(json_object_get(answer, "header"), "revision");
	json_decref(answer);
	json_decref(body);
	return revision;
}

static json_int_t gateway_put(const char *key, const char *text)
{
	return gateway_ask_key("kv/put", key, text);
}

static json_int_t gateway_delete(const char *key)
{
	return gateway_ask_key("kv/deleterange", key, NULL);
}

static void gateway_compact(json_int_t revision)
{
	_cleanup_free_ char *body = xasprintf("{\"revision\": \"%" JSON_INTEGER_FORMAT "\"}", revision);

	json_decref(gateway("kv/compaction", body));
}

static struct store *open_members(const char *members)
{
	_cleanup_free_ char *url = xasprintf("etcd:http://%s/case-%u", members, case_number);
	struct store *store;

	assert_int_equal(store_open(&loop, url, &(struct store_access){}, &store, NULL), 0);
	return store;
}

static struct store *open_store(void)
{
	return open_members(ADDRESS);
}

static int case_setup(void **state)
{
	case_number++;
	return loop_setup(state);
}

static const char *state_of(const struct store *store)
{
	static char text[32];
	json_t *status = store_status(store);

	assert_string_equal(json_string_value(json_object_get(status, "kind")), "etcd");
	snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(status, "state")));
	json_decref(status);
	return text;
}

/* ── the cases ── */

static void a_killed_etcd_is_waited_for(void **state)
{
	struct store *store = open_store();
	struct answer answer = {};
	struct view view;
	json_t *value = json_object();

	assert_int_equal(put(store, "a", "{}"), 0);
	view_open(&view, store, "");
	assert_eventually(view.syncs);
	etcd_kill();
	store_put(store, "b", value, on_done, &answer);
	assert_eventually(!strcmp(state_of(store), "Failure"));
	assert_int_equal(answer.count, 0);
	assert_int_equal(json_object_size(view.objects), 1);
	etcd_start();
	assert_eventually(answer.count && seen(&view, "b"));
	assert_int_equal(answer.result, 0);
	assert_string_equal(state_of(store), "Ok");
	assert_int_equal(view.removals, 0);
	assert_int_equal(view.sets, 2);
	assert_int_equal(view.syncs, 1);
	json_decref(value);
	view_close(&view);
	store_close(store);
}

static void what_nobody_answers_fails_in_time(void **state)
{
	struct store *store = open_members("127.0.0.1:1");
	struct answer answer;

	answer = get(store, "a");
	assert_int_equal(answer.result, -EAGAIN);
	assert_non_null(strstr(answer.text, "127.0.0.1:1"));
	assert_string_equal(state_of(store), "Failure");
	store_close(store);
}

static void members_are_tried_in_turn(void **state)
{
	struct store *store = open_members("127.0.0.1:1,127.0.0.1:2," ADDRESS);
	struct view view;

	view_open(&view, store, "");
	assert_int_equal(put(store, "a", "{}"), 0);
	assert_eventually(view.syncs && seen(&view, "a"));
	assert_string_equal(state_of(store), "Ok");
	view_close(&view);
	store_close(store);
}

/* The members of a cluster, on client ports from 4001 and peer ports from 5001. */
static void member_start(struct etcd_server *member, int number)
{
	_cleanup_free_ char *flags = xasprintf(
		"--name m%d --listen-client-urls http://127.0.0.1:%d --advertise-client-urls http://127.0.0.1:%d "
		"--listen-peer-urls http://127.0.0.1:%d --initial-advertise-peer-urls http://127.0.0.1:%d "
		"--initial-cluster m1=http://127.0.0.1:5001,m2=http://127.0.0.1:5002,m3=http://127.0.0.1:5003",
		number, 4000 + number, 4000 + number, 5000 + number, 5000 + number);

	etcd_server_start(member, flags);
}

/* Each in turn, the one that is talked to and the leader among them. */
static void a_member_that_dies_is_replaced_by_another(void **state)
{
	struct etcd_server members[MEMBERS] = {};
	struct store *store;
	struct view view;

	for (int i = 0; i < MEMBERS; i++) {
		assert_int_equal(etcd_server_prepare(&members[i]), 0);
		member_start(&members[i], i + 1);
	}
	store = open_members("127.0.0.1:4001,127.0.0.1:4002,127.0.0.1:4003");
	view_open(&view, store, "");
	assert_eventually(view.syncs);
	for (int i = 0; i < MEMBERS; i++) {
		_cleanup_free_ char *key = xasprintf("nodes/%d", i);

		etcd_server_kill(&members[i]);
		assert_int_equal(put(store, key, "{}"), 0);
		assert_eventually(seen(&view, key));
		assert_string_equal(state_of(store), "Ok");
		member_start(&members[i], i + 1);
	}
	assert_int_equal(view.removals, 0);
	assert_int_equal(view.sets, MEMBERS);
	view_close(&view);
	store_close(store);
	for (int i = 0; i < MEMBERS; i++)
		assert_int_equal(etcd_server_remove(&members[i]), 0);
}

static void watch_three(struct view *view, struct store *store)
{
	assert_int_equal(put(store, "nodes/same", "{}"), 0);
	assert_int_equal(put(store, "nodes/changes", "{}"), 0);
	assert_int_equal(put(store, "nodes/goes", "{}"), 0);
	view_open(view, store, "nodes/");
	assert_eventually(view->syncs);
	assert_int_equal(view->sets, 3);
}

static void assert_difference_told(struct view *view)
{
	assert_eventually(seen(view, "nodes/new") && !seen(view, "nodes/goes"));
	assert_eventually(json_object_size(seen(view, "nodes/changes")));
	assert_int_equal(view->sets, 5);
	assert_int_equal(view->removals, 1);
	assert_int_equal(view->syncs, 1);
}

static json_int_t change_three(void)
{
	gateway_put("nodes/new", "{}");
	gateway_put("nodes/changes", "{\"n\": 2}");
	return gateway_delete("nodes/goes");
}

static void a_broken_watch_is_resumed(void **state)
{
	struct store *store = open_store();
	struct view view;

	watch_three(&view, store);
	etcd_kill();
	etcd_start();
	change_three();
	assert_difference_told(&view);
	view_close(&view);
	store_close(store);
}

/* Of what happened while the watch was away, etcd has forgotten a part. */
static void a_compacted_past_is_made_up_for(void **state)
{
	struct store *store = open_store();
	struct view view;

	watch_three(&view, store);
	etcd_kill();
	etcd_start();
	gateway_compact(change_three());
	assert_difference_told(&view);
	assert_int_equal(put(store, "nodes/more", "{}"), 0);
	assert_eventually(seen(&view, "nodes/more"));
	view_close(&view);
	store_close(store);
}

static void an_etcd_set_up_anew_is_noticed(void **state)
{
	struct store *store = open_store();
	struct view view;

	watch_three(&view, store);
	etcd_kill();
	etcd_server_wipe(&etcd);
	etcd_start();
	assert_eventually(view.renewals);
	assert_int_equal(view.removals, 0);
	assert_int_equal(put(store, "nodes/same", "{}"), 0);
	assert_int_equal(put(store, "nodes/new", "{}"), 0);
	assert_eventually(seen(&view, "nodes/new"));
	assert_int_equal(view.removals, 0);
	assert_eventually(view.removals == 2);
	assert_non_null(seen(&view, "nodes/same"));
	assert_int_equal(view.renewals, 1);
	assert_int_equal(view.syncs, 1);
	view_close(&view);
	store_close(store);
}

static void revoke_all_leases(void)
{
	json_t *answer = gateway("lease/leases", "{}"), *lease;
	size_t i;

	json_array_foreach (json_object_get(answer, "leases"), i, lease) {
		_cleanup_free_ char *body = json_dumps(lease, 0);

		json_decref(gateway("lease/revoke", body));
	}
	assert_true(i > 0);
	json_decref(answer);
}

static void what_stood_under_a_lost_lease_is_removed(void **state)
{
	struct store *store = open_store();
	struct view view;

	view_open(&view, store, "");
	assert_int_equal(put(store, "stays", "{}"), 0);
	assert_int_equal(put_leased(store, "goes", "{}"), 0);
	assert_eventually(seen(&view, "stays") && seen(&view, "goes"));
	revoke_all_leases();
	assert_eventually(!seen(&view, "goes"));
	assert_non_null(seen(&view, "stays"));
	assert_int_equal(put_leased(store, "goes", "{}"), 0);
	assert_eventually(seen(&view, "goes"));
	revoke_all_leases();
	assert_eventually(!seen(&view, "goes"));
	view_close(&view);
	store_close(store);
}

/* What the first life wrote again before its lease ended stays in the second. */
static void the_next_life_takes_a_key_over(void **state)
{
	struct store *first = open_store(), *second;
	json_t *leases;

	assert_int_equal(put_leased(first, "a", "{}"), 0);
	leases = gateway("lease/leases", "{}");
	store_close(first);
	uv_run(&loop, UV_RUN_DEFAULT);
	second = open_store();
	assert_int_equal(get(second, "a").result, 0);
	assert_int_equal(put_leased(second, "a", "{}"), 0);
	{
		_cleanup_free_ char *body = json_dumps(json_array_get(json_object_get(leases, "leases"), 0), 0);

		json_decref(gateway("lease/revoke", body));
	}
	assert_int_equal(get(second, "a").result, 0);
	json_decref(leases);
	store_close(second);
	revoke_all_leases();
}

static void long_lists_come_in_pages(void **state)
{
	struct store *store = open_store();
	struct answer answer = {};
	struct view view;
	json_t *value = json_object();

	for (int i = 0; i < 2100; i++) {
		char key[32];

		snprintf(key, sizeof(key), "ips/%d%s", i, i % 3 ? "" : "/more");
		store_put(store, key, value, on_done, &answer);
		if (i % 100 == 99)
			assert_eventually(answer.count > i);
	}
	view_open(&view, store, "ips/");
	assert_eventually(view.syncs);
	assert_int_equal(view.at_sync, 2100);
	assert_int_equal(view.sets, 2100);
	json_decref(value);
	view_close(&view);
	store_close(store);
}

static void what_is_no_object_is_reported(void **state)
{
	struct store *store = open_store();
	struct view view;

	gateway_put("nodes/a", "nonsense");
	gateway_put("nodes/b", "");
	gateway_put("nodes/.hidden", "{}");
	view_open(&view, store, "nodes/");
	assert_eventually(view.syncs);
	assert_int_equal(view.broken, 2);
	assert_int_equal(view.sets, 0);
	assert_int_equal(get(store, "nodes/a").result, -EINVAL);
	gateway_put("nodes/a", "{}");
	assert_eventually(seen(&view, "nodes/a"));
	assert_int_equal(delete (store, "nodes/b"), 0);
	assert_eventually(view.removals == 1); /* who was told of it is told of its end */
	view_close(&view);
	store_close(store);
}

static void urls_are_understood(void **state)
{
	struct etcd_url url;

	assert_int_equal(etcd_url_parse("http://10.0.0.1:2379,etcd-2,[fd00::3]:4001/some/where", &url, NULL), 0);
	assert_int_equal(url.member_count, 3);
	assert_string_equal(url.members[0], "http://10.0.0.1:2379");
	assert_string_equal(url.members[1], "http://etcd-2:2379");
	assert_string_equal(url.members[2], "http://[fd00::3]:4001");
	assert_string_equal(url.prefix, "/some/where/");
	etcd_url_clear(&url);
	assert_int_equal(etcd_url_parse("http://a/", &url, NULL), 0);
	assert_string_equal(url.prefix, "/pilus/");
	etcd_url_clear(&url);
}

static void bad_urls_are_refused_in_words(void **state)
{
	static const char *const wrong[] = {
		"",
		"10.0.0.1:2379",
		"ftp://a",
		"http://",
		"http://a,",
		"http://a:",
		"http://a:0",
		"http://a:x",
		"http://a:65536",
		"http://a:2379x",
		"http://[fd00::1",
		"http://a b",
		"http://a//b",
		"http://a/b?c",
		"http://a,http://b",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		_cleanup_free_ char *text = xasprintf("etcd:%s", wrong[i]);
		struct error error = {};

		assert_int_equal(store_check(text, &error), -EINVAL);
		assert_true(*error.message);
	}
}

/* ── the group ── */

static int group_setup(void **state)
{
	etcd_watch_grace_ms = 2000;
	if (etcd_server_prepare(&etcd))
		return -1;
	etcd_start();
	return 0;
}

static int group_teardown(void **state)
{
	return etcd_server_remove(&etcd);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, case_setup, loop_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED_CASES(CASE),
		CASE(a_killed_etcd_is_waited_for),
		CASE(what_nobody_answers_fails_in_time),
		CASE(members_are_tried_in_turn),
		CASE(a_member_that_dies_is_replaced_by_another),
		CASE(a_broken_watch_is_resumed),
		CASE(a_compacted_past_is_made_up_for),
		CASE(an_etcd_set_up_anew_is_noticed),
		CASE(what_stood_under_a_lost_lease_is_removed),
		CASE(the_next_life_takes_a_key_over),
		CASE(long_lists_come_in_pages),
		CASE(what_is_no_object_is_reported),
		CASE(urls_are_understood),
		CASE(bad_urls_are_refused_in_words),
	};

	return etcd_server_possible() ?: cmocka_run_group_tests(tests, group_setup, group_teardown);
}
