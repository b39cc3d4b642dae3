/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server's files share: the server itself, an exchange from its first byte to the end of the answer, and how
 * they find routes, sockets and streams. Nobody else includes this.
 */
#ifndef PILUS_HTTP_INTERNAL_H
#define PILUS_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "http/server.h"

#define HTTP_BODY_MAX  (16 * 1024 * 1024) /* on the unix socket; strangers send none */
#define HTTP_PAIRS_MAX 8

/* Decoded names and values: of the path's parameters, of the query. */
struct http_pairs {
	struct {
		char *name, *value;
	} items[HTTP_PAIRS_MAX];
	size_t count;
};

/* Copies both. -E2BIG when full. */
int pairs_add(struct http_pairs *pairs, const char *name, const char *value);
const char *pairs_find(const struct http_pairs *pairs, const char *name);
void pairs_clear(struct http_pairs *pairs);

/* Is every % followed by two hexadecimal digits, and none of them a NUL? */
bool percent_encoding_valid(const char *text);

/* Does the path (still encoded) have the pattern's form? Fills *ret_parameters, which pairs_clear empties. */
bool route_matches(const char *pattern, const char *path, struct http_pairs *ret_parameters);

/* A listening socket at a path, and which file it made there. */
struct http_socket {
	char *path;
	int fd;
	dev_t device;
	ino_t inode;
};

int http_socket_listen(const char *path, struct http_socket *ret, struct error *error);

/* Removes the file, if it is still this socket's. The descriptor belongs to the daemon by then. */
void http_socket_remove(struct http_socket *listening);

struct http_server {
	struct MHD_Daemon *daemon;
	struct http_socket listening;
	uv_poll_t poll;   /* the daemon's epoll descriptor */
	uv_timer_t timer; /* when the daemon wants to run without an event */
	bool woken;       /* something was resumed since the daemon began to run */
	unsigned open_handles;
	const struct http_route *routes;
	size_t route_count;
	void *userdata;
	size_t body_max;
	struct http_exchange *exchanges;
	http_observer observer;
	void *observer_userdata;
};

struct http_exchange {
	struct http_server *server;
	struct MHD_Connection *connection;
	struct http_exchange *prev, *next;
	const struct http_route *route; /* NULL: none, or not known yet */
	uint64_t begun;
	struct http_pairs parameters, queries;
	char *text; /* of the body, as it comes */
	size_t text_size;
	json_t *body;
	struct MHD_Response *response; /* NULL until answered, and again once handed to the daemon */
	unsigned status;
	bool too_large, dispatched, suspended;
};

/* The daemon is to run in the loop's next round. */
void server_wake(struct http_server *server);

/* The daemon's callbacks: a request arrives piece by piece; it is over, however it ended. */
enum MHD_Result exchange_access(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *upload_data, size_t *upload_size, void **context);
void exchange_completed(void *userdata, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode code);

/* Answers with a response, whose reference is taken. */
void exchange_respond(struct http_exchange *exchange, unsigned status, struct MHD_Response *response);

/* The daemon leaves a suspended connection alone: it waits for an answer or for more of one. */
void exchange_suspend(struct http_exchange *exchange);
void exchange_resume(struct http_exchange *exchange);

#endif
