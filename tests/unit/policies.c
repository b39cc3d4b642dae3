/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On real maps, small ones, and a real store. The endpoints are the test's own: two identities, and what they were
 * told.
 */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>

#include "abi/endpoint.h"
#include "agent/policy/policies.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "map_fakes.h"

#define WEB    1001
#define CLIENT 1002
#define LATE   1003

#define CLOSES_IN (ENDPOINT_ASKS(POLICY_INGRESS) | ENDPOINT_CLOSES(POLICY_INGRESS))
#define CLOSED    (CLOSES_IN | ENDPOINT_ASKS(POLICY_EGRESS) | ENDPOINT_CLOSES(POLICY_EGRESS))

static struct scene {
	struct maps maps;
	struct config config;
	struct store *store;
	struct identities *identities;
	struct policies *policies;
	struct endpoint_policy web; /* what the endpoint has */
	int changes, settlements;
	json_t *answer;
	int result, answers;
	char trouble[512];
	uint64_t later; /* ns that the clock is ahead */
} scene;

uint64_t __real_clock_now(void);
uint64_t __wrap_clock_now(void)
{
	return __real_clock_now() + scene.later;
}

/* ── the parts ── */

static void on_changed(void *userdata, uint32_t identity, const struct endpoint_policy *policy)
{
	if (identity == WEB) {
		scene.web = *policy;
		scene.changes++;
	}
}

static void on_settled(void *userdata)
{
	scene.settlements++;
}

static void on_identity(void *userdata, uint32_t identity)
{
	if (scene.policies)
		policies_identity_changed(scene.policies, identity);
}

static void on_identities(void *userdata)
{
	policies_identities_synced(scene.policies);
}

static void write_file(const char *key, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.json", folder, key), *below = xstrdup(path);

	*strrchr(below, '/') = '\0';
	assert_int_equal(folder_make(below, 0700), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void write_identity(uint32_t number, const char *app)
{
	_cleanup_free_ char *key = xasprintf("identities/%u", number);
	_cleanup_free_ char *text =
		xasprintf("{\"labels\": [\"k8s:app=%s\", \"k8s:io.kubernetes.pod.namespace=default\"]}", app);

	write_file(key, text);
}

static void remove_file(const char *key)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.json", folder, key);

	assert_int_equal(file_delete(path), 0);
}

static void start(void)
{
	static const struct policy_events events = {on_changed, on_settled};
	static const struct identity_events identity_events = {on_identity, on_identities};
	_cleanup_free_ char *url = xasprintf("dir:%s", folder);
	const struct policy_services services = {.loop = &loop, .config = &scene.config, .maps = &scene.maps};
	struct policy_services all = services;

	assert_int_equal(store_open(&loop, url, &(struct store_access){}, &scene.store, NULL), 0);
	scene.identities = identities_new(scene.store, &identity_events, NULL);
	all.store = scene.store;
	all.identities = scene.identities;
	scene.policies = policies_new(&all, &events, NULL);
}

static void stop(void)
{
	policies_free(scene.policies);
	identities_free(scene.identities);
	store_close(scene.store);
	scene.policies = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void join(void)
{
	json_auto_t *labels = json_pack("[s, s]", "k8s:app=web", "k8s:io.kubernetes.pod.namespace=default");

	scene.web = policies_unknown(scene.policies);
	policies_join(scene.policies, WEB, labels, &scene.web);
}

static int enter(void **state)
{
	scene = (struct scene){};
	if (loop_setup(state))
		return -1;
	if (geteuid() == 0)
		scene.maps = maps_fake();
	scene.config.state_dir = xasprintf("%s/state", folder);
	write_identity(WEB, "web");
	write_identity(CLIENT, "client");
	return 0;
}

static int leave(void **state)
{
	json_decref(scene.answer);
	maps_close(&scene.maps);
	free(scene.config.state_dir);
	return loop_teardown(state);
}

/* ── questions ── */

static void on_done(void *userdata, json_t *answer, int result, const struct error *error)
{
	json_decref(scene.answer);
	scene.answer = json_incref(answer);
	scene.result = result;
	scene.answers++;
	snprintf(scene.trouble, sizeof(scene.trouble), "%s", error ? error->message : "");
}

/* A policy about the web that lets those with the app in. */
static json_t *policy(const char *from)
{
	return json_pack("{s:s, s:s, s:{s:s}, s:{s:{s:{s:s}}, s:[{s:[{s:{s:{s:s}}}]}]}}", "apiVersion",
	                 "networking.k8s.io/v1", "kind", "NetworkPolicy", "metadata", "name", "test", "spec",
	                 "podSelector", "matchLabels", "app", "web", "ingress", "from", "podSelector", "matchLabels",
	                 "app", from);
}

static void import(json_t *request)
{
	scene.answers = 0;
	policies_import(scene.policies, request, on_done, NULL);
	json_decref(request);
	assert_eventually(scene.answers);
}

struct find {
	uint32_t set, peer;
	unsigned count;
};

static int count_entry(const struct policy_key *key, const struct policy_entry *entry, void *userdata)
{
	struct find *find = userdata;

	find->count += ntohl(key->set) == find->set && (!find->peer || ntohl(key->peer) == find->peer);
	return 0;
}

/* Entries of a set about somebody; 0: about all. */
static unsigned count(uint32_t set, uint32_t peer)
{
	struct find find = {set, peer, 0};

	assert_int_equal(policy_each(&scene.maps, count_entry, &find), 0);
	return find.count;
}

#define NEEDS_ROOT()        \
	if (geteuid() != 0) \
	skip()

/* ── tests ── */

static void nothing_is_open_before_all_is_known(void **state)
{
	NEEDS_ROOT();
	start();
	join();
	assert_int_equal(scene.web.flags, CLOSED);
	assert_false(policies_are_settled(scene.policies));
	assert_eventually(scene.settlements);
	assert_true(policies_are_settled(scene.policies));
	assert_int_equal(scene.web.flags, 0);
	stop();
}

static void where_nothing_is_enforced_all_is_open(void **state)
{
	NEEDS_ROOT();
	scene.config.enable_policy = ENFORCE_NEVER;
	start();
	join();
	assert_int_equal(scene.web.flags, 0);
	import(policy("client"));
	assert_int_equal(scene.web.flags, 0);
	stop();
}

static void a_policy_is_enforced_when_the_answer_comes(void **state)
{
	struct rule_facts facts;

	NEEDS_ROOT();
	start();
	join();
	import(policy("client"));
	assert_int_equal(scene.result, 0);
	assert_int_equal(scene.web.flags, CLOSES_IN);
	assert_int_equal(count(scene.web.set, CLIENT), 1);
	assert_int_equal(count(scene.web.set, IDENTITY_HOST), 1);
	assert_int_equal(count(scene.web.set, 0), 2);
	assert_false(policies_find_rule(scene.policies, 0, &facts));
	policies_leave(scene.policies, WEB);
	stop();
}

static void a_change_is_another_set_and_the_old_one_goes(void **state)
{
	uint32_t before;

	NEEDS_ROOT();
	start();
	join();
	import(policy("client"));
	before = scene.web.set;
	import(policy("web"));
	assert_int_not_equal(scene.web.set, before);
	assert_int_equal(count(scene.web.set, WEB), 1);
	assert_int_equal(count(scene.web.set, CLIENT), 0);
	scene.later = UINT64_C(3600) * 1000000000;
	assert_eventually(!count(before, 0));
	stop();
}

static void who_comes_and_goes_changes_the_set_in_force(void **state)
{
	uint32_t set;

	NEEDS_ROOT();
	start();
	join();
	import(policy("late"));
	set = scene.web.set;
	assert_int_equal(count(set, LATE), 0);
	write_identity(LATE, "late");
	assert_eventually(count(set, LATE) == 1);
	remove_file("identities/1003");
	assert_eventually(count(set, LATE) == 0);
	assert_int_equal(scene.web.set, set);
	stop();
}

static void the_end_of_a_policy_opens(void **state)
{
	NEEDS_ROOT();
	start();
	join();
	import(policy("client"));
	scene.answers = 0;
	policies_delete(scene.policies, "NetworkPolicy", "default", "other", on_done, NULL);
	assert_int_equal(scene.result, -ENOENT);
	scene.answers = 0;
	policies_delete(scene.policies, "NetworkPolicy", "default", "test", on_done, NULL);
	assert_eventually(scene.answers);
	assert_int_equal(scene.result, 0);
	assert_int_equal(scene.web.flags, 0);
	stop();
}

static void wrong_requests_change_nothing(void **state)
{
	json_t *wrong = policy("client");

	NEEDS_ROOT();
	json_object_set_new(json_object_get(wrong, "spec"), "engress", json_array());
	start();
	join();
	assert_eventually(scene.settlements);
	import(json_pack("[o, o]", policy("client"), wrong));
	assert_int_equal(scene.result, -EINVAL);
	assert_non_null(strstr(scene.trouble, "spec.engress: there is no such field"));
	import(json_array());
	assert_int_equal(scene.result, -EINVAL);
	import(json_pack("[o, o]", policy("client"), policy("web")));
	assert_string_equal(scene.trouble, "NetworkPolicy/default/test is there twice");
	assert_int_equal(policies_count(scene.policies).policies, 0);
	assert_int_equal(policies_count(scene.policies).import_errors, 3);
	stop();
}

/* A policy is in force, and the store has something else in its place. */
static void start_and_spoil(const char *text)
{
	start();
	join();
	import(policy("client"));
	write_file("policies/NetworkPolicy/default/test", text);
	assert_eventually(policies_count(scene.policies).import_errors);
}

static void what_is_wrong_in_the_store_is_said_and_what_was_right_stays(void **state)
{
	json_auto_t *warnings = json_array();

	NEEDS_ROOT();
	start_and_spoil("{\"kind\": \"Pod\"}");
	policies_warn(scene.policies, warnings);
	assert_int_equal(json_array_size(warnings), 1);
	assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), "the one before stays in force"));
	assert_int_equal(scene.web.flags, CLOSES_IN);
	assert_int_equal(count(scene.web.set, CLIENT), 1);
	stop();
}

static void restart(void)
{
	stop();
	scene.settlements = 0;
	start();
	join();
	assert_eventually(scene.settlements);
}

static void what_was_right_stays_for_the_agent_after(void **state)
{
	NEEDS_ROOT();
	start_and_spoil("{\"kind\": \"Pod\"}");
	for (int again = 0; again < 2; again++) {
		restart();
		assert_int_equal(scene.web.flags, CLOSES_IN);
		assert_int_equal(count(scene.web.set, CLIENT), 1);
	}
	stop();
}

static void what_is_removed_meanwhile_is_not_kept(void **state)
{
	NEEDS_ROOT();
	start_and_spoil("{");
	stop();
	remove_file("policies/NetworkPolicy/default/test");
	start();
	join();
	assert_eventually(scene.settlements);
	assert_int_equal(scene.web.flags, 0);
	write_file("policies/NetworkPolicy/default/test", "{");
	assert_eventually(policies_count(scene.policies).import_errors);
	assert_int_equal(scene.web.flags, 0);
	restart();
	assert_int_equal(scene.web.flags, 0);
	stop();
}

static void what_is_mended_is_not_kept(void **state)
{
	NEEDS_ROOT();
	start_and_spoil("{");
	import(policy("web"));
	assert_int_equal(count(scene.web.set, CLIENT), 0);
	stop();
	write_file("policies/NetworkPolicy/default/test", "{");
	start();
	join();
	assert_eventually(scene.settlements);
	assert_int_equal(scene.web.flags, 0);
	stop();
}

static json_t *many_blocks(void)
{
	json_t *request = policy("client"), *peers = json_array();

	for (int i = 0; i < 100; i++)
		json_array_append_new(peers,
		                      json_pack("{s:{s:o}}", "ipBlock", "cidr", json_sprintf("10.0.%d.0/24", i)));
	json_object_set_new(json_array_get(json_object_get(json_object_get(request, "spec"), "ingress"), 0), "from",
	                    peers);
	return request;
}

/* Until it is replaced by something that fits. */
static void assert_locks_down(json_t *request)
{
	import(request);
	assert_int_equal(scene.web.flags, CLOSED);
	assert_int_equal(count(scene.web.set, 0), 0);
	assert_int_equal(policies_count(scene.policies).locked_down, 1);
	import(policy("client"));
	assert_int_equal(scene.web.flags, CLOSES_IN);
	assert_int_equal(count(scene.web.set, CLIENT), 1);
	assert_int_equal(policies_count(scene.policies).locked_down, 0);
}

static void what_does_not_fit_locks_down_until_it_does(void **state)
{
	NEEDS_ROOT();
	start();
	join();
	import(policy("client"));
	assert_locks_down(many_blocks());
	stop();
}

/* A short policy of millions of lines. */
static json_t *many_blocks_and_ports(void)
{
	json_t *request = many_blocks(), *ports = json_array();
	json_t *rule = json_array_get(json_object_get(json_object_get(request, "spec"), "ingress"), 0);

	for (int i = 0; i < 3000; i++)
		json_array_append_new(ports, json_pack("{s:i, s:i}", "port", 1 + 20 * i, "endPort", 19 + 20 * i));
	for (int i = 100; i < 256; i++)
		json_array_append_new(json_object_get(rule, "from"),
		                      json_pack("{s:{s:o}}", "ipBlock", "cidr", json_sprintf("10.0.%d.0/24", i)));
	json_object_set_new(rule, "ports", ports);
	return request;
}

static void what_is_too_large_locks_down(void **state)
{
	NEEDS_ROOT();
	start();
	join();
	assert_locks_down(many_blocks_and_ports());
	stop();
}

static void sets_of_the_agent_before_go_when_all_is_in_force(void **state)
{
	const struct policy_key key = {.prefix_bits = POLICY_PEER_BITS, .set = htonl(7)};
	const struct policy_entry entry = {.verdict = POLICY_ALLOW};

	NEEDS_ROOT();
	assert_int_equal(policy_set(&scene.maps, &key, &entry), 0);
	start();
	scene.web = (struct endpoint_policy){.set = 7, .flags = CLOSES_IN};
	policies_join(scene.policies, WEB, (json_t *)NULL, &scene.web);
	assert_int_equal(scene.web.set, 7); /* it stays what it was */
	assert_eventually(scene.changes);
	assert_int_equal(scene.web.flags, 0);
	assert_eventually(!count(7, 0));
	stop();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_open_before_all_is_known),
		TEST(where_nothing_is_enforced_all_is_open),
		TEST(a_policy_is_enforced_when_the_answer_comes),
		TEST(a_change_is_another_set_and_the_old_one_goes),
		TEST(who_comes_and_goes_changes_the_set_in_force),
		TEST(the_end_of_a_policy_opens),
		TEST(wrong_requests_change_nothing),
		TEST(what_is_wrong_in_the_store_is_said_and_what_was_right_stays),
		TEST(what_was_right_stays_for_the_agent_after),
		TEST(what_is_removed_meanwhile_is_not_kept),
		TEST(what_is_mended_is_not_kept),
		TEST(what_does_not_fit_locks_down_until_it_does),
		TEST(what_is_too_large_locks_down),
		TEST(sets_of_the_agent_before_go_when_all_is_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
