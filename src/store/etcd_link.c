/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd_link.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "http/async.h"
#include "store/backend.h"
#include "store/etcd_login.h"
#include "store/etcd_url.h"

#define ATTEMPT_MS     3000
#define ATTEMPT_MS_MIN 500
#define PAUSE_MS       100 /* after the first failure, doubled after each round of all members */
#define PAUSE_MS_MAX   5000

struct etcd_link {
	uv_loop_t *loop;
	struct http_async *http;
	struct etcd_url url;
	struct http_tls tls;
	struct etcd_login login;
	struct etcd_call *authentication; /* that is under way */
	struct etcd_call *waiting;        /* for it */
	unsigned member;                  /* that is talked to */
	unsigned generation; /* counts changes of member: a failure is counted once, however many calls met it */
	unsigned failures;
	uint64_t retry_at; /* while there are failures */
	struct error error;
};

struct etcd_call {
	struct etcd_link *link;
	char *path, *body;
	uint64_t deadline;
	etcd_answered answered;
	struct etcd_stream_events stream;
	void *userdata;
	uv_timer_t timer; /* until the next attempt */
	struct http_call *http;
	unsigned generation, attempts;
	unsigned login; /* number of the token it was sent with */
	bool waiting;   /* for a token */
	char *rest;     /* of a stream: a message's begin */
	size_t rest_size;
	bool cancelled;
	struct etcd_call *prev, *next; /* while waiting */
};

/* ── how the members fare ── */

static unsigned pause_after(unsigned rounds)
{
	unsigned pause = rounds < 6 ? PAUSE_MS << rounds : PAUSE_MS_MAX, random = 0;

	if (pause > PAUSE_MS_MAX)
		pause = PAUSE_MS_MAX;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (unsigned)uv_hrtime();
	return pause / 2 + random % (pause / 2); /* so that the nodes do not all come at once */
}

static void link_failed(struct etcd_link *link, unsigned generation, const struct error *error)
{
	if (generation != link->generation)
		return;
	error_set(&link->error, -EAGAIN, "store etcd at %s: %s", etcd_link_member(link), error->message);
	link->generation++;
	link->member = (link->member + 1) % link->url.member_count;
	link->retry_at = uv_now(link->loop) + pause_after(link->failures++ / link->url.member_count);
}

static void link_worked(struct etcd_link *link, unsigned generation)
{
	if (generation != link->generation)
		return;
	link->failures = 0;
	link->error = (struct error){};
}

/* ── one call ── */

static void timer_closed(uv_handle_t *handle)
{
	struct etcd_call *call = handle->data;

	free(call->path);
	free(call->body);
	free(call->rest);
	free(call);
}

static void stop_waiting(struct etcd_call *call)
{
	if (call->waiting)
		DL_DELETE(call->link->waiting, call);
	call->waiting = false;
}

static void call_free(struct etcd_call *call)
{
	stop_waiting(call);
	http_call_cancel(call->http);
	uv_close((uv_handle_t *)&call->timer, timer_closed);
}

static void call_answer(struct etcd_call *call, const json_t *answer, const struct error *error)
{
	static const struct error none;

	if (call->stream.ended)
		call->stream.ended(call->userdata);
	else
		call->answered(call->userdata, answer, error ?: &none);
	call_free(call);
}

static void try_again(struct etcd_call *call);

static void call_failed(struct etcd_call *call, const struct error *error)
{
	link_failed(call->link, call->generation, error);
	if (call->stream.ended)
		call_answer(call, NULL, NULL);
	else
		try_again(call);
}

/* gRPC's codes. Those that say that a member cannot do it now, though another or a later one may, are 0. */
static int code_of(json_int_t code)
{
	static const struct {
		json_int_t grpc;
		int code;
	} codes[] = {{1, 0}, {4, 0}, {5, -ENOENT}, {7, -EACCES}, {8, -ENOSPC}, {9, -EPROTO}, {14, 0}, {16, -EACCES}};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].grpc == code)
			return codes[i].code;
	return -EPROTO;
}

/* What is no JSON comes from the gateway itself, or from something before it: the first line will do. */
static void call_refused(struct etcd_call *call, long status, const char *text, const json_t *answer)
{
	const char *words = json_string_value(json_object_get(answer, "error"));
	const json_t *grpc = json_object_get(answer, "code");
	int code = grpc ? code_of(json_integer_value(grpc)) : status >= 500 ? 0 : -EPROTO;
	struct error error = {};

	if (!words)
		error_set(&error, code, "answered with HTTP status %ld: %.*s", status, (int)strcspn(text, "\n"), text);
	else
		error_set(&error, code, "%s", words);
	etcd_login_explain(&call->link->login, &error);
	if (!code || call == call->link->authentication ||
	    etcd_login_expired(&call->link->login, call->login, &error)) {
		call_failed(call, &error);
		return;
	}
	link_worked(call->link, call->generation);
	error_prefix(&error, "store etcd at %s", etcd_link_member(call->link));
	call_answer(call, NULL, &error);
}

static void on_ended(void *userdata, long status, const char *text, const struct error *error)
{
	struct etcd_call *call = userdata;
	json_t *answer = status ? json_loads(text, 0, NULL) : NULL;

	call->http = NULL;
	if (!status) {
		call_failed(call, error);
	} else if (call->stream.ended && status / 100 == 2) {
		call_failed(call, &(struct error){-EAGAIN, "ended its stream of changes"});
	} else if (status / 100 != 2) {
		call_refused(call, status, text, answer);
	} else if (!answer) {
		call_failed(call, &(struct error){-EPROTO, "answered with what is no JSON: is this an etcd?"});
	} else {
		link_worked(call->link, call->generation);
		call_answer(call, answer, NULL);
	}
	json_decref(answer);
}

static void take_line(struct etcd_call *call, const char *line, size_t size)
{
	json_t *message = json_loadb(line, size, 0, NULL);

	call->stream.message(call->userdata, json_object_get(message, "result"));
	json_decref(message);
}

/* The message's receiver may cancel the call, which is freed by the loop, later. */
static void on_piece(void *userdata, const char *data, size_t size)
{
	struct etcd_call *call = userdata;
	char *begin, *newline;

	link_worked(call->link, call->generation);
	call->rest = xrealloc(call->rest, call->rest_size + size);
	memcpy(call->rest + call->rest_size, data, size);
	call->rest_size += size;
	begin = call->rest;
	while (!call->cancelled && (newline = memchr(begin, '\n', call->rest + call->rest_size - begin))) {
		take_line(call, begin, newline - begin);
		begin = newline + 1;
	}
	call->rest_size -= begin - call->rest;
	memmove(call->rest, begin, call->rest_size);
}

static unsigned attempt_time(const struct etcd_call *call)
{
	uint64_t now = uv_now(call->link->loop), left = call->deadline > now ? call->deadline - now : 0;

	if (call->stream.ended)
		return 0;
	return left > ATTEMPT_MS ? ATTEMPT_MS : left > ATTEMPT_MS_MIN ? left : ATTEMPT_MS_MIN;
}

static void send_now(struct etcd_call *call)
{
	struct http_events events = {.ended = on_ended, .piece = call->stream.ended ? on_piece : NULL};
	_cleanup_free_ char *url = xasprintf("%s/v3/%s", etcd_link_member(call->link), call->path);
	struct http_post post = {
		.url = url,
		.body = call->body,
		.authorization = call->link->login.token,
		/* Of a member that lost the others we would hear nothing any more. */
		.header = call->stream.ended ? "Grpc-Metadata-hasleader: true" : NULL,
		.tls = &call->link->tls,
		.timeout_ms = attempt_time(call),
	};

	call->generation = call->link->generation;
	call->login = call->link->login.number;
	call->attempts++;
	call->http = http_async_post(call->link->http, &post, &events, call);
}

static void send_authentication(struct etcd_call *call)
{
	struct error error = {};
	json_t *question = etcd_login_question(&call->link->login, &error);

	call->generation = call->link->generation;
	if (!question) {
		call_failed(call, &error);
		return;
	}
	free(call->body);
	call->body = json_dumps(question, JSON_COMPACT);
	json_decref(question);
	send_now(call);
}

static void send_or_wait(struct etcd_call *call);

/* Until the deadline. */
static void try_again(struct etcd_call *call)
{
	struct error error = call->link->error;

	if (uv_now(call->link->loop) < call->deadline) {
		send_or_wait(call);
		return;
	}
	if (!error.code)
		error_set(&error, -EAGAIN, "store etcd at %s: no answer in time", etcd_link_member(call->link));
	call_answer(call, NULL, &error);
}

static void on_timer(uv_timer_t *timer)
{
	struct etcd_call *call = timer->data;

	stop_waiting(call);
	try_again(call);
}

static void wait_until(struct etcd_call *call, uint64_t time)
{
	uint64_t now = uv_now(call->link->loop), until = time < call->deadline ? time : call->deadline;

	if (until != ETCD_FOR_EVER)
		uv_timer_start(&call->timer, on_timer, until > now ? until - now : 0, 0);
}

static void authenticate(struct etcd_link *link);

static void wait_for_token(struct etcd_call *call)
{
	call->waiting = true;
	DL_APPEND(call->link->waiting, call);
	wait_until(call, ETCD_FOR_EVER);
	authenticate(call->link);
}

static void send_or_wait(struct etcd_call *call)
{
	const struct etcd_link *link = call->link;

	if (etcd_login_missing(&link->login) && call != link->authentication)
		wait_for_token(call);
	else if (link->failures && uv_now(link->loop) < link->retry_at)
		wait_until(call, link->retry_at);
	else if (call == link->authentication)
		send_authentication(call);
	else
		send_now(call);
}

static struct etcd_call *call_new(struct etcd_link *link, const char *path, json_t *body, void *userdata)
{
	struct etcd_call *call = xnew(struct etcd_call);

	call->link = link;
	call->path = xstrdup(path);
	call->body = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	call->userdata = userdata;
	uv_timer_init(link->loop, &call->timer);
	call->timer.data = call;
	return call;
}

static struct etcd_call *question_new(struct etcd_link *link, const char *path, json_t *body, uint64_t deadline,
                                      etcd_answered answered, void *userdata)
{
	struct etcd_call *call = call_new(link, path, body, userdata);

	call->deadline = deadline;
	call->answered = answered;
	return call;
}

struct etcd_call *etcd_ask(struct etcd_link *link, const char *path, json_t *body, uint64_t deadline,
                           etcd_answered answered, void *userdata)
{
	struct etcd_call *call = question_new(link, path, body, deadline, answered, userdata);

	send_or_wait(call);
	return call;
}

struct etcd_call *etcd_stream(struct etcd_link *link, const char *path, json_t *body,
                              const struct etcd_stream_events *events, void *userdata)
{
	struct etcd_call *call = call_new(link, path, body, userdata);

	call->deadline = ETCD_FOR_EVER;
	call->stream = *events;
	send_or_wait(call);
	return call;
}

void etcd_call_cancel(struct etcd_call *call)
{
	if (!call)
		return;
	call->cancelled = true;
	call_free(call);
}

bool etcd_call_repeated(const struct etcd_call *call)
{
	return call->attempts > 1;
}

/* ── a token for all calls ── */

static void send_waiting(struct etcd_link *link)
{
	struct etcd_call *call, *next;

	DL_FOREACH_SAFE(link->waiting, call, next)
	{
		stop_waiting(call);
		uv_timer_stop(&call->timer);
		send_or_wait(call);
	}
}

static void on_token(void *userdata, const json_t *answer, const struct error *error)
{
	struct etcd_link *link = userdata;
	struct error problem = {};

	link->authentication = NULL;
	if (!etcd_login_take(&link->login, answer, &problem)) {
		send_waiting(link);
		return;
	}
	link_failed(link, link->generation, &problem);
	authenticate(link);
}

/* Refused or not heard, it is tried again until it works: there is nothing to be asked without. */
static void authenticate(struct etcd_link *link)
{
	if (link->authentication)
		return;
	link->authentication = question_new(link, "auth/authenticate", json_object(), ETCD_FOR_EVER, on_token, link);
	send_or_wait(link->authentication);
}

/* ── the link ── */

int etcd_link_open(uv_loop_t *loop, const char *location, const struct store_access *access, struct etcd_link **ret,
                   struct error *error)
{
	struct etcd_url url = {};
	struct etcd_link *link;
	struct http_async *http;
	int result = etcd_url_parse(location, &url, error);

	if (result < 0)
		return result;
	result = http_async_new(loop, &http, error);
	if (result < 0) {
		etcd_url_clear(&url);
		return result;
	}
	link = xnew(struct etcd_link);
	link->loop = loop;
	link->url = url;
	link->http = http;
	link->tls = (struct http_tls){.ca = access->ca, .certificate = access->certificate, .key = access->key};
	link->login = (struct etcd_login){.user = access->user, .password_file = access->password_file};
	*ret = link;
	return 0;
}

void etcd_link_close(struct etcd_link *link)
{
	etcd_call_cancel(link->authentication);
	http_async_free(link->http);
	etcd_login_clear(&link->login);
	etcd_url_clear(&link->url);
	free(link);
}

uv_loop_t *etcd_link_loop(const struct etcd_link *link)
{
	return link->loop;
}

const char *etcd_link_prefix(const struct etcd_link *link)
{
	return link->url.prefix;
}

const char *etcd_link_member(const struct etcd_link *link)
{
	return link->url.members[link->member];
}

const struct error *etcd_link_error(const struct etcd_link *link)
{
	return &link->error;
}
