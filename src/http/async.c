/* SPDX-License-Identifier: Apache-2.0 */
#include "http/async.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/memory.h"
#include "http/libcurl.h"

#define CONNECT_MS     2000L
#define KEEPALIVE_SECS 5L
#define HOST_SILENT_MS 15000 /* after that a server's host counts as gone */
#define ANSWER_MAX     (256UL * 1024 * 1024)

struct http_async {
	CURLM *multi;
	uv_loop_t *loop;
	uv_timer_t timer;
	struct http_call *calls;
};

struct http_call {
	struct http_async *http;
	CURL *curl;
	struct curl_slist *headers;
	struct http_events events;
	void *userdata;
	char *text; /* what came and was not handed on yet */
	size_t size;
	bool ended;
	CURLcode code;
	char reason[CURL_ERROR_SIZE];
	struct http_call *prev, *next;
};

/* ── handing on: outside of curl, which must not be called from its own callbacks ── */

static void call_free(struct http_call *call)
{
	DL_DELETE(call->http->calls, call);
	libcurl.multi_remove_handle(call->http->multi, call->curl);
	libcurl.easy_cleanup(call->curl);
	libcurl.slist_free_all(call->headers);
	free(call->text);
	free(call);
}

static long status_of(const struct http_call *call)
{
	long status = 0;

	libcurl.easy_getinfo(call->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static void hand_piece(struct http_call *call)
{
	char *text = call->text;
	size_t size = call->size;

	call->text = NULL;
	call->size = 0;
	call->events.piece(call->userdata, text, size);
	free(text);
}

static void hand_end(struct http_call *call)
{
	struct http_events events = call->events;
	void *userdata = call->userdata;
	long status = status_of(call);
	struct error error = {};
	char *text = call->text ?: xstrdup("");

	call->text = NULL;
	if (call->code != CURLE_OK) {
		status = 0;
		error_set(&error, call->code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO, "%s",
		          *call->reason ? call->reason : libcurl.easy_strerror(call->code));
	}
	call_free(call);
	events.ended(userdata, status, text, &error);
	free(text);
}

static bool piece_is_due(const struct http_call *call)
{
	return call->size && call->events.piece && status_of(call) / 100 == 2;
}

static struct http_call *next_due(const struct http_async *http)
{
	struct http_call *call;

	DL_FOREACH (http->calls, call) {
		if (call->ended || piece_is_due(call))
			return call;
	}
	return NULL;
}

/* Events may cancel any call and add new ones: the list is looked at from its start after each. */
static void hand_on(const struct http_async *http)
{
	struct http_call *call;

	while ((call = next_due(http))) {
		if (piece_is_due(call))
			hand_piece(call);
		else
			hand_end(call);
	}
}

/* ── curl on the loop ── */

static void collect(struct http_async *http)
{
	struct http_call *call;
	CURLMsg *message;
	int left;

	while ((message = libcurl.multi_info_read(http->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		libcurl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		call->ended = true;
		call->code = message->data.result;
	}
	hand_on(http);
}

static void act(struct http_async *http, curl_socket_t socket, int events)
{
	int running;

	libcurl.multi_socket_action(http->multi, socket, events, &running);
	collect(http);
}

static void on_timeout(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* curl wants to know of errors as such: it reads them from the socket. */
static void on_socket(uv_poll_t *poll, int status, int events)
{
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;
	uv_os_fd_t socket;

	uv_fileno((uv_handle_t *)poll, &socket);
	flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
	flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
	act(poll->data, socket, flags);
}

static int want_timeout(CURLM *multi, long milliseconds, void *userdata)
{
	struct http_async *http = userdata;

	if (milliseconds < 0)
		uv_timer_stop(&http->timer);
	else
		uv_timer_start(&http->timer, on_timeout, milliseconds, 0);
	return 0;
}

static void handle_closed(uv_handle_t *handle)
{
	free(handle);
}

static int want_socket(CURL *curl, curl_socket_t socket, int what, void *userdata, void *of_socket)
{
	struct http_async *http = userdata;
	uv_poll_t *poll = of_socket;

	if (what == CURL_POLL_REMOVE) {
		if (poll)
			uv_close((uv_handle_t *)poll, handle_closed);
		libcurl.multi_assign(http->multi, socket, NULL);
		return 0;
	}
	if (!poll) {
		poll = xnew(uv_poll_t);
		uv_poll_init(http->loop, poll, socket);
		poll->data = http;
		libcurl.multi_assign(http->multi, socket, poll);
	}
	uv_poll_start(poll, (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
	              on_socket);
	return 0;
}

int http_async_new(uv_loop_t *loop, struct http_async **ret, struct error *error)
{
	struct http_async *http;
	int result = libcurl_load(error);

	if (result)
		return result;
	http = xnew(struct http_async);
	http->loop = loop;
	uv_timer_init(loop, &http->timer);
	http->timer.data = http;
	http->multi = libcurl.multi_init();
	libcurl.multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, want_timeout);
	libcurl.multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	libcurl.multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	libcurl.multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	*ret = http;
	return 0;
}

static void http_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void http_async_free(struct http_async *http)
{
	if (!http)
		return;
	while (http->calls)
		call_free(http->calls);
	libcurl.multi_cleanup(http->multi);
	uv_close((uv_handle_t *)&http->timer, http_closed);
}

/* ── a call ── */

static size_t take_body(char *data, size_t unit, size_t size, void *userdata)
{
	struct http_call *call = userdata;

	if (size > ANSWER_MAX - call->size)
		return 0;
	call->text = xrealloc(call->text, call->size + size + 1);
	memcpy(call->text + call->size, data, size);
	call->size += size;
	call->text[call->size] = '\0';
	return size;
}

/* Without it, nobody would notice that the host of an endless answer is gone. */
static int set_socket(void *userdata, curl_socket_t socket, curlsocktype purpose)
{
	unsigned milliseconds = HOST_SILENT_MS;

	setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
	return CURL_SOCKOPT_OK;
}

static void set_connection(CURL *curl, const struct http_tls *tls)
{
	libcurl.easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	libcurl.easy_setopt(curl, CURLOPT_PROXY, "");
	libcurl.easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	libcurl.easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	libcurl.easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	libcurl.easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
	libcurl.easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_SECS);
	libcurl.easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_SECS);
	libcurl.easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, set_socket);
	if (!tls)
		return;
	if (tls->ca)
		libcurl.easy_setopt(curl, CURLOPT_CAINFO, tls->ca);
	if (tls->certificate)
		libcurl.easy_setopt(curl, CURLOPT_SSLCERT, tls->certificate);
	if (tls->key)
		libcurl.easy_setopt(curl, CURLOPT_SSLKEY, tls->key);
}

static void add_header(struct http_call *call, const char *header)
{
	call->headers = libcurl.slist_append(call->headers, header);
}

static void set_request(struct http_call *call, const struct http_post *post)
{
	add_header(call, "Content-Type: application/json");
	if (post->authorization) {
		char *header = xasprintf("Authorization: %s", post->authorization);

		add_header(call, header);
		free(header);
	}
	if (post->header)
		add_header(call, post->header);
	libcurl.easy_setopt(call->curl, CURLOPT_URL, post->url);
	libcurl.easy_setopt(call->curl, CURLOPT_COPYPOSTFIELDS, post->body);
	libcurl.easy_setopt(call->curl, CURLOPT_HTTPHEADER, call->headers);
	libcurl.easy_setopt(call->curl, CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
}

struct http_call *http_async_post(struct http_async *http, const struct http_post *post,
                                  const struct http_events *events, void *userdata)
{
	struct http_call *call = xnew(struct http_call);

	call->http = http;
	call->events = *events;
	call->userdata = userdata;
	call->curl = libcurl.easy_init();
	libcurl.easy_setopt(call->curl, CURLOPT_PRIVATE, call);
	libcurl.easy_setopt(call->curl, CURLOPT_ERRORBUFFER, call->reason);
	libcurl.easy_setopt(call->curl, CURLOPT_WRITEFUNCTION, take_body);
	libcurl.easy_setopt(call->curl, CURLOPT_WRITEDATA, call);
	set_connection(call->curl, post->tls);
	set_request(call, post);
	DL_APPEND(http->calls, call);
	libcurl.multi_add_handle(http->multi, call->curl);
	return call;
}

void http_call_cancel(struct http_call *call)
{
	if (call)
		call_free(call);
}
