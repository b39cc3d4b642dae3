/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's API: HTTP on a unix socket (libmicrohttpd), driven by the libuv loop. Routes are a table; a handler
 * answers at once or keeps the exchange and answers later. The loop's thread only.
 */
#ifndef PILUS_HTTP_SERVER_H
#define PILUS_HTTP_SERVER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct http_server;
struct http_exchange;
struct http_stream_reply;

/* pattern: "/v1/endpoints/{id}": a segment in braces is a parameter. The body has been read and, unless empty, parsed
 * as JSON, or is a string where it came as text/plain; what is wrong so far has been refused with the words of
 * docs/api.md. */
struct http_route {
	const char *method;
	const char *pattern;
	void (*handle)(struct http_exchange *exchange, void *userdata);
};

/*
 * Makes the socket, 0660 and of group pilus where that exists, and its folder. Takes it over from a dead process;
 * refuses (-EADDRINUSE) while a live one listens. `routes` is borrowed. The caller frees *ret.
 */
int http_server_new(uv_loop_t *loop, const char *socket_path, const struct http_route *routes, size_t count,
                    void *userdata, struct http_server **ret, struct error *error);

/*
 * The same for strangers: on a TCP socket that listens already, in whatever network namespace, and is taken over, also
 * on failure. No bodies, few connections, no patience.
 */
int http_server_adopt(uv_loop_t *loop, int fd, const struct http_route *routes, size_t count, void *userdata,
                      struct http_server **ret, struct error *error);

/*
 * Not from a handler. Ends all connections: exchanges not yet answered are gone, streams hear `closed`. The memory goes
 * when the loop has closed the handles, in its next round.
 */
void http_server_free(struct http_server *server);

/* Hears of every request that had a route when it is answered, and how long that took. */
typedef void (*http_observer)(void *userdata, const struct http_route *route, unsigned status, uint64_t nanoseconds);
void http_server_observe(struct http_server *server, http_observer observer, void *userdata);

/* All three live as long as the exchange. NULL when absent. */
const char *http_exchange_parameter(const struct http_exchange *exchange, const char *name);
const char *http_exchange_query(const struct http_exchange *exchange, const char *name);
json_t *http_exchange_body(const struct http_exchange *exchange);

/* Each exchange is answered once, by one of these, now or later; the exchange is gone after. */
void http_reply_json(struct http_exchange *exchange, unsigned status,
                     json_t *body); /* takes the reference; NULL: empty */
/* Text that is no JSON: status 200. Takes `text`, which was allocated. */
void http_reply_text(struct http_exchange *exchange, const char *content_type, char *text);
void http_reply_error(struct http_exchange *exchange, unsigned status, const char *message);

/*
 * An endless answer. Writes are queued (at most `limit` bytes: beyond, the write is refused whole with -ENOBUFS and the
 * caller counts the loss). `closed` is called once when the client goes, and nothing may be written after.
 */
struct http_stream_reply *http_reply_stream(struct http_exchange *exchange, size_t limit,
                                            void (*closed)(void *userdata), void *userdata);
int http_stream_write(struct http_stream_reply *stream, const void *data, size_t size);

#endif
