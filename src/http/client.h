/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to the agent: JSON over HTTP on its unix socket. Blocking.
 */
#ifndef PILUS_HTTP_CLIENT_H
#define PILUS_HTTP_CLIENT_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

#define HTTP_DEFAULT_SOCKET "/run/pilus/pilus.sock"

/*
 * Sends `body` (borrowed, NULL: none; a string goes as plain text) and waits for the whole answer. A 2xx answer fills
 * *ret_body (new reference, NULL for none; ret_body may be NULL) and returns 0. Any other answer is an error: its
 * message is the agent's own "error" text, and the return value is -ENOENT for 404, -EEXIST for 409, -EINVAL for 400,
 * -EAGAIN for 503, else -EPROTO. -ECONNREFUSED: no agent listens there; -EACCES: not for this user; -ETIMEDOUT: no
 * answer in 30 s; the message is one clear sentence.
 */
int http_request(const char *socket_path, const char *method, const char *path, json_t *body, json_t **ret_body,
                 struct error *error);

/*
 * Reads an endless answer piece by piece, until the agent ends it (0), `piece` returns non-zero (returned), or the
 * connection fails. `piece` is called once with size 0 when the agent has begun its (2xx) answer: from then on nothing
 * is missed. Other answers are errors as for http_request. `piece` may itself call http_request.
 */
int http_stream(const char *socket_path, const char *path, int (*piece)(void *userdata, const void *data, size_t size),
                void *userdata, struct error *error);

/* A text as one segment of a path, or a value in a query: percent-encoded. The caller frees it. */
char *http_escape(const char *text);

#endif
