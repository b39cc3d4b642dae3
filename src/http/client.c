/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the agent: HTTP/1.0 (RFC 1945), in which the end of the connection is the end of the answer and nothing
 * comes in chunks. It is all that one local socket needs; a library for the whole of HTTP costs every ADD of a pod six
 * times the processor time of this.
 */
#include "http/client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define ANSWER_SECONDS 30
#define ANSWER_MAX     (256UL * 1024 * 1024)
#define HEADERS_MAX    16384
#define READ_SIZE      65536

/* One request and its answer. */
struct call {
	const char *socket_path;
	int fd;
	char *text; /* what has come and was not handed on: the headers first, then the body, NUL at its end */
	size_t size;
	unsigned status;
	long long length; /* of the body, as the agent says; -1: until the connection ends */
};

static void call_end(struct call *call)
{
	cleanup_close(&call->fd);
	free(call->text);
}

static int transport_error(const struct call *call, int code, struct error *error)
{
	if (code == -EACCES || code == -EPERM)
		return error_set(error, -EACCES,
		                 "not allowed to talk to the agent on %s: be root or of the group pilus",
		                 call->socket_path);
	if (code == -ECONNREFUSED || code == -ENOENT)
		return error_set(error, -ECONNREFUSED, "no agent listens on %s: is pilusd running?", call->socket_path);
	if (code == -EAGAIN)
		return error_set(error, -ETIMEDOUT, "the agent on %s did not answer within %d seconds",
		                 call->socket_path, ANSWER_SECONDS);
	return error_set_errno(error, -EIO, "the connection to the agent on %s broke", call->socket_path);
}

static int call_connect(struct call *call, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval timeout = {.tv_sec = ANSWER_SECONDS};

	if (strlen(call->socket_path) >= sizeof(address.sun_path))
		return error_set(error, -ENAMETOOLONG, "the socket's path is longer than %zu bytes: %s",
		                 sizeof(address.sun_path) - 1, call->socket_path);
	memcpy(address.sun_path, call->socket_path, strlen(call->socket_path));
	call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (call->fd < 0 || setsockopt(call->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    connect(call->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return transport_error(call, -errno, error);
	return 0;
}

static int call_send(const struct call *call, const char *text, size_t size, struct error *error)
{
	while (size) {
		ssize_t sent = send(call->fd, text, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EPIPE)
			return 0; /* it has heard enough, and its answer says why */
		if (sent < 0)
			return transport_error(call, -errno, error);
		text += sent;
		size -= sent;
	}
	return 0;
}

static int call_ask(const struct call *call, const char *method, const char *path, json_t *body, struct error *error)
{
	const char *text = json_string_value(body);
	_cleanup_free_ char *json = body && !text ? json_dumps(body, JSON_COMPACT) : NULL;
	const char *sent = text ?: json;
	_cleanup_free_ char *request =
		sent ? xasprintf("%s %s HTTP/1.0\r\nHost: pilus\r\nContent-Type: %s\r\n"
	                         "Content-Length: %zu\r\n\r\n%s",
	                         method, path, text ? "text/plain" : "application/json", strlen(sent), sent)
		     : xasprintf("%s %s HTTP/1.0\r\nHost: pilus\r\n\r\n", method, path);

	return call_send(call, request, strlen(request), error);
}

/* Reads what there is behind what has come. Returns how many bytes, 0 at the end, or −errno. */
static ssize_t call_read(struct call *call, struct error *error)
{
	ssize_t got;

	if (call->size > ANSWER_MAX)
		return error_set(error, -EFBIG, "the agent's answer is larger than %lu bytes", ANSWER_MAX);
	call->text = xrealloc(call->text, call->size + READ_SIZE + 1);
	do
		got = recv(call->fd, call->text + call->size, READ_SIZE, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return transport_error(call, -errno, error);
	call->size += got;
	call->text[call->size] = '\0';
	return got;
}

/* Takes so many bytes from the front away. */
static void call_drop(struct call *call, size_t size)
{
	call->size -= size;
	memmove(call->text, call->text + size, call->size + 1);
}

static int broken_off(const struct call *call, struct error *error)
{
	return error_set(error, -EIO, "the connection to the agent on %s broke before the answer was whole",
	                 call->socket_path);
}

/* Reads up to the empty line, and leaves what of the body came with it. */
static int call_read_headers(struct call *call, struct error *error)
{
	char *end, *length;

	while (!call->text || !(end = strstr(call->text, "\r\n\r\n"))) {
		ssize_t got = call->size > HEADERS_MAX ? 0 : call_read(call, error);

		if (got < 0)
			return (int)got;
		if (!got)
			return broken_off(call, error);
	}
	*end = '\0';
	if (sscanf(call->text, "HTTP/1.%*u %u", &call->status) != 1)
		return error_set(error, -EPROTO, "what listens on %s does not speak HTTP", call->socket_path);
	length = strcasestr(call->text, "\r\nContent-Length:");
	call->length = length ? strtoll(length + strlen("\r\nContent-Length:"), NULL, 10) : -1;
	call_drop(call, end + 4 - call->text);
	return 0;
}

static int call_read_body(struct call *call, struct error *error)
{
	ssize_t got;

	while (call->length < 0 || (long long)call->size < call->length) {
		got = call_read(call, error);
		if (got < 0)
			return (int)got;
		if (!got)
			return call->length < 0 ? 0 : broken_off(call, error);
	}
	return 0;
}

static int code_of(unsigned status)
{
	static const struct {
		unsigned status;
		int code;
	} codes[] = {{400, -EINVAL}, {404, -ENOENT}, {409, -EEXIST}, {503, -EAGAIN}};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return -EPROTO;
}

static int refusal(struct call *call, struct error *error)
{
	json_t *body;
	const char *words;
	int result = call_read_body(call, error);

	if (result)
		return result;
	body = json_loadb(call->text, call->size, 0, NULL);
	words = json_string_value(json_object_get(body, "error"));
	if (words && *words)
		result = error_set(error, code_of(call->status), "%s", words);
	else
		result = error_set(error, code_of(call->status), "the agent answered with HTTP status %u and no reason",
		                   call->status);
	json_decref(body);
	return result;
}

/* Asks, and reads until the answer is known to be a good one. */
static int call_begin(struct call *call, const char *method, const char *path, json_t *body, struct error *error)
{
	int result = call_connect(call, error);

	if (!result)
		result = call_ask(call, method, path, body, error);
	if (!result)
		result = call_read_headers(call, error);
	if (!result && call->status / 100 != 2)
		result = refusal(call, error);
	return result;
}

static int parse_answer(const struct call *call, json_t **ret_body, struct error *error)
{
	json_t *body = NULL;

	if (call->size && !(body = json_loadb(call->text, call->size, JSON_DECODE_ANY, NULL)))
		return error_set(error, -EPROTO, "the agent's answer is not JSON");
	*ret_body = body;
	return 0;
}

int http_request(const char *socket_path, const char *method, const char *path, json_t *body, json_t **ret_body,
                 struct error *error)
{
	_cleanup_(call_end) struct call call = {.socket_path = socket_path, .fd = -1};
	int result = call_begin(&call, method, path, body, error);

	if (!result)
		result = call_read_body(&call, error);
	return result || !ret_body ? result : parse_answer(&call, ret_body, error);
}

int http_stream(const char *socket_path, const char *path, int (*piece)(void *userdata, const void *data, size_t size),
                void *userdata, struct error *error)
{
	_cleanup_(call_end) struct call call = {.socket_path = socket_path, .fd = -1};
	const struct timeval forever = {};
	int result = call_begin(&call, "GET", path, NULL, error);

	if (result)
		return result;
	setsockopt(call.fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever));
	result = piece(userdata, NULL, 0);
	while (!result) {
		ssize_t got = call.size ? (ssize_t)call.size : call_read(&call, error);

		if (got <= 0)
			return (int)got;
		result = piece(userdata, call.text, call.size);
		call_drop(&call, call.size);
	}
	return result;
}

char *http_escape(const char *text)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	char *escaped = xcalloc(strlen(text) + 1, 3), *at = escaped;

	for (; *text; text++)
		at += strchr(unreserved, *text) ? sprintf(at, "%c", *text)
		                                : sprintf(at, "%%%02X", (unsigned char)*text);
	return escaped;
}
