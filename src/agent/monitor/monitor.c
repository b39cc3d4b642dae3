/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan-out of events. Nobody listens: the programs write nothing, the ring is not open, no timer runs. Losses are of two
 * kinds: the ring was full (the programs count it in the metrics map), or one listener's queue was.
 */
#include "agent/monitor/monitor.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/memory.h"

#define QUEUE_LIMIT    (1024 * 1024) /* bytes that wait for one listener */
#define LOSS_PERIOD_MS 1000
#define BIT(type)      (1U << (type))
#define RING_TYPES     (BIT(EVENT_DROP) | BIT(EVENT_TRACE) | BIT(EVENT_FLOW) | BIT(EVENT_POLICY_VERDICT))
#define ALL_TYPES      (RING_TYPES | BIT(EVENT_AGENT))

struct listener {
	struct listener *prev, *next;
	struct monitor *monitor;
	struct http_stream_reply *stream;
	uint32_t types;
	uint64_t lost; /* and not yet said */
};

struct monitor {
	uv_loop_t *loop;
	const struct maps *maps;
	struct listener *listeners;
	unsigned count;
	struct datapath_events *ring; /* NULL while nobody wants what it holds */
	/* Allocations of their own, as the loop closes them later. */
	uv_poll_t *poll;     /* much waits in the ring */
	uv_timer_t *reading; /* something may */
	uv_timer_t *timer;
	uint64_t lost;           /* in all */
	uint64_t ring_lost_seen; /* of the metrics map's count */
};

/* ── records ── */

/* A record as the stream carries it: its length, then itself. */
struct record {
	uint32_t size;
	struct event event;
} __attribute__((packed));

/* `message` is stolen; NULL when it was no UTF-8. */
static json_t *describe(const char *kind, json_t *message)
{
	char now[CLOCK_TEXT_MAX];

	return json_pack("{s:s, s:s, s:o}", "time", clock_format(time(NULL), now), "kind", kind, "message",
	                 message ?: json_string("(not UTF-8)"));
}

/* The event as text that fits a record: without its details where they are too long. */
static char *event_text(json_t *event)
{
	char *text = json_dumps(event, JSON_COMPACT);
	json_t *brief;

	if (strlen(text) <= UINT16_MAX)
		return text;
	free(text);
	brief = json_pack("{s:O, s:O, s:O}", "time", json_object_get(event, "time"), "kind",
	                  json_object_get(event, "kind"), "message", json_object_get(event, "message"));
	text = json_dumps(brief, JSON_COMPACT);
	json_decref(brief);
	return text;
}

/* The record of an agent event (stolen), as the stream carries it. */
static struct record *agent_record(json_t *event, size_t *ret_size)
{
	_cleanup_free_ char *text = event_text(event);
	size_t length = strlen(text), room = sizeof(uint32_t) + EVENT_SIZE(length);
	struct record *record = xcalloc(1, room > sizeof(*record) ? room : sizeof(*record));

	json_decref(event);
	record->size = (uint32_t)EVENT_SIZE(length);
	record->event.time = clock_now();
	record->event.type = EVENT_AGENT;
	record->event.captured = (uint16_t)length;
	memcpy((char *)record + sizeof(uint32_t) + EVENT_SIZE(0), text, length);
	*ret_size = room;
	return record;
}

/* ── one listener ── */

static json_t *loss(uint64_t count, const char *why)
{
	json_t *event = describe("Events lost", json_sprintf("%llu events lost: %s", (unsigned long long)count, why));

	json_object_set_new(event, "count", json_integer((json_int_t)count));
	return event;
}

/* Says what this listener lost, once there is room to say it. */
static bool say_loss(struct listener *listener)
{
	_cleanup_free_ struct record *record = NULL;
	size_t size;

	if (!listener->lost)
		return true;
	record = agent_record(loss(listener->lost, "this listener reads too slowly"), &size);
	if (http_stream_write(listener->stream, record, size) < 0)
		return false;
	listener->lost = 0;
	return true;
}

static void tell(struct listener *listener, const struct record *record, size_t size)
{
	if (say_loss(listener) && !http_stream_write(listener->stream, record, size))
		return;
	listener->lost++;
	listener->monitor->lost++;
}

static void fan_out(struct monitor *monitor, uint32_t types, const struct record *record, size_t size)
{
	struct listener *listener;

	DL_FOREACH (monitor->listeners, listener)
		if (listener->types & types)
			tell(listener, record, size);
}

/* ── the ring ── */

static void take_event(const struct event *event, size_t size, void *userdata)
{
	struct record record = {.size = (uint32_t)size};

	uint32_t types = BIT(event->type) & RING_TYPES;

	if (size > sizeof(record.event))
		return;
	if (event->type == EVENT_TRACE && event->notable)
		types |= BIT(EVENT_FLOW);
	memcpy(&record.event, event, size);
	fan_out(userdata, types, &record, sizeof(record.size) + size);
}

static void ring_readable(uv_poll_t *poll, int status, int events)
{
	struct monitor *monitor = poll->data;

	datapath_events_read(monitor->ring);
}

static void ring_read(uv_timer_t *timer)
{
	struct monitor *monitor = timer->data;

	datapath_events_read(monitor->ring);
}

static int add_ring_lost(uint8_t reason, enum metric_direction direction, const struct metric *metric, void *userdata)
{
	uint64_t *sum = userdata;

	if (reason == METRIC_EVENTS_LOST)
		*sum += metric->packets;
	return 0;
}

static uint64_t ring_lost(const struct monitor *monitor)
{
	uint64_t sum = 0;

	metrics_each(monitor->maps, add_ring_lost, &sum);
	return sum;
}

static void say_ring_loss(struct monitor *monitor)
{
	uint64_t sum = ring_lost(monitor), count = sum - monitor->ring_lost_seen;
	_cleanup_free_ struct record *record = NULL;
	size_t size;

	if (sum <= monitor->ring_lost_seen)
		return;
	monitor->ring_lost_seen = sum;
	monitor->lost += count;
	record = agent_record(loss(count, "the ring buffer was full"), &size);
	fan_out(monitor, RING_TYPES, record, size);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void ring_close(struct monitor *monitor)
{
	if (monitor->poll)
		uv_close((uv_handle_t *)TAKE_PTR(monitor->poll), free_handle);
	if (monitor->reading)
		uv_close((uv_handle_t *)TAKE_PTR(monitor->reading), free_handle);
	datapath_events_free(TAKE_PTR(monitor->ring));
}

static uv_timer_t *start_timer(struct monitor *monitor, uv_timer_cb call, uint64_t period_ms)
{
	uv_timer_t *timer = xnew(uv_timer_t);

	timer->data = monitor;
	uv_timer_init(monitor->loop, timer);
	uv_timer_start(timer, call, period_ms, period_ms);
	return timer;
}

/* What an earlier time left in the ring is nobody's: it is read away before anybody new listens. */
static int ring_open(struct monitor *monitor)
{
	int result;

	if (monitor->ring)
		return 0;
	result = datapath_events_open(monitor->maps, take_event, monitor, &monitor->ring);
	if (result < 0)
		return result;
	while (datapath_events_read(monitor->ring) > 0)
		;
	monitor->ring_lost_seen = ring_lost(monitor);

	monitor->poll = xnew(uv_poll_t);
	monitor->poll->data = monitor;
	result = uv_poll_init(monitor->loop, monitor->poll, datapath_events_fd(monitor->ring));
	if (result < 0)
		free(TAKE_PTR(monitor->poll));
	else
		result = uv_poll_start(monitor->poll, UV_READABLE, ring_readable);
	if (result < 0)
		ring_close(monitor);
	else
		monitor->reading = start_timer(monitor, ring_read, EVENTS_PERIOD_MS);
	return result;
}

/* ── listeners ── */

static void look_for_losses(uv_timer_t *timer)
{
	struct monitor *monitor = timer->data;
	struct listener *listener;

	if (monitor->ring)
		say_ring_loss(monitor);
	DL_FOREACH (monitor->listeners, listener)
		say_loss(listener);
}

static void set_timer(struct monitor *monitor)
{
	if (monitor->listeners && !monitor->timer)
		monitor->timer = start_timer(monitor, look_for_losses, LOSS_PERIOD_MS);
	else if (!monitor->listeners && monitor->timer)
		uv_close((uv_handle_t *)TAKE_PTR(monitor->timer), free_handle);
}

/* The programs, the ring and the timer, as the listeners now want them. */
static void follow_listeners(struct monitor *monitor)
{
	struct listener *listener;
	uint32_t types = 0;

	DL_FOREACH (monitor->listeners, listener)
		types |= listener->types & RING_TYPES;
	maps_listen(monitor->maps, types);
	if (!types)
		ring_close(monitor);
	set_timer(monitor);
}

static void listener_gone(void *userdata)
{
	struct listener *listener = userdata;
	struct monitor *monitor = listener->monitor;

	DL_DELETE(monitor->listeners, listener);
	monitor->count--;
	free(listener);
	follow_listeners(monitor);
}

static uint32_t type_of(const char *word, size_t size)
{
	static const struct {
		const char *word;
		enum event_type type;
	} types[] = {{"drop", EVENT_DROP},
	             {"trace", EVENT_TRACE},
	             {"flow", EVENT_FLOW},
	             {"policy-verdict", EVENT_POLICY_VERDICT},
	             {"agent", EVENT_AGENT}};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (strlen(types[i].word) == size && !memcmp(types[i].word, word, size))
			return BIT(types[i].type);
	return 0;
}

/* "drop,flow"; NULL: all. 0 when a word is no type. */
static uint32_t parse_types(const char *text)
{
	uint32_t types = 0;

	if (!text)
		return ALL_TYPES;
	for (;; text++) {
		size_t size = strcspn(text, ",");
		uint32_t type = type_of(text, size);

		if (!type)
			return 0;
		types |= type;
		text += size;
		if (!*text)
			return types;
	}
}

void monitor_listen(struct monitor *monitor, struct http_exchange *exchange)
{
	uint32_t types = parse_types(http_exchange_query(exchange, "types"));
	struct listener *listener;

	if (!types) {
		http_reply_error(exchange, 400,
		                 "types is a list of drop, flow, trace, policy-verdict and agent, with commas between");
		return;
	}
	if ((types & RING_TYPES) && ring_open(monitor) < 0) {
		http_reply_error(exchange, 500, "the ring buffer of events cannot be opened");
		return;
	}
	listener = xnew(struct listener);
	listener->monitor = monitor;
	listener->types = types;
	listener->stream = http_reply_stream(exchange, QUEUE_LIMIT, listener_gone, listener);
	DL_APPEND(monitor->listeners, listener);
	monitor->count++;
	follow_listeners(monitor);
}

/* ── the agent's side ── */

struct monitor *monitor_new(uv_loop_t *loop, const struct maps *maps)
{
	struct monitor *monitor = xnew(struct monitor);

	monitor->loop = loop;
	monitor->maps = maps;
	maps_listen(maps, 0);
	return monitor;
}

void monitor_free(struct monitor *monitor)
{
	if (!monitor)
		return;
	assert(!monitor->listeners);
	free(monitor);
}

void monitor_agent_event(struct monitor *monitor, const char *kind, json_t *details, const char *format, ...)
{
	_cleanup_free_ struct record *record = NULL;
	va_list arguments;
	json_t *event;
	size_t size;

	if (monitor->listeners) {
		va_start(arguments, format);
		event = describe(kind, json_vsprintf(format, arguments));
		va_end(arguments);
		json_object_update_missing(event, details);
		record = agent_record(event, &size);
		fan_out(monitor, BIT(EVENT_AGENT), record, size);
	}
	json_decref(details);
}

json_t *monitor_status(const struct monitor *monitor)
{
	return json_pack("{s:I, s:I}", "listeners", (json_int_t)monitor->count, "lost", (json_int_t)monitor->lost);
}
