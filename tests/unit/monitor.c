/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor between a real server and real clients; the ring, the state map and the metrics are played here.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent/monitor/monitor.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

#define PATIENCE (10 * NS_PER_SECOND)
#define ALL      ((1U << EVENT_DROP) | (1U << EVENT_TRACE) | (1U << EVENT_FLOW) | (1U << EVENT_POLICY_VERDICT))
#define DATA_MAX 400000

/* ── the datapath, played: the ring is a pipe of event types ── */

static struct {
	uint32_t events; /* what the programs were told */
	uint64_t lost;
	int ring[2];
	bool open, broken;
	uint16_t captured; /* of the events that the ring gives */
	void (*event)(const struct event *event, size_t size, void *userdata);
	void *userdata;
} programs;

void maps_listen(const struct maps *maps, uint32_t events)
{
	programs.events = events;
}

int metrics_each(const struct maps *maps,
                 int (*each)(uint8_t reason, enum metric_direction direction, const struct metric *metric,
                             void *userdata),
                 void *userdata)
{
	struct metric lost = {.packets = programs.lost}, other = {.packets = 1000};

	return each(METRIC_FORWARDED, METRIC_INGRESS, &other, userdata)
	               ?: each(METRIC_EVENTS_LOST, METRIC_EGRESS, &lost, userdata);
}

int datapath_events_open(const struct maps *maps, void (*event)(const struct event *event, size_t size, void *userdata),
                         void *userdata, struct datapath_events **ret)
{
	if (programs.broken)
		return -EMFILE;
	assert_false(programs.open);
	programs.open = true;
	programs.event = event;
	programs.userdata = userdata;
	*ret = (struct datapath_events *)&programs;
	return 0;
}

int datapath_events_fd(const struct datapath_events *events)
{
	return programs.ring[0];
}

int datapath_events_read(struct datapath_events *events)
{
	uint8_t types[64];
	ssize_t count = read(programs.ring[0], types, sizeof(types));

	for (ssize_t i = 0; i < count; i++) {
		bool notable = types[i] == EVENT_FLOW;
		struct event event = {.type = notable ? EVENT_TRACE : types[i],
		                      .notable = notable,
		                      .captured = programs.captured,
		                      .mark = 0x5eed};

		memset(event.frame, 0xab, sizeof(event.frame));
		programs.event(&event, EVENT_SIZE(event.captured), programs.userdata);
	}
	return (int)count;
}

void datapath_events_free(struct datapath_events *events)
{
	programs.open = events ? false : programs.open;
}

/* ── the agent, played: one loop, which the tests turn ── */

static struct {
	uv_loop_t loop;
	char path[64];
	struct http_server *server;
	struct monitor *monitor;
} agent;

static void listen_to_monitor(struct http_exchange *exchange, void *userdata)
{
	monitor_listen(agent.monitor, exchange);
}

static const struct http_route routes[] = {{"GET", "/v1/monitor", listen_to_monitor}};

static int start(void **state)
{
	struct error error = {};

	memset(&programs, 0, sizeof(programs));
	programs.captured = EVENT_CAPTURE_MAX;
	programs.events = 0xffff;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, programs.ring), 0);
	uv_loop_init(&agent.loop);
	snprintf(agent.path, sizeof(agent.path), "/tmp/pilus-unit-monitor-%d", getpid());
	if (http_server_new(&agent.loop, agent.path, routes, 1, NULL, &agent.server, &error) < 0)
		fail_msg("%s", error.message);
	agent.monitor = monitor_new(&agent.loop, NULL);
	assert_int_equal(programs.events, 0);
	return 0;
}

static int end(void **state)
{
	http_server_free(agent.server);
	monitor_free(agent.monitor);
	assert_int_equal(programs.events, 0);
	assert_false(programs.open);
	uv_run(&agent.loop, UV_RUN_DEFAULT);
	close(programs.ring[0]);
	close(programs.ring[1]);
	return uv_loop_close(&agent.loop);
}

static void turn(void)
{
	uv_run(&agent.loop, UV_RUN_NOWAIT);
}

#define TURN_UNTIL(condition)                                              \
	for (uint64_t end_ = clock_now() + PATIENCE; !(condition); turn()) \
	assert_true(clock_now() < end_)

static int count_of(const char *name)
{
	json_t *status = monitor_status(agent.monitor);
	int count = (int)json_integer_value(json_object_get(status, name));

	json_decref(status);
	return count;
}

/* ── a client ── */

struct client {
	int fd;
	char data[DATA_MAX];
	size_t size, at;
};

static void request(struct client *client, const char *where)
{
	_cleanup_free_ char *text = xasprintf("GET %s HTTP/1.0\r\nHost: x\r\n\r\n", where);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*client = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
	strcpy(address.sun_path, agent.path);
	assert_int_equal(connect(client->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(client->fd, text, strlen(text)), strlen(text));
}

static void receive(struct client *client)
{
	ssize_t got;

	if (client->at) {
		memmove(client->data, client->data + client->at, client->size - client->at);
		client->size -= client->at;
		client->at = 0;
	}
	got = read(client->fd, client->data + client->size, sizeof(client->data) - 1 - client->size);
	client->size += got > 0 ? (size_t)got : 0;
	client->data[client->size] = '\0';
}

static void start_listening(struct client *client, const char *types)
{
	_cleanup_free_ char *where = xasprintf("/v1/monitor%s", types);
	const char *end;

	request(client, where);
	while (!(end = strstr(client->data, "\r\n\r\n"))) {
		turn();
		receive(client);
	}
	assert_non_null(strstr(client->data, " 200 "));
	client->at = (size_t)(end + 4 - client->data);
}

static bool complete(const struct client *client)
{
	uint32_t size;

	if (client->size - client->at < sizeof(size))
		return false;
	memcpy(&size, client->data + client->at, sizeof(size));
	return client->size - client->at >= sizeof(size) + size;
}

/* The next record, cut out of the stream: fills *ret with its fixed part and returns where its frame is. */
static const char *next(struct client *client, struct event *ret)
{
	const char *frame;
	uint32_t size;

	while (!complete(client)) {
		turn();
		receive(client);
	}
	memcpy(&size, client->data + client->at, sizeof(size));
	memcpy(ret, client->data + client->at + sizeof(size), EVENT_SIZE(0));
	assert_int_equal(size, EVENT_SIZE(ret->captured));
	frame = client->data + client->at + sizeof(size) + EVENT_SIZE(0);
	client->at += sizeof(size) + size;
	return frame;
}

static json_t *parse(const struct event *event, const char *frame)
{
	json_t *json = json_loadb(frame, event->captured, 0, NULL);

	assert_int_equal(event->type, EVENT_AGENT);
	assert_non_null(json);
	return json;
}

static json_t *next_agent_event(struct client *client)
{
	struct event event;
	const char *frame = next(client, &event);

	return parse(&event, frame);
}

static void assert_agent_event(struct client *client, const char *kind, const char *message)
{
	json_t *json = next_agent_event(client);

	assert_string_equal(json_string_value(json_object_get(json, "kind")), kind);
	assert_string_equal(json_string_value(json_object_get(json, "message")), message);
	assert_int_equal(strlen(json_string_value(json_object_get(json, "time"))), strlen("2026-11-22T11:09:06Z"));
	json_decref(json);
}

static void assert_type(struct client *client, enum event_type type)
{
	struct event event;

	next(client, &event);
	assert_int_equal(event.type, type);
}

static void happen(enum event_type type)
{
	uint8_t byte = type;

	assert_int_equal(write(programs.ring[1], &byte, 1), 1);
}

static void leave(struct client *client)
{
	int before = count_of("listeners");

	close(client->fd);
	TURN_UNTIL(count_of("listeners") < before);
}

static struct client one, two;

static void programs_write_only_what_somebody_wants(void **state)
{
	start_listening(&one, "?types=drop");
	assert_int_equal(programs.events, 1U << EVENT_DROP);
	assert_true(programs.open);
	start_listening(&two, "");
	assert_int_equal(programs.events, ALL);
	assert_int_equal(count_of("listeners"), 2);
	leave(&two);
	assert_int_equal(programs.events, 1U << EVENT_DROP);
	leave(&one);
	assert_int_equal(programs.events, 0);
	assert_false(programs.open);
	assert_int_equal(count_of("listeners"), 0);
}

static void agent_events_need_no_ring(void **state)
{
	start_listening(&one, "?types=agent");
	assert_int_equal(programs.events, 0);
	assert_false(programs.open);
	monitor_agent_event(agent.monitor, "Node joined", json_pack("{s:s}", "node", "node-2"), "node %s", "node-2");
	assert_agent_event(&one, "Node joined", "node node-2");
	leave(&one);
}

static void each_hears_its_types(void **state)
{
	start_listening(&one, "?types=drop,agent");
	start_listening(&two, "?types=trace,policy-verdict");
	happen(EVENT_TRACE);
	happen(EVENT_DROP);
	happen(EVENT_POLICY_VERDICT);
	happen(EVENT_TRACE);
	assert_type(&one, EVENT_DROP);
	assert_type(&two, EVENT_TRACE);
	assert_type(&two, EVENT_POLICY_VERDICT);
	assert_type(&two, EVENT_TRACE);
	monitor_agent_event(agent.monitor, "Node left", NULL, "node %d", 2);
	happen(EVENT_TRACE);
	assert_agent_event(&one, "Node left", "node 2");
	assert_type(&two, EVENT_TRACE);
	leave(&one);
	leave(&two);
}

/* Somebody else wants every trace. */
static void who_listens_to_flows_hears_the_notable_traces(void **state)
{
	start_listening(&one, "?types=flow");
	assert_int_equal(programs.events, 1U << EVENT_FLOW);
	start_listening(&two, "?types=trace");
	happen(EVENT_TRACE);
	happen(EVENT_FLOW);
	happen(EVENT_TRACE);
	assert_type(&two, EVENT_TRACE);
	assert_type(&two, EVENT_TRACE);
	assert_type(&two, EVENT_TRACE);
	monitor_agent_event(agent.monitor, "Node left", NULL, "node %d", 2);
	assert_type(&one, EVENT_TRACE);
	assert_false(complete(&one));
	leave(&one);
	leave(&two);
}

static void a_record_is_as_long_as_its_capture(void **state)
{
	struct event event;
	const char *frame;

	start_listening(&one, "");
	programs.captured = 60;
	happen(EVENT_DROP);
	frame = next(&one, &event);
	assert_int_equal(event.captured, 60);
	assert_int_equal(event.mark, 0x5eed);
	assert_int_equal((uint8_t)frame[59], 0xab);
	programs.captured = 0;
	happen(EVENT_DROP);
	next(&one, &event);
	assert_int_equal(event.captured, 0);
	leave(&one);
}

static void what_the_ring_held_before_is_not_told(void **state)
{
	happen(EVENT_DROP);
	happen(EVENT_DROP);
	start_listening(&one, "");
	happen(EVENT_TRACE);
	assert_type(&one, EVENT_TRACE);
	leave(&one);
}

static void details_become_members(void **state)
{
	json_t *event;

	start_listening(&one, "");
	monitor_agent_event(agent.monitor, "Endpoint created", json_pack("{s:i, s:s}", "id", 7, "kind", "no"), "x");
	event = next_agent_event(&one);
	assert_int_equal(json_integer_value(json_object_get(event, "id")), 7);
	assert_string_equal(json_string_value(json_object_get(event, "kind")), "Endpoint created");
	json_decref(event);
	monitor_agent_event(agent.monitor, "Endpoint created", NULL, "%s", "\xff");
	assert_agent_event(&one, "Endpoint created", "(not UTF-8)");
	leave(&one);
}

static void details_too_long_for_a_record_are_left_out(void **state)
{
	_cleanup_free_ char *text = xcalloc(1, UINT16_MAX);
	json_t *event;

	memset(text, 'x', UINT16_MAX - 1);
	start_listening(&one, "");
	monitor_agent_event(agent.monitor, "Node joined", json_pack("{s:s}", "long", text), "x");
	event = next_agent_event(&one);
	assert_null(json_object_get(event, "long"));
	assert_string_equal(json_string_value(json_object_get(event, "message")), "x");
	json_decref(event);
	leave(&one);
}

static int64_t loss_of(json_t *event)
{
	int64_t count = json_integer_value(json_object_get(event, "count"));

	assert_string_equal(json_string_value(json_object_get(event, "kind")), "Events lost");
	json_decref(event);
	return count;
}

static void a_full_ring_is_said(void **state)
{
	programs.lost = 10;
	start_listening(&one, "?types=trace");
	programs.lost = 15;
	assert_int_equal(loss_of(next_agent_event(&one)), 5);
	assert_int_equal(count_of("lost"), 5);
	leave(&one);
}

/* Everything that was told and everything that was lost comes to what happened; the other listener lost nothing. */
static void a_slow_listener_loses_and_is_told(void **state)
{
	int64_t happened = 0, lost = 0, heard = 0;
	struct event event;

	start_listening(&one, "?types=drop");
	start_listening(&two, "?types=drop");
	while (!count_of("lost")) {
		happen(EVENT_DROP);
		happened++;
		assert_type(&two, EVENT_DROP);
	}
	for (int i = 0; i < 10; i++) {
		happen(EVENT_DROP);
		happened++;
		assert_type(&two, EVENT_DROP);
	}
	while (heard + lost < happened) {
		const char *frame = next(&one, &event);

		heard += event.type == EVENT_DROP;
		lost += event.type == EVENT_AGENT ? loss_of(parse(&event, frame)) : 0;
	}
	assert_int_equal(heard + lost, happened);
	assert_int_equal(lost, count_of("lost"));
	assert_true(lost >= 11);
	leave(&one);
	leave(&two);
}

static void assert_refused(const char *where, const char *status, const char *words)
{
	request(&one, where);
	while (!strstr(one.data, "}")) {
		turn();
		receive(&one);
	}
	assert_non_null(strstr(one.data, status));
	assert_non_null(strstr(one.data, words));
	close(one.fd);
	assert_int_equal(count_of("listeners"), 0);
	assert_int_equal(programs.events, 0);
}

static void wrong_types_are_refused(void **state)
{
	assert_refused("/v1/monitor?types=", " 400 ", "types is a list of");
	assert_refused("/v1/monitor?types=drop,", " 400 ", "types is a list of");
	assert_refused("/v1/monitor?types=drops", " 400 ", "types is a list of");
	assert_refused("/v1/monitor?types=drop,,trace", " 400 ", "types is a list of");
}

static void a_ring_that_cannot_be_opened_is_said(void **state)
{
	programs.broken = true;
	assert_refused("/v1/monitor", " 500 ", "the ring buffer of events cannot be opened");
	start_listening(&one, "?types=agent");
	leave(&one);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(programs_write_only_what_somebody_wants),
		TEST(agent_events_need_no_ring),
		TEST(each_hears_its_types),
		TEST(who_listens_to_flows_hears_the_notable_traces),
		TEST(a_record_is_as_long_as_its_capture),
		TEST(what_the_ring_held_before_is_not_told),
		TEST(details_become_members),
		TEST(details_too_long_for_a_record_are_left_out),
		TEST(a_full_ring_is_said),
		TEST(a_slow_listener_loses_and_is_told),
		TEST(wrong_types_are_refused),
		TEST(a_ring_that_cannot_be_opened_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
