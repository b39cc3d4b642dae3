/* SPDX-License-Identifier: Apache-2.0 */
#include "loop.h"

#include <errno.h>

#include "agent/identity/identity.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

/* A node: its store, on the folder all share, and its identities. */
struct node {
	struct store *store;
	struct identities *identities;
	int changes, syncs;
};

static void on_changed(void *userdata, uint32_t identity)
{
	((struct node *)userdata)->changes++;
}

static void on_node_synced(void *userdata)
{
	((struct node *)userdata)->syncs++;
}

static void node_open(struct node *node)
{
	static const struct identity_events events = {on_changed, on_node_synced};
	_cleanup_free_ char *url = xasprintf("dir:%s", folder);

	*node = (struct node){};
	assert_int_equal(store_open(&loop, url, &(struct store_access){}, &node->store, NULL), 0);
	node->identities = identities_new(node->store, &events, node);
}

static void node_close(struct node *node)
{
	identities_free(node->identities);
	store_close(node->store);
}

struct answer {
	int count;
	uint32_t identity;
	struct error error;
};

static void on_resolved(void *userdata, uint32_t identity, const struct error *error)
{
	struct answer *answer = userdata;

	answer->count++;
	answer->identity = identity;
	if (error)
		answer->error = *error;
}

static struct identity_request *ask(struct node *node, const char *text, struct answer *answer)
{
	json_t *labels = json_loads(text, JSON_DECODE_ANY, NULL);
	struct identity_request *request = identity_resolve(node->identities, labels, on_resolved, answer);

	json_decref(labels);
	assert_int_equal(answer->count, 0);
	return request;
}

static uint32_t resolve(struct node *node, const char *labels)
{
	struct answer answer = {};

	assert_non_null(ask(node, labels, &answer));
	assert_eventually(answer.count);
	return answer.identity;
}

static void write_identity(uint32_t number, const char *text)
{
	_cleanup_free_ char *below = xasprintf("%s/identities", folder);
	_cleanup_free_ char *path = xasprintf("%s/%u.json", below, number);

	assert_int_equal(folder_make(below, 0700), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void delete_identity(uint32_t number)
{
	_cleanup_free_ char *path = xasprintf("%s/identities/%u.json", folder, number);

	assert_int_equal(file_delete(path), 0);
}

static char *text_of(json_t *labels)
{
	return labels ? json_dumps(labels, JSON_COMPACT) : NULL;
}

static void assert_labels(const struct node *node, uint32_t identity, const char *expected)
{
	_cleanup_free_ char *text = text_of(identity_labels(node->identities, identity));

	assert_non_null(text);
	assert_string_equal(text, expected);
}

static void nodes_agree_at_once(void **state)
{
	struct node a, b;
	struct answer answers[2][20] = {};

	node_open(&a);
	node_open(&b);
	for (int i = 0; i < 20; i++) {
		_cleanup_free_ char *one = xasprintf("[\"k8s:app=%d\", \"k8s:tier=x\"]", i);
		_cleanup_free_ char *other = xasprintf("[\"k8s:tier=x\", \"k8s:app=%d\", \"k8s:app=%d\"]", i, i);

		ask(&a, one, &answers[0][i]);
		ask(&b, other, &answers[1][i]);
	}
	for (int i = 0; i < 20; i++) {
		assert_eventually(answers[0][i].count && answers[1][i].count);
		assert_in_range(answers[0][i].identity, IDENTITY_ALLOCATED_MIN, IDENTITY_ALLOCATED_MAX);
		assert_int_equal(answers[0][i].identity, answers[1][i].identity);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(answers[0][i].identity, answers[0][j].identity);
	}
	assert_labels(&a, answers[0][3].identity, "[\"k8s:app=3\",\"k8s:tier=x\"]");
	assert_labels(&b, answers[0][3].identity, "[\"k8s:app=3\",\"k8s:tier=x\"]");
	node_close(&a);
	node_close(&b);
}

static void others_identities_become_known(void **state)
{
	struct node a, b;
	uint32_t number;
	json_t *list;

	node_open(&a);
	node_open(&b);
	number = resolve(&a, "[\"k8s:app=web\"]");
	assert_eventually(identity_labels(b.identities, number));
	assert_labels(&b, number, "[\"k8s:app=web\"]");
	assert_int_equal(b.changes, 1);
	assert_int_equal(b.syncs, 1);
	assert_null(identity_labels(b.identities, number + 1));

	list = identities_to_json(b.identities);
	assert_int_equal(json_array_size(list), 8);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "id")), 1);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 7), "id")), number);
	json_decref(list);
	node_close(&a);
	node_close(&b);
}

static void a_taken_number_leads_to_the_next(void **state)
{
	struct node node;
	uint32_t number;

	node_open(&node);
	number = resolve(&node, "[\"k8s:app=web\"]");
	node_close(&node);
	write_identity(number, "{\"labels\": [\"k8s:app=other\"]}");
	write_identity(number + 1, "not JSON");

	node_open(&node);
	assert_int_equal(resolve(&node, "[\"k8s:app=web\"]"), number + 2);
	assert_int_equal(resolve(&node, "[\"k8s:app=web\"]"), number + 2);
	assert_labels(&node, number, "[\"k8s:app=other\"]");
	node_close(&node);
}

static void a_restart_finds_the_same_number(void **state)
{
	struct node node;
	uint32_t number;

	node_open(&node);
	number = resolve(&node, "[\"k8s:app=web\"]");
	node_close(&node);
	node_open(&node);
	assert_int_equal(resolve(&node, "[\"k8s:app=web\"]"), number);
	node_close(&node);
}

static void reserved_ones_are_always_known(void **state)
{
	struct node node;
	struct answer answer = {};

	node_open(&node);
	assert_labels(&node, IDENTITY_HOST, "[\"reserved:host\"]");
	assert_labels(&node, IDENTITY_KUBE_APISERVER, "[\"reserved:kube-apiserver\"]");
	assert_null(identity_labels(node.identities, IDENTITY_UNKNOWN));
	assert_null(ask(&node, "[\"reserved:host\"]", &answer));
	node_close(&node);
}

static void bad_labels_are_refused(void **state)
{
	static const char *const bad[] = {"{}",      "[]",         "\"k8s:a\"",  "[1]",          "[\"\"]",
	                                  "[\"a\"]", "[\":a=b\"]", "[\"k8s:\"]", "[\"k8s:=b\"]", "[\"k8s:a=\\n\"]"};
	struct node node;

	node_open(&node);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		json_t *labels = json_loads(bad[i], JSON_DECODE_ANY, NULL);
		struct answer answer = {};
		struct error error = {};

		assert_int_equal(labels_normalise(labels, &error), -EINVAL);
		assert_true(*error.message);
		assert_null(ask(&node, bad[i], &answer));
		json_decref(labels);
	}
	node_close(&node);
}

static void labels_are_sorted_and_unique(void **state)
{
	json_t *labels = json_pack("[s, s, s, s, s]", "k8s:b", "any:z=1", "k8s:a=2", "k8s:b", "k8s:a=1");
	_cleanup_free_ char *text = NULL;

	assert_int_equal(labels_normalise(labels, NULL), 0);
	text = text_of(labels);
	assert_string_equal(text, "[\"any:z=1\",\"k8s:a=1\",\"k8s:a=2\",\"k8s:b\"]");
	json_decref(labels);
}

static void unusable_objects_are_left_out(void **state)
{
	struct node node;

	write_identity(5, "{\"labels\": [\"k8s:a=1\"]}");
	write_identity(300, "{\"labels\": \"k8s:a=1\"}");
	write_identity(301, "{}");
	write_identity(302, "{\"labels\": [\"k8s:a=1\"]}");
	node_open(&node);
	assert_eventually(identity_labels(node.identities, 302));
	assert_null(identity_labels(node.identities, 300));
	assert_null(identity_labels(node.identities, 301));
	assert_labels(&node, 5, "[\"reserved:init\"]");
	node_close(&node);
}

static bool stored_is(const char *path, const char *wanted)
{
	json_t *value = json_load_file(path, 0, NULL);
	_cleanup_free_ char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

	json_decref(value);
	return text && !strcmp(text, wanted);
}

static void what_is_in_use_is_made_again(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct node node;
	uint32_t number;

	write_identity(400, "{\"labels\": [\"k8s:a=1\"]}");
	node_open(&node);
	number = resolve(&node, "[\"k8s:app=web\"]");
	path = xasprintf("%s/identities/%u.json", folder, number);
	assert_non_null(identity_labels(node.identities, 400));
	delete_identity(400);
	assert_eventually(!identity_labels(node.identities, 400));
	delete_identity(number);
	assert_int_equal(access(path, F_OK), -1);
	assert_eventually(!access(path, F_OK));
	assert_labels(&node, number, "[\"k8s:app=web\"]");
	write_identity(number, "nonsense");
	assert_eventually(stored_is(path, "{\"labels\":[\"k8s:app=web\"]}"));
	write_identity(number, "{\"labels\": 7}");
	assert_eventually(stored_is(path, "{\"labels\":[\"k8s:app=web\"]}"));
	node_close(&node);
}

static void a_withdrawn_question_is_not_answered(void **state)
{
	struct node node;
	struct answer answer = {};
	struct identity_request *request;

	node_open(&node);
	identity_request_cancel(NULL);
	request = ask(&node, "[\"k8s:app=early\"]", &answer); /* waits for the watch */
	identity_request_cancel(request);
	resolve(&node, "[\"k8s:app=web\"]");
	request = ask(&node, "[\"k8s:app=late\"]", &answer); /* the store has it */
	identity_request_cancel(request);
	resolve(&node, "[\"k8s:app=web\"]");
	assert_int_equal(answer.count, 0);
	node_close(&node);
}

static bool is_stored(uint32_t number)
{
	_cleanup_free_ char *path = xasprintf("%s/identities/%u.json", folder, number);

	return !access(path, F_OK);
}

/* Once nobody has it, for as long as is asked: a second is the least. */
static void what_nobody_uses_is_removed(void **state)
{
	static struct identity_users users;
	struct node node;
	uint32_t ours, theirs, idle;

	node_open(&node);
	ours = resolve(&node, "[\"k8s:app=ours\"]");
	theirs = resolve(&node, "[\"k8s:app=theirs\"]");
	idle = resolve(&node, "[\"k8s:app=idle\"]");
	users.here[ours] = users.anywhere[ours] = users.anywhere[theirs] = true;
	identities_collect(node.identities, &users, 1);
	identities_collect(node.identities, &users, 0); /* somebody else's task */
	assert_true(is_stored(idle));
	while (is_stored(idle)) {
		identities_collect(node.identities, &users, 1);
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	assert_eventually(!identity_labels(node.identities, idle));
	assert_true(is_stored(ours) && is_stored(theirs));

	delete_identity(theirs); /* by another node: no pod here has it any more */
	assert_eventually(!identity_labels(node.identities, theirs));
	delete_identity(ours);
	assert_eventually(is_stored(ours));
	node_close(&node);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, loop_setup, loop_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nodes_agree_at_once),
		TEST(others_identities_become_known),
		TEST(a_taken_number_leads_to_the_next),
		TEST(a_restart_finds_the_same_number),
		TEST(reserved_ones_are_always_known),
		TEST(bad_labels_are_refused),
		TEST(labels_are_sorted_and_unique),
		TEST(unusable_objects_are_left_out),
		TEST(what_is_in_use_is_made_again),
		TEST(a_withdrawn_question_is_not_answered),
		TEST(what_nobody_uses_is_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
