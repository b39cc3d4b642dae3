/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of the API's routes: what is refused with which status, before and after the agent is ready. Exchanges
 * are the test's own; the endpoints behind them are as in the tests of endpoints.
 */
#include "endpoint_host.h"

#include "agent/api.h"

static struct agent agent;

struct http_exchange {
	const char *id, *container, *interface;
	json_t *body;
	unsigned status;
	json_t *reply;
	char words[512];
};

const char *__wrap_http_exchange_parameter(const struct http_exchange *exchange, const char *name)
{
	if (!strcmp(name, "id"))
		return exchange->id;
	return !strcmp(name, "container") ? exchange->container : exchange->interface;
}

json_t *__wrap_http_exchange_body(const struct http_exchange *exchange)
{
	return exchange->body;
}

void __wrap_http_reply_json(struct http_exchange *exchange, unsigned status, json_t *body)
{
	assert_int_equal(exchange->status, 0);
	exchange->status = status;
	exchange->reply = body;
}

void __wrap_http_reply_error(struct http_exchange *exchange, unsigned status, const char *message)
{
	assert_int_equal(exchange->status, 0);
	exchange->status = status;
	snprintf(exchange->words, sizeof(exchange->words), "%s", message);
}

static int setup_agent(void **state)
{
	if (setup(state))
		return -1;
	agent = (struct agent){.config = &config, .endpoints = endpoints, .ready = true};
	return 0;
}

/* Asks and drops the reply; the words of an error stay in *exchange. The body is taken over. */
static unsigned ask(const char *method, const char *pattern, struct http_exchange *exchange)
{
	size_t i = 0;

	while (i < api_route_count && (strcmp(api_routes[i].method, method) || strcmp(api_routes[i].pattern, pattern)))
		i++;
	assert_true(i < api_route_count);
	exchange->status = 0;
	api_routes[i].handle(exchange, &agent);
	fakes_answer();
	json_decref(exchange->reply);
	json_decref(exchange->body);
	exchange->reply = exchange->body = NULL;
	return exchange->status;
}

static unsigned ask_put(json_t *body, struct http_exchange *exchange)
{
	exchange->body = body;
	return ask("PUT", "/v1/endpoints", exchange);
}

static unsigned ask_one(const char *pattern, const char *id)
{
	struct http_exchange exchange = {.id = id};

	return ask("GET", pattern, &exchange);
}

static void test_put_says_what_became_of_it(void **state)
{
	struct http_exchange exchange = {};
	json_t *other;

	need_root();
	assert_int_equal(ask_put(NULL, &exchange), 400);
	assert_int_equal(ask_put(json_pack("{s:s}", "container", "c1"), &exchange), 400);
	assert_non_null(strstr(exchange.words, "\"interface\" is missing"));
	assert_int_equal(ask_put(request_for("c1"), &exchange), 201);
	assert_int_equal(ask_put(request_for("c1"), &exchange), 200);
	other = request_for("c1");
	json_object_set_new(other, "namespace", json_string("other"));
	assert_int_equal(ask_put(other, &exchange), 409);
	assert_int_equal(ask_put(request_for("c2"), &exchange), 409);
}

static void test_a_fault_of_the_node_is_500(void **state)
{
	struct http_exchange exchange = {};

	need_root();
	fakes.step = 0;
	fakes.fault_at = 9;
	assert_int_equal(ask_put(request_for("c1"), &exchange), 500);
	assert_non_null(strstr(exchange.words, "was made to fail"));
}

static void test_one_endpoint(void **state)
{
	struct http_exchange exchange = {};

	need_root();
	ask_put(request_for("c1"), &exchange);
	assert_int_equal(ask_one("/v1/endpoints/{id}", "1"), 200);
	assert_int_equal(ask_one("/v1/endpoints/{id}", "0"), 200);
	assert_int_equal(ask_one("/v1/endpoints/{id}", "2"), 404);
	assert_int_equal(ask_one("/v1/endpoints/{id}/health", "1"), 200);
	assert_int_equal(ask_one("/v1/endpoints/{id}/health", "0"), 200);
	assert_int_equal(ask_one("/v1/endpoints/{id}/health", "2"), 404);
	assert_int_equal(ask_one("/v1/endpoints/{id}", "4096"), 404);
	assert_int_equal(ask_one("/v1/endpoints/{id}", "65537"), 404);
	assert_int_equal(ask_one("/v1/endpoints/{id}", "-1"), 404);
	assert_int_equal(ask_one("/v1/endpoints/{id}", "1x"), 404);
	assert_int_equal(ask_one("/v1/endpoints/{id}", ""), 404);
	assert_int_equal(ask_one("/v1/endpoints/{id}/log", "1"), 200);
	assert_int_equal(ask_one("/v1/endpoints/{id}/log", "2"), 404);
	assert_int_equal(ask_one("/v1/endpoints", NULL), 200);
}

#define BY_CONTAINER "/v1/endpoints/by-container/{container}/{interface}"

static void test_by_container(void **state)
{
	struct http_exchange exchange = {.container = "c1", .interface = "eth0"};

	need_root();
	assert_int_equal(ask("GET", BY_CONTAINER, &exchange), 404);
	assert_int_equal(ask("DELETE", BY_CONTAINER, &exchange), 200);
	ask_put(request_for("c1"), &exchange);
	assert_int_equal(ask("GET", BY_CONTAINER, &exchange), 200);
	assert_int_equal(ask("DELETE", BY_CONTAINER, &exchange), 200);
	assert_int_equal(ask("GET", BY_CONTAINER, &exchange), 404);
}

static void test_check_and_collect(void **state)
{
	struct http_exchange exchange = {};

	need_root();
	exchange.body = request_for("c1");
	assert_int_equal(ask("POST", "/v1/endpoints/check", &exchange), 404);
	ask_put(request_for("c1"), &exchange);
	exchange.body = request_for("c1");
	assert_int_equal(ask("POST", "/v1/endpoints/check", &exchange), 200);
	assert_int_equal(ask("POST", "/v1/endpoints/gc", &exchange), 400);
	exchange.body = json_pack("{s:s, s:{}}", "network", "pilus", "valid");
	assert_int_equal(ask("POST", "/v1/endpoints/gc", &exchange), 400);
	exchange.body = json_pack("{s:s, s:[]}", "network", "pilus", "valid");
	assert_int_equal(ask("POST", "/v1/endpoints/gc", &exchange), 200);
	assert_string_equal(state_of(1), "none");
}

static void test_before_it_is_ready_all_is_503(void **state)
{
	static const char *const reads[] = {"/v1/endpoints", "/v1/identities", "/v1/ips", "/v1/nodes"};
	struct http_exchange exchange = {.container = "c1", .interface = "eth0"};

	need_root();
	agent.ready = false;
	assert_int_equal(ask_put(request_for("c1"), &exchange), 503);
	assert_string_equal(exchange.words, "the agent is starting: try again later");
	error_set(&agent.trouble, -ENOSPC, "no block is free");
	assert_int_equal(ask("DELETE", BY_CONTAINER, &exchange), 503);
	assert_non_null(strstr(exchange.words, "no block is free"));
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		assert_int_equal(ask_one(reads[i], NULL), 503);
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup_agent, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		API_TEST(put_says_what_became_of_it),
		API_TEST(a_fault_of_the_node_is_500),
		API_TEST(one_endpoint),
		API_TEST(by_container),
		API_TEST(check_and_collect),
		API_TEST(before_it_is_ready_all_is_503),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
