/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a real etcd, which these tests start, kill and wipe in a network namespace of their own.
 */
#include "store_cases.h"

#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "store/etcd_key.h"
#include "store/etcd_url.h"

#define ADDRESS "127.0.0.1:2379"

static char data_folder[] = "/tmp/pilus-etcd-XXXXXX";
static pid_t etcd;
static unsigned case_number;

/* ── etcd ── */

static void become_etcd(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
		_exit(126);
	execlp("etcd", "etcd", "--data-dir", data_folder, "--unsafe-no-fsync", "--listen-client-urls",
	       "http://" ADDRESS, "--advertise-client-urls", "http://" ADDRESS, "--listen-peer-urls",
	       "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380", "--initial-cluster",
	       "default=http://127.0.0.1:2380", "--heartbeat-interval=20", "--election-timeout=200", NULL);
	_exit(127);
}

static void etcd_start(void)
{
	etcd = fork();
	assert_true(etcd >= 0);
	if (!etcd)
		become_etcd();
}

static void etcd_kill(void)
{
	assert_int_equal(kill(etcd, SIGKILL), 0);
	assert_int_equal(waitpid(etcd, NULL, 0), etcd);
	etcd = 0;
}

/* One call of the gateway, while the loop and so the store stand still; it waits for etcd. */
static json_t *gateway(const char *path, const char *body)
{
	_cleanup_free_ char *command = xasprintf("curl -sf --retry 10 --retry-delay 1 "
	                                         "--retry-all-errors http://" ADDRESS "/v3/%s -d '%s'",
	                                         path, body);
	FILE *pipe = popen(command, "re");
	json_t *answer;

	assert_non_null(pipe);
	answer = json_loadf(pipe, 0, NULL);
	assert_int_equal(pclose(pipe), 0);
	assert_non_null(answer);
	return answer;
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

	assert_int_equal(store_open(&loop, url, &store, NULL), 0);
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
	assert_int_equal(folder_remove(data_folder), 0);
	etcd_start();
	assert_eventually(view.removals == 3);
	assert_int_equal(put(store, "nodes/new", "{}"), 0);
	assert_eventually(seen(&view, "nodes/new"));
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

static void lo_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static int group_setup(void **state)
{
	lo_up();
	if (!mkdtemp(data_folder))
		return -1;
	etcd_start();
	return 0;
}

static int group_teardown(void **state)
{
	etcd_kill();
	return folder_remove(data_folder);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, case_setup, loop_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED_CASES(CASE),
		CASE(a_killed_etcd_is_waited_for),
		CASE(what_nobody_answers_fails_in_time),
		CASE(members_are_tried_in_turn),
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

	if (system("command -v etcd >/dev/null")) {
		puts("no etcd here: install etcd-server");
		return 77;
	}
	if (unshare(CLONE_NEWNET) < 0) {
		puts("no network namespace of its own: run as root");
		return 77;
	}
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
