/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an etcd answers: to every request the next line of the input, to the stream of changes in two pieces. Lines that
 * begin with a digit are refusals of that status.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "http/async.h"
#include "store/store.h"

#define ROUNDS_MAX    24
#define ROUND_MS      500
#define ROUNDS_TO_END 1000 /* requests that are under way give up after some time */

struct http_call {
	struct http_events events;
	void *userdata;
	struct http_call *next;
};

static struct http_call *calls;
static char *lines;
static uint64_t now;

int __wrap_http_async_new(uv_loop_t *loop, struct http_async **ret, struct error *error)
{
	*ret = (void *)&calls;
	return 0;
}

void __wrap_http_async_free(struct http_async *http)
{
	struct http_call *call;

	while ((call = calls)) {
		calls = call->next;
		free(call);
	}
}

/* The last of the line: they are answered in order. */
struct http_call *__wrap_http_async_post(struct http_async *http, const struct http_post *post,
                                         const struct http_events *events, void *userdata)
{
	struct http_call **at = &calls;

	while (*at)
		at = &(*at)->next;
	*at = xnew(struct http_call);
	**at = (struct http_call){*events, userdata, NULL};
	return *at;
}

void __wrap_http_call_cancel(struct http_call *call)
{
	struct http_call **at = &calls;

	while (*at && *at != call)
		at = &(*at)->next;
	if (!call || !*at)
		return;
	*at = call->next;
	free(call);
}

static bool is_there(const struct http_call *call)
{
	const struct http_call *at = calls;

	while (at && at != call)
		at = at->next;
	return at;
}

static void answer(struct http_call *call)
{
	const char *line = strsep(&lines, "\n") ?: "";
	const struct http_events events = call->events;
	long status = *line >= '0' && *line <= '9' ? strtol(line, NULL, 10) % 600 : 200;
	size_t half = strlen(line) / 2;
	void *userdata = call->userdata;
	struct error error = {};

	if (events.piece && status == 200) {
		events.piece(userdata, line, half);
		if (is_there(call))
			events.piece(userdata, line + half, strlen(line) - half);
		if (!is_there(call))
			return;
	}
	if (!status)
		error_set(&error, -ECONNREFUSED, "nobody answers");
	__wrap_http_call_cancel(call);
	events.ended(userdata, status, events.piece ? "" : line, &error);
}

static void on_set(void *userdata, const char *key, json_t *value)
{
	must(!strncmp(key, "nodes/", strlen("nodes/")) && json_is_object(value));
}

static void on_removed(void *userdata, const char *key)
{
	must(!strncmp(key, "nodes/", strlen("nodes/")));
}

static void on_synced(void *userdata)
{
}

static void on_broken(void *userdata, const char *key, const struct error *error)
{
	must(*error->message);
}

static void done(void *userdata, int result, const struct error *error)
{
	must_tell(result, error);
}

/* Nothing is waited for, but whoever looks at the clock again finds that time goes on. */
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb fire, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb fire, uint64_t timeout, uint64_t repeat)
{
	return __real_uv_timer_start(timer, fire, 0, repeat ? 1 : 0);
}

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
	return now += 10;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_level(LOG_LEVEL_ERROR);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken};
	static const struct store_access access;
	_cleanup_free_ char *text = xcalloc(1, size + 1);
	json_t *value = json_pack("{s:s}", "name", "a");
	struct store *store = NULL;
	struct error error = {};
	uv_loop_t loop;

	memcpy(text, data, size);
	lines = text;
	uv_loop_init(&loop);
	must(!store_open(&loop, "etcd:http://127.0.0.1:2379", &access, &store, &error));
	store_watch(store, "nodes/", &watcher, NULL);
	store_put_leased(store, "nodes/a", value, done, NULL);
	store_create(store, "identities/300", value, done, NULL);
	for (unsigned i = 0; i < ROUNDS_MAX && lines; i++, now += ROUND_MS) {
		uv_run(&loop, UV_RUN_NOWAIT);
		if (calls)
			answer(calls);
	}
	json_decref(value);
	store_close(store);
	for (unsigned i = 0; i < ROUNDS_TO_END && (uv_run(&loop, UV_RUN_NOWAIT) || calls); i++, now += ROUND_MS)
		if (calls)
			answer(calls);
	must(!uv_loop_close(&loop));
	return 0;
}
