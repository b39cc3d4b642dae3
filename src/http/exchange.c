/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its answer: the body is gathered and parsed, the route found and its handler called; the answer goes
 * out now, or later, when the suspended connection is resumed.
 */
#include "http/internal.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/memory.h"

static struct http_exchange *exchange_new(struct http_server *server, struct MHD_Connection *connection)
{
	struct http_exchange *exchange = xnew(struct http_exchange);

	exchange->server = server;
	exchange->connection = connection;
	exchange->begun = clock_now();
	DL_APPEND(server->exchanges, exchange);
	return exchange;
}

void exchange_completed(void *userdata, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code)
{
	struct http_exchange *exchange = *context;

	if (!exchange)
		return;
	*context = NULL;
	DL_DELETE(exchange->server->exchanges, exchange);
	if (exchange->response)
		MHD_destroy_response(exchange->response);
	pairs_clear(&exchange->parameters);
	pairs_clear(&exchange->queries);
	json_decref(exchange->body);
	free(exchange->text);
	free(exchange);
}

/* A body over the limit is read to its end and thrown away, so that the client hears the answer. */
static void take_body(struct http_exchange *exchange, const char *data, size_t size)
{
	if (exchange->too_large || size > exchange->server->body_max - exchange->text_size) {
		exchange->too_large = true;
		return;
	}
	exchange->text = xrealloc(exchange->text, exchange->text_size + size);
	memcpy(exchange->text + exchange->text_size, data, size);
	exchange->text_size += size;
}

static bool is_text(const struct http_exchange *exchange)
{
	static const char type[] = "text/plain";
	const char *value =
		MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);

	return value && !strncasecmp(value, type, strlen(type));
}

/* Long lists come so: as JSON, each of their characters would be looked at several times. */
static char *parse_text(struct http_exchange *exchange)
{
	if (!memchr(exchange->text, 0, exchange->text_size))
		exchange->body = json_stringn(exchange->text, exchange->text_size);
	return exchange->body ? NULL : xstrdup("the body is no text in UTF-8");
}

static char *parse_json(struct http_exchange *exchange)
{
	json_error_t problem;

	exchange->body = json_loadb(exchange->text, exchange->text_size, JSON_REJECT_DUPLICATES, &problem);
	return exchange->body ? NULL
	                      : xasprintf("the body is not JSON: line %d, column %d: %s", problem.line, problem.column,
	                                  problem.text);
}

static bool parse_body(struct http_exchange *exchange)
{
	_cleanup_free_ char *message = NULL;

	if (exchange->too_large) {
		http_reply_error(exchange, MHD_HTTP_BAD_REQUEST,
		                 exchange->server->body_max ? "the body is larger than 16 MiB"
		                                            : "no body is taken here");
		return false;
	}
	if (!exchange->text_size)
		return true;
	message = is_text(exchange) ? parse_text(exchange) : parse_json(exchange);
	free(TAKE_PTR(exchange->text));
	if (message)
		http_reply_error(exchange, MHD_HTTP_BAD_REQUEST, message);
	return !message;
}

static enum MHD_Result add_query(void *userdata, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct http_exchange *exchange = userdata;
	const char *text = value ?: "";

	if (!percent_encoding_valid(name) || !percent_encoding_valid(text))
		return MHD_NO;
	return pairs_add(&exchange->queries, name, text) == 0 ? MHD_YES : MHD_NO;
}

/* MHD says how many pairs it visited: fewer than there are when one was refused. */
static bool parse_queries(struct http_exchange *exchange)
{
	int count = MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL);

	MHD_get_connection_values(exchange->connection, MHD_GET_ARGUMENT_KIND, add_query, exchange);
	if ((size_t)count == exchange->queries.count)
		return true;
	http_reply_error(exchange, MHD_HTTP_BAD_REQUEST, "the query is too long or not properly percent-encoded");
	return false;
}

/* No route has both method and path: 405 when some have the path, and which methods they have. */
static void reply_no_route(struct http_exchange *exchange, const char *url, const char *method)
{
	const struct http_server *server = exchange->server;
	_cleanup_free_ char *allowed = xstrdup(""), *message = NULL;

	for (size_t i = 0; i < server->route_count; i++) {
		const struct http_route *route = &server->routes[i];
		struct http_pairs parameters = {};
		char *longer;

		if (!route_matches(route->pattern, url, &parameters))
			continue;
		pairs_clear(&parameters);
		longer = xasprintf("%s%s%s", allowed, *allowed ? ", " : "", route->method);
		free(allowed);
		allowed = longer;
	}
	message = *allowed ? xasprintf("%s does not take %s, only %s", url, method, allowed)
	                   : xasprintf("there is nothing at %s", url);
	http_reply_error(exchange, *allowed ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND, message);
	if (*allowed)
		MHD_add_response_header(exchange->response, MHD_HTTP_HEADER_ALLOW, allowed);
}

static void dispatch(struct http_exchange *exchange, const char *url, const char *method)
{
	const struct http_server *server = exchange->server;

	exchange->dispatched = true;
	if (!percent_encoding_valid(url)) {
		http_reply_error(exchange, MHD_HTTP_BAD_REQUEST, "the path is not properly percent-encoded");
		return;
	}
	for (size_t i = 0; i < server->route_count; i++) {
		const struct http_route *route = &server->routes[i];

		if (strcmp(route->method, method) || !route_matches(route->pattern, url, &exchange->parameters))
			continue;
		exchange->route = route;
		if (parse_queries(exchange) && parse_body(exchange))
			route->handle(exchange, server->userdata);
		return;
	}
	reply_no_route(exchange, url, method);
}

/* Called again for a resumed connection: by then there is a response. */
/* NOLINTNEXTLINE(readability-function-size): the parameters are libmicrohttpd's */
enum MHD_Result exchange_access(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *upload_data, size_t *upload_size, void **context)
{
	struct http_exchange *exchange = *context;
	enum MHD_Result result;

	if (!exchange) {
		*context = exchange_new(userdata, connection);
		return MHD_YES;
	}
	if (*upload_size) {
		take_body(exchange, upload_data, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (!exchange->dispatched)
		dispatch(exchange, url, method);
	if (!exchange->response) {
		exchange_suspend(exchange);
		return MHD_YES;
	}
	result = MHD_queue_response(connection, exchange->status, exchange->response);
	MHD_destroy_response(TAKE_PTR(exchange->response));
	return result;
}

void exchange_suspend(struct http_exchange *exchange)
{
	exchange->suspended = true;
	MHD_suspend_connection(exchange->connection);
}

void exchange_resume(struct http_exchange *exchange)
{
	if (!exchange->suspended)
		return;
	exchange->suspended = false;
	MHD_resume_connection(exchange->connection);
	server_wake(exchange->server);
}

const char *http_exchange_parameter(const struct http_exchange *exchange, const char *name)
{
	return pairs_find(&exchange->parameters, name);
}

const char *http_exchange_query(const struct http_exchange *exchange, const char *name)
{
	return pairs_find(&exchange->queries, name);
}

json_t *http_exchange_body(const struct http_exchange *exchange)
{
	return exchange->body;
}

void exchange_respond(struct http_exchange *exchange, unsigned status, struct MHD_Response *response)
{
	const struct http_server *server = exchange->server;

	assert(response && !exchange->response);
	exchange->response = response;
	exchange->status = status;
	if (server->observer && exchange->route)
		server->observer(server->observer_userdata, exchange->route, status, clock_now() - exchange->begun);
	exchange_resume(exchange);
}

void http_reply_json(struct http_exchange *exchange, unsigned status, json_t *body)
{
	struct MHD_Response *response;
	char *text = NULL;

	if (!body) {
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
		exchange_respond(exchange, status, response);
		return;
	}
	text = json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(body);
	assert(text);
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	exchange_respond(exchange, status, response);
	MHD_add_response_header(exchange->response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
}

void http_reply_text(struct http_exchange *exchange, const char *content_type, char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);

	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	exchange_respond(exchange, MHD_HTTP_OK, response);
}

/* The words may quote what a client sent, which need not be UTF-8, as JSON must. */
void http_reply_error(struct http_exchange *exchange, unsigned status, const char *message)
{
	_cleanup_free_ char *ascii = xstrdup(message);
	json_t *words = json_string(message);

	for (char *at = ascii; *at; at++)
		if (!isascii(*at))
			*at = '?';
	http_reply_json(exchange, status, json_pack("{s:o}", "error", words ?: json_string(ascii)));
}
