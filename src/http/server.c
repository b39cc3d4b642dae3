/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon in the loop: libmicrohttpd runs when its epoll descriptor, its own deadline or a resumed connection says
 * so.
 */
#include "http/internal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"

#define STRANGERS_MAX     32   /* connections at a time */
#define STRANGERS_SECONDS 5    /* silent for so long, a connection is closed */
#define STRANGERS_MEMORY  4096 /* bytes of a connection: its headers must fit */

/* Left to route.c: decoding here would turn an encoded slash into a separator. */
static size_t leave_encoded(void *userdata, struct MHD_Connection *connection, char *text)
{
	return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void log_daemon(void *userdata, const char *format, va_list arguments)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = '\0';
	log_debug("http: %s", text);
}

static void run_on_timer(uv_timer_t *timer);

static void run(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	server->woken = false;
	MHD_run(server->daemon);
	/* A handler may have resumed another's connection, which this run did not see any more. */
	if (server->woken)
		uv_timer_start(&server->timer, run_on_timer, 0, 0);
	else if (MHD_get_timeout(server->daemon, &timeout) == MHD_YES)
		uv_timer_start(&server->timer, run_on_timer, timeout, 0);
	else
		uv_timer_stop(&server->timer);
}

static void run_on_timer(uv_timer_t *timer)
{
	run(timer->data);
}

/* In an external loop the daemon does not wake itself for a resumed connection. */
void server_wake(struct http_server *server)
{
	server->woken = true;
	uv_timer_start(&server->timer, run_on_timer, 0, 0);
}

static void run_on_event(uv_poll_t *poll, int status, int events)
{
	run(poll->data);
}

static struct MHD_Daemon *start_daemon(struct http_server *server, const struct MHD_OptionItem *limits)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
	                        exchange_access, server, MHD_OPTION_EXTERNAL_LOGGER, log_daemon, NULL,
	                        MHD_OPTION_LISTEN_SOCKET, server->listening.fd, MHD_OPTION_UNESCAPE_CALLBACK,
	                        leave_encoded, NULL, MHD_OPTION_NOTIFY_COMPLETED, exchange_completed, NULL,
	                        MHD_OPTION_ARRAY, limits, MHD_OPTION_END);
}

static const char *socket_name(const struct http_server *server)
{
	return server->listening.path ?: "of TCP";
}

static int enter_loop(struct http_server *server, uv_loop_t *loop, struct error *error)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int result = uv_poll_init(loop, &server->poll, info->epoll_fd);

	if (result < 0)
		return error_set_errno(error, result, "cannot watch the socket %s", socket_name(server));
	uv_timer_init(loop, &server->timer);
	server->open_handles = 2;
	server->poll.data = server->timer.data = server;
	result = uv_poll_start(&server->poll, UV_READABLE, run_on_event);
	if (result < 0)
		return error_set_errno(error, result, "cannot watch the socket %s", socket_name(server));
	return 0;
}

/* As `what` describes it. Takes the socket over, also on failure. */
static int server_start(const struct http_server *what, uv_loop_t *loop, const struct MHD_OptionItem *limits,
                        struct http_server **ret, struct error *error)
{
	struct http_server *server = xnew(struct http_server);
	int result;

	*server = *what;
	server->daemon = start_daemon(server, limits);
	if (server->daemon) {
		result = enter_loop(server, loop, error);
	} else {
		result = error_set(error, -EIO, "cannot start the HTTP server on the socket %s", socket_name(server));
		close(server->listening.fd);
	}
	if (result < 0) {
		http_server_free(server);
		return result;
	}
	*ret = server;
	return 0;
}

void http_server_observe(struct http_server *server, http_observer observer, void *userdata)
{
	server->observer = observer;
	server->observer_userdata = userdata;
}

int http_server_new(uv_loop_t *loop, const char *socket_path, const struct http_route *routes, size_t count,
                    void *userdata, struct http_server **ret, struct error *error)
{
	static const struct MHD_OptionItem limits[] = {{MHD_OPTION_END, 0, NULL}};
	struct http_server server = {
		.routes = routes, .route_count = count, .userdata = userdata, .body_max = HTTP_BODY_MAX};
	int result = http_socket_listen(socket_path, &server.listening, error);

	return result ?: server_start(&server, loop, limits, ret, error);
}

int http_server_adopt(uv_loop_t *loop, int fd, const struct http_route *routes, size_t count, void *userdata,
                      struct http_server **ret, struct error *error)
{
	static const struct MHD_OptionItem limits[] = {
		{MHD_OPTION_CONNECTION_LIMIT, STRANGERS_MAX, NULL},
		{MHD_OPTION_CONNECTION_TIMEOUT, STRANGERS_SECONDS, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, STRANGERS_MEMORY, NULL},
		{MHD_OPTION_END, 0, NULL},
	};
	const struct http_server server = {
		.listening = {.fd = fd}, .routes = routes, .route_count = count, .userdata = userdata};

	return server_start(&server, loop, limits, ret, error);
}

static void handle_closed(uv_handle_t *handle)
{
	struct http_server *server = handle->data;

	if (!--server->open_handles)
		free(server);
}

/* The loop's handles go before the daemon closes the descriptor they watch; a suspended connection cannot be closed. */
void http_server_free(struct http_server *server)
{
	struct http_exchange *exchange;

	if (!server)
		return;
	if (server->listening.path)
		http_socket_remove(&server->listening);
	DL_FOREACH (server->exchanges, exchange)
		exchange_resume(exchange);
	if (server->open_handles) {
		uv_close((uv_handle_t *)&server->poll, handle_closed);
		uv_close((uv_handle_t *)&server->timer, handle_closed);
	}
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	if (!server->open_handles)
		free(server);
}
