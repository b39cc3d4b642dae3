/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST requests to web servers from the loop (libcurl's multi interface on libuv): nothing here blocks, and connections
 * are kept for the next request. The loop's thread only.
 */
#ifndef PILUS_HTTP_ASYNC_H
#define PILUS_HTTP_ASYNC_H

#include <stddef.h>
#include <uv.h>

#include "base/error.h"

struct http_async;

/* Loads libcurl: -ENOENT when it is not installed. */
int http_async_new(uv_loop_t *loop, struct http_async **ret, struct error *error);
void http_async_free(struct http_async *http); /* with its calls, which say nothing any more */

struct http_tls {
	const char *ca, *certificate, *key; /* files; NULL: the system's authorities, none, none */
};

/* Borrowed for the call of http_async_post only. */
struct http_post {
	const char *url, *body;    /* JSON */
	const char *authorization; /* NULL: none */
	const char *header;        /* one more, "Name: value"; NULL: none */
	const struct http_tls *tls;
	unsigned timeout_ms; /* for the whole answer; 0: it may take for ever, as long as the server's host is there */
};

struct http_events {
	/* Part of a 2xx answer, as it comes; NULL: `ended` gets it whole. */
	void (*piece)(void *userdata, const char *data, size_t size);

	/* status is 0 when there was no answer or not all of it: then `error` says why. `text` ends with a 0 byte. */
	void (*ended)(void *userdata, long status, const char *text, const struct error *error);
};

/* Valid until `ended` is called or it is cancelled. Events come from the loop, never from inside a call to here. */
struct http_call;
struct http_call *http_async_post(struct http_async *http, const struct http_post *post,
                                  const struct http_events *events, void *userdata);
void http_call_cancel(struct http_call *call); /* may be NULL */

#endif
