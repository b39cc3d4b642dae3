/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "http/client.h"
#include "http/server.h"

#define STREAM_LIMIT (256 * 1024)
#define PATIENCE     (10 * NS_PER_SECOND)

static char folder[64], path[96];

/* The server, in a thread of its own; what the tests ask of it they ask over HTTP. */
static struct {
	pthread_t thread;
	uv_loop_t loop;
	uv_async_t stop;
	struct http_server *server;
	_Atomic(struct http_exchange *) late;
	struct http_stream_reply *stream;
	atomic_int closed;
	struct {
		const char *pattern;
		unsigned status;
		uint64_t took;
	} observed[4];
	atomic_int observations;
} host;

static void echo(struct http_exchange *exchange, void *userdata)
{
	json_t *body = http_exchange_body(exchange);
	const char *id = http_exchange_parameter(exchange, "id"), *owner = http_exchange_parameter(exchange, "owner");
	const char *query = http_exchange_query(exchange, "q");

	assert_ptr_equal(userdata, &host);
	http_reply_json(exchange, 200,
	                json_pack("{s:s?, s:s?, s:s?, s:O?}", "id", id, "owner", owner, "q", query, "body", body));
}

static void refuse(struct http_exchange *exchange, void *userdata)
{
	http_reply_error(exchange, (unsigned)atoi(http_exchange_parameter(exchange, "status")), "that will not do");
}

static void nothing(struct http_exchange *exchange, void *userdata)
{
	http_reply_json(exchange, 204, NULL);
}

static void tell(struct http_exchange *exchange, void *userdata)
{
	http_reply_text(exchange, "text/x-test", xstrdup("a\n\"b\"\n"));
}

static void keep(struct http_exchange *exchange, void *userdata)
{
	host.late = exchange;
}

static void answer_late(struct http_exchange *exchange, void *userdata)
{
	if (!host.late) {
		http_reply_error(exchange, 409, "nobody waits");
		return;
	}
	http_reply_json(host.late, 201, json_pack("{s:s}", "said", "late"));
	host.late = NULL;
	http_reply_json(exchange, 200, NULL);
}

static void stream_closed(void *userdata)
{
	host.stream = NULL;
	host.closed++;
}

static void open_stream(struct http_exchange *exchange, void *userdata)
{
	host.stream = http_reply_stream(exchange, STREAM_LIMIT, stream_closed, NULL);
}

static void write_stream(struct http_exchange *exchange, void *userdata)
{
	size_t size = (size_t)json_integer_value(json_object_get(http_exchange_body(exchange), "size"));
	_cleanup_free_ char *data = xcalloc(1, size + 1);
	int result = -ENOTCONN;

	memset(data, 'x', size);
	if (host.stream)
		result = http_stream_write(host.stream, data, size);
	http_reply_json(exchange, 200, json_pack("{s:i}", "result", result));
}

static const struct http_route routes[] = {
	{"GET", "/v1/things", echo},
	{"PUT", "/v1/things", echo},
	{"GET", "/v1/things/{id}", echo},
	{"GET", "/v1/things/by-owner/{owner}/{id}", echo},
	{"GET", "/v1/refuse/{status}", refuse},
	{"DELETE", "/v1/things", nothing},
	{"GET", "/v1/text", tell},
	{"GET", "/v1/late", keep},
	{"POST", "/v1/late", answer_late},
	{"GET", "/v1/stream", open_stream},
	{"POST", "/v1/stream", write_stream},
};

#define ROUTES routes, sizeof(routes) / sizeof(*routes)

static void stop(uv_async_t *handle)
{
	http_server_free(host.server);
	uv_close((uv_handle_t *)handle, NULL);
}

static void observe(void *userdata, const struct http_route *route, unsigned status, uint64_t nanoseconds)
{
	assert_ptr_equal(userdata, &host);
	if (host.observations < 4) {
		host.observed[host.observations].pattern = route->pattern;
		host.observed[host.observations].status = status;
		host.observed[host.observations].took = nanoseconds;
	}
	host.observations++;
}

static void *serve(void *argument)
{
	uv_run(&host.loop, UV_RUN_DEFAULT);
	return NULL;
}

static int start_server(void **state)
{
	struct error error = {};

	strcpy(folder, "/tmp/pilus-unit-http-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/run/pilus.sock", folder);
	host.closed = 0;
	host.late = NULL;
	uv_loop_init(&host.loop);
	uv_async_init(&host.loop, &host.stop, stop);
	if (http_server_new(&host.loop, path, ROUTES, &host, &host.server, &error) < 0)
		fail_msg("%s", error.message);
	host.observations = 0;
	http_server_observe(host.server, observe, &host);
	return pthread_create(&host.thread, NULL, serve, NULL);
}

static int stop_server(void **state)
{
	char run[80];

	if (host.server) {
		uv_async_send(&host.stop);
		pthread_join(host.thread, NULL);
		host.server = NULL;
	}
	assert_int_equal(uv_loop_close(&host.loop), 0);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(run, sizeof(run), "%s/run", folder);
	return rmdir(run) || rmdir(folder);
}

static void stop_now(void)
{
	uv_async_send(&host.stop);
	pthread_join(host.thread, NULL);
	host.server = NULL;
}

static int get(const char *where, json_t **ret)
{
	struct error error = {};

	return http_request(path, "GET", where, NULL, ret, &error);
}

static void assert_member(const json_t *object, const char *name, const char *value)
{
	const char *found = json_string_value(json_object_get(object, name));

	if (!value)
		assert_null(found);
	else
		assert_string_equal(found, value);
}

static void assert_echo(const char *where, const char *id, const char *owner, const char *query)
{
	json_t *body = NULL;

	assert_int_equal(get(where, &body), 0);
	assert_member(body, "id", id);
	assert_member(body, "owner", owner);
	assert_member(body, "q", query);
	json_decref(body);
}

static int connect_raw(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Reads until the other side closes, `until` stands in the text, or the buffer is full; returns the size. */
static size_t read_raw(int fd, char *buffer, size_t size, const char *until)
{
	size_t have = 0;
	ssize_t got;

	do {
		struct pollfd ready = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&ready, 1, (int)(PATIENCE / 1000000)), 1);
		got = read(fd, buffer + have, size - 1 - have);
		have += got > 0 ? (size_t)got : 0;
		buffer[have] = '\0';
	} while (got > 0 && have < size - 1 && !(until && strstr(buffer, until)));
	return have;
}

/* Sends a request as it stands and returns the whole answer. */
static const char *exchange_raw(const char *request)
{
	static char answer[4096];
	_cleanup_close_ int fd = connect_raw();

	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	read_raw(fd, answer, sizeof(answer), NULL);
	return answer;
}

static void routes_take_parameters_and_queries(void **state)
{
	assert_echo("/v1/things", NULL, NULL, NULL);
	assert_echo("/v1/things/7", "7", NULL, NULL);
	assert_echo("/v1/things/by-owner/me/7?q=now", "7", "me", "now");
	assert_echo("/v1/things?q", NULL, NULL, "");
	assert_echo("/v1/things?p=1&q=a,b", NULL, NULL, "a,b");
}

static void percent_encoding_is_undone_once_and_after_splitting(void **state)
{
	_cleanup_free_ char *escaped = http_escape("a/b c%\xc3\xbc"), *where = xasprintf("/v1/things/%s", escaped);

	assert_echo("/v1/things/a%2Fb", "a/b", NULL, NULL);
	assert_echo("/v1/things/%2525", "%25", NULL, NULL);
	assert_echo("/v1/things/a+b?q=a+b%2B%26", "a+b", NULL, "a b+&");
	assert_echo(where, "a/b c%\xc3\xbc", NULL, NULL);
	assert_int_equal(get("/v1/things/a%2", NULL), -EINVAL);
	assert_int_equal(get("/v1/things/a%zz", NULL), -EINVAL);
	assert_int_equal(get("/v1/things/a%00b", NULL), -EINVAL);
	assert_int_equal(get("/v1/things?q=%f", NULL), -EINVAL);
}

static void a_query_with_too_many_values_is_refused(void **state)
{
	assert_int_equal(get("/v1/things?1&2&3&4&5&6&7&8", NULL), 0);
	assert_int_equal(get("/v1/things?1&2&3&4&5&6&7&8&9", NULL), -EINVAL);
}

static void bodies_are_json(void **state)
{
	json_t *sent = json_pack("{s:[i,s]}", "list", 1, "two"), *body = NULL;
	struct error error = {};

	assert_int_equal(http_request(path, "PUT", "/v1/things", sent, &body, &error), 0);
	assert_true(json_equal(json_object_get(body, "body"), sent));
	json_decref(body);
	json_decref(sent);
	body = (json_t *)&error;
	assert_int_equal(http_request(path, "DELETE", "/v1/things", NULL, &body, &error), 0);
	assert_null(body);
}

static void texts_are_taken_as_they_are(void **state)
{
	json_t *sent = json_string("one\n\"two\"\n"), *body = NULL;
	struct error error = {};

	assert_int_equal(http_request(path, "PUT", "/v1/things", sent, &body, &error), 0);
	assert_true(json_equal(json_object_get(body, "body"), sent));
	json_decref(body);
	json_decref(sent);
	assert_non_null(strstr(exchange_raw("PUT /v1/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	                                    "Content-Type: text/plain\r\nContent-Length: 1\r\n\r\n\xff"),
	                       "{\"error\":\"the body is no text in UTF-8\"}"));
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const bodies[] = {"{", "{\"a\":1,\"a\":2}", "[1] 2", "\xff", "x"};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		_cleanup_free_ char *request = xasprintf("PUT /v1/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
		                                         "Content-Length: %zu\r\n\r\n%s",
		                                         strlen(bodies[i]), bodies[i]);
		const char *answer = exchange_raw(request);

		assert_non_null(strstr(answer, "HTTP/1.1 400 "));
		assert_non_null(strstr(answer, "Content-Type: application/json"));
		assert_non_null(strstr(answer, "{\"error\":\"the body is not JSON: line 1, column "));
	}
}

static void a_body_may_have_sixteen_mebibytes(void **state)
{
	size_t room = 16 * 1024 * 1024 - strlen("{\"a\":\"\"}");
	_cleanup_free_ char *text = xcalloc(1, room + 2);
	struct error error = {};
	json_t *body;

	memset(text, 'a', room);
	body = json_pack("{s:s}", "a", text);
	assert_int_equal(http_request(path, "PUT", "/v1/things", body, NULL, &error), 0);
	json_decref(body);
	text[room] = 'a';
	body = json_pack("{s:s}", "a", text);
	assert_int_equal(http_request(path, "PUT", "/v1/things", body, NULL, &error), -EINVAL);
	assert_string_equal(error.message, "the body is larger than 16 MiB");
	json_decref(body);
}

static void what_does_not_exist_is_404_and_wrong_methods_405(void **state)
{
	const char *answer;
	struct error error = {};

	assert_int_equal(http_request(path, "GET", "/v1/other", NULL, NULL, &error), -ENOENT);
	assert_string_equal(error.message, "there is nothing at /v1/other");
	assert_int_equal(get("/v1/things/", NULL), -ENOENT);
	assert_int_equal(get("/v1/things/by-owner/me", NULL), -ENOENT);
	assert_int_equal(get("/", NULL), -ENOENT);

	answer = exchange_raw("POST /v1/things HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
	assert_non_null(strstr(answer, "HTTP/1.1 405 "));
	assert_non_null(strstr(answer, "Allow: GET, PUT, DELETE\r\n"));
	assert_non_null(strstr(answer, "{\"error\":\"/v1/things does not take POST, only GET, PUT, DELETE\"}"));
	answer = exchange_raw("GET /\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_non_null(strstr(answer, "{\"error\":\"there is nothing at /?\"}"));
}

static void errors_become_codes_and_words(void **state)
{
	static const struct {
		const char *where;
		int code;
	} cases[] = {
		{"/v1/refuse/400", -EINVAL}, {"/v1/refuse/404", -ENOENT}, {"/v1/refuse/409", -EEXIST},
		{"/v1/refuse/503", -EAGAIN}, {"/v1/refuse/500", -EPROTO},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *untouched = NULL;
		struct error error = {};

		assert_int_equal(http_request(path, "GET", cases[i].where, NULL, &untouched, &error), cases[i].code);
		assert_string_equal(error.message, "that will not do");
		assert_null(untouched);
	}
}

static void *ask_late(void *argument)
{
	json_t *body = NULL;

	return get("/v1/late", &body) ? NULL : body;
}

/* Asks until the answer is 0, or patience ends. */
static void post_until_done(const char *where)
{
	uint64_t end = clock_now() + PATIENCE;
	struct error error = {};

	while (http_request(path, "POST", where, NULL, NULL, &error))
		assert_true(clock_now() < end);
}

static void answers_may_come_later(void **state)
{
	pthread_t client;
	void *body;

	pthread_create(&client, NULL, ask_late, NULL);
	post_until_done("/v1/late");
	pthread_join(client, &body);
	assert_non_null(body);
	assert_member(body, "said", "late");
	json_decref(body);
}

static void an_answer_to_nobody_does_no_harm(void **state)
{
	static const char request[] = "GET /v1/late HTTP/1.1\r\nHost: x\r\n\r\n";
	int fd = connect_raw();

	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	while (!host.late)
		sched_yield();
	close(fd);
	post_until_done("/v1/late");
	assert_echo("/v1/things/7", "7", NULL, NULL);
}

static int open_raw_stream(void)
{
	static const char request[] = "GET /v1/stream HTTP/1.0\r\nHost: x\r\n\r\n";
	char headers[512];
	int fd = connect_raw();

	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	read_raw(fd, headers, sizeof(headers), "\r\n\r\n");
	assert_non_null(strstr(headers, " 200 "));
	return fd;
}

static int write_to_stream(size_t size)
{
	json_t *request = json_pack("{s:I}", "size", (json_int_t)size), *body = NULL;
	struct error error = {};
	int result;

	assert_int_equal(http_request(path, "POST", "/v1/stream", request, &body, &error), 0);
	result = (int)json_integer_value(json_object_get(body, "result"));
	json_decref(request);
	json_decref(body);
	return result;
}

static void wait_until_closed(int count)
{
	uint64_t end = clock_now() + PATIENCE;

	while (host.closed < count) {
		assert_true(clock_now() < end);
		sched_yield();
	}
}

static void a_slow_reader_meets_the_limit_and_loses_nothing_accepted(void **state)
{
	size_t block = 30000, accepted = 0, received = 0;
	static char buffer[65536];
	int fd = open_raw_stream(), result;

	while (!(result = write_to_stream(block)))
		accepted += block;
	assert_int_equal(result, -ENOBUFS);
	assert_true(accepted > STREAM_LIMIT - block);
	while (received < accepted)
		received +=
			read_raw(fd, buffer,
		                 sizeof(buffer) < accepted - received ? sizeof(buffer) : accepted - received + 1, NULL);
	assert_int_equal(received, accepted);
	assert_int_equal(write_to_stream(3), 0);
	assert_int_equal(read_raw(fd, buffer, 4, NULL), 3);
	assert_string_equal(buffer, "xxx");
	assert_int_equal(write_to_stream(STREAM_LIMIT + 1), -ENOBUFS);
	close(fd);
	wait_until_closed(1);
	assert_int_equal(write_to_stream(3), -ENOTCONN);
}

static void an_idle_stream_notices_that_its_client_went(void **state)
{
	close(open_raw_stream());
	wait_until_closed(1);
	assert_int_equal(host.closed, 1);
}

static void a_full_stream_notices_that_its_client_went(void **state)
{
	int fd = open_raw_stream();

	while (!write_to_stream(65536))
		;
	close(fd);
	wait_until_closed(1);
	assert_int_equal(host.closed, 1);
}

struct pieces {
	unsigned begun;
	size_t size;
};

static int take_piece(void *userdata, const void *data, size_t size)
{
	struct pieces *pieces = userdata;

	pieces->size += size;
	if (!size) {
		pieces->begun++;
		return write_to_stream(5000);
	}
	return pieces->size >= 5000 ? 42 : 0;
}

static void the_client_reads_a_stream_and_may_ask_meanwhile(void **state)
{
	struct pieces pieces = {};
	struct error error = {};

	assert_int_equal(http_stream(path, "/v1/stream", take_piece, &pieces, &error), 42);
	assert_int_equal(pieces.begun, 1);
	assert_int_equal(pieces.size, 5000);
	wait_until_closed(1);
	assert_int_equal(http_stream(path, "/v1/refuse/503", take_piece, &pieces, &error), -EAGAIN);
	assert_string_equal(error.message, "that will not do");
	assert_int_equal(pieces.begun, 1);
}

static void freeing_ends_what_is_open(void **state)
{
	pthread_t client;
	void *failed;
	int fd = open_raw_stream();

	pthread_create(&client, NULL, ask_late, NULL);
	while (!host.late)
		sched_yield();
	stop_now();
	pthread_join(client, &failed);
	assert_null(failed);
	assert_int_equal(host.closed, 1);
	close(fd);
}

static void the_socket_is_for_its_group_only(void **state)
{
	struct stat facts;

	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_mode & 07777, 0660);
}

static void a_live_socket_is_left_alone(void **state)
{
	struct http_server *server = NULL;
	struct error error = {};
	uv_loop_t loop;

	uv_loop_init(&loop);
	assert_int_equal(http_server_new(&loop, path, ROUTES, &host, &server, &error), -EADDRINUSE);
	assert_non_null(strstr(error.message, path));
	assert_null(server);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_echo("/v1/things/7", "7", NULL, NULL);
}

/* A server that is made and freed without a client. */
static int make_server(const char *where, struct error *error)
{
	struct http_server *server = NULL;
	uv_loop_t loop;
	int result;

	uv_loop_init(&loop);
	result = http_server_new(&loop, where, ROUTES, &host, &server, error);
	http_server_free(server);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return result;
}

static void a_stale_socket_is_taken_over(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/tmp/pilus-unit-http-stale"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct error error = {};

	unlink(address.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(make_server(address.sun_path, &error), 0);
	assert_int_equal(access(address.sun_path, F_OK), -1);
}

static void a_file_that_is_no_socket_stays(void **state)
{
	char file[] = "/tmp/pilus-unit-http-file-XXXXXX";
	struct error error = {};

	close(mkstemp(file));
	assert_int_equal(make_server(file, &error), -EEXIST);
	assert_non_null(strstr(error.message, "is no socket"));
	assert_int_equal(unlink(file), 0);
}

static void paths_that_cannot_be_are_refused(void **state)
{
	char longest[200];
	struct error error = {};

	memset(longest, 'a', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(make_server(longest, &error), -ENAMETOOLONG);
	assert_int_equal(make_server("pilus.sock", &error), -EINVAL);
	assert_int_equal(http_request(longest, "GET", "/", NULL, NULL, &error), -ENAMETOOLONG);
}

static void without_a_server_there_is_one_sentence(void **state)
{
	struct error error = {};

	assert_int_equal(http_request("/tmp/pilus-unit-none", "GET", "/", NULL, NULL, &error), -ECONNREFUSED);
	assert_string_equal(error.message, "no agent listens on /tmp/pilus-unit-none: is pilusd running?");
	assert_int_equal(http_stream("/tmp/pilus-unit-none", "/", take_piece, NULL, &error), -ECONNREFUSED);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

static void text_need_not_be_json(void **state)
{
	const char *answer = exchange_raw("GET /v1/text HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

	assert_non_null(strstr(answer, "HTTP/1.1 200 "));
	assert_non_null(strstr(answer, "\r\nContent-Type: text/x-test\r\n"));
	assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\na\n\"b\"\n");
}

static void who_observes_hears_of_what_had_a_route(void **state)
{
	uint64_t begun = clock_now();

	get("/v1/things/7", NULL);
	get("/v1/refuse/503", NULL);
	get("/v1/nowhere", NULL);
	get("/v1/things/8", NULL);
	stop_now();
	assert_int_equal(host.observations, 3);
	assert_string_equal(host.observed[0].pattern, "/v1/things/{id}");
	assert_int_equal(host.observed[0].status, 200);
	assert_string_equal(host.observed[1].pattern, "/v1/refuse/{status}");
	assert_int_equal(host.observed[1].status, 503);
	assert_in_range(host.observed[0].took, 1, clock_now() - begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SERVER(routes_take_parameters_and_queries),
		WITH_SERVER(percent_encoding_is_undone_once_and_after_splitting),
		WITH_SERVER(a_query_with_too_many_values_is_refused),
		WITH_SERVER(bodies_are_json),
		WITH_SERVER(texts_are_taken_as_they_are),
		WITH_SERVER(what_is_no_json_is_refused),
		WITH_SERVER(a_body_may_have_sixteen_mebibytes),
		WITH_SERVER(what_does_not_exist_is_404_and_wrong_methods_405),
		WITH_SERVER(errors_become_codes_and_words),
		WITH_SERVER(text_need_not_be_json),
		WITH_SERVER(who_observes_hears_of_what_had_a_route),
		WITH_SERVER(answers_may_come_later),
		WITH_SERVER(an_answer_to_nobody_does_no_harm),
		WITH_SERVER(a_slow_reader_meets_the_limit_and_loses_nothing_accepted),
		WITH_SERVER(an_idle_stream_notices_that_its_client_went),
		WITH_SERVER(a_full_stream_notices_that_its_client_went),
		WITH_SERVER(the_client_reads_a_stream_and_may_ask_meanwhile),
		WITH_SERVER(freeing_ends_what_is_open),
		WITH_SERVER(the_socket_is_for_its_group_only),
		WITH_SERVER(a_live_socket_is_left_alone),
		cmocka_unit_test(a_stale_socket_is_taken_over),
		cmocka_unit_test(a_file_that_is_no_socket_stays),
		cmocka_unit_test(paths_that_cannot_be_are_refused),
		cmocka_unit_test(without_a_server_there_is_one_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
