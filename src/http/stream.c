/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endless answers: a bounded queue between who writes and the daemon, which reads as the client does. The daemon does
 * not look at a suspended connection, so the stream itself watches for the client's going.
 */
#include "http/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/memory.h"

#define BLOCK_SIZE 16384
#define QUEUE_KEPT 65536 /* a larger queue is given back when it has run empty */

struct http_stream_reply {
	struct http_exchange *exchange;
	char *queue; /* what waits: `size` bytes from `start` on */
	size_t start, size, capacity, limit;
	uv_poll_t *watch; /* its own allocation: it outlives the stream until the loop has closed it */
	int watched_fd;
	bool gone;
	void (*closed)(void *userdata);
	void *userdata;
};

static void make_room(struct http_stream_reply *stream, size_t size)
{
	if (stream->start) {
		memmove(stream->queue, stream->queue + stream->start, stream->size);
		stream->start = 0;
	}
	if (stream->size + size <= stream->capacity)
		return;
	stream->capacity = (stream->size + size) * 2;
	stream->queue = xrealloc(stream->queue, stream->capacity);
}

static size_t take(struct http_stream_reply *stream, char *buffer, size_t max)
{
	size_t size = stream->size < max ? stream->size : max;

	memcpy(buffer, stream->queue + stream->start, size);
	stream->start += size;
	stream->size -= size;
	if (stream->size)
		return size;
	stream->start = 0;
	if (stream->capacity > QUEUE_KEPT) {
		free(TAKE_PTR(stream->queue));
		stream->capacity = 0;
	}
	return size;
}

static ssize_t read_queue(void *userdata, uint64_t position, char *buffer, size_t max)
{
	struct http_stream_reply *stream = userdata;

	if (stream->gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (stream->size)
		return (ssize_t)take(stream, buffer, max);
	exchange_suspend(stream->exchange);
	return 0;
}

static void free_watch(uv_handle_t *handle)
{
	free(handle);
}

/* The daemon has let the connection go, for whatever reason. */
static void stream_free(void *userdata)
{
	struct http_stream_reply *stream = userdata;

	if (stream->watch) {
		uv_poll_stop(stream->watch);
		uv_close((uv_handle_t *)stream->watch, free_watch);
		close(stream->watched_fd);
	}
	stream->closed(stream->userdata);
	free(stream->queue);
	free(stream);
}

static void client_gone(uv_poll_t *watch, int status, int events)
{
	struct http_stream_reply *stream = watch->data;

	uv_poll_stop(watch);
	stream->gone = true;
	exchange_resume(stream->exchange);
}

/* A second descriptor of the connection: the first is the daemon's to close. */
static int watch_client(struct http_stream_reply *stream)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(stream->exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	_cleanup_close_ int fd = fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 0);
	int result;

	if (fd < 0)
		return -errno;
	stream->watch = xnew(uv_poll_t);
	stream->watch->data = stream;
	result = uv_poll_init(stream->exchange->server->poll.loop, stream->watch, fd);
	if (result < 0) {
		free(TAKE_PTR(stream->watch));
		return result;
	}
	stream->watched_fd = TAKE_FD(fd);
	return uv_poll_start(stream->watch, UV_DISCONNECT, client_gone);
}

/* Out of descriptors: the stream ends as if its client had gone, which the caller knows how to take. */
struct http_stream_reply *http_reply_stream(struct http_exchange *exchange, size_t limit,
                                            void (*closed)(void *userdata), void *userdata)
{
	struct http_stream_reply *stream = xnew(struct http_stream_reply);
	struct MHD_Response *response;

	stream->exchange = exchange;
	stream->limit = limit;
	stream->closed = closed;
	stream->userdata = userdata;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_queue, stream, stream_free);
	assert(response);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/octet-stream");
	stream->gone = watch_client(stream) < 0;
	exchange_respond(exchange, MHD_HTTP_OK, response);
	return stream;
}

int http_stream_write(struct http_stream_reply *stream, const void *data, size_t size)
{
	if (stream->size > stream->limit || size > stream->limit - stream->size)
		return -ENOBUFS;
	if (stream->start + stream->size + size > stream->capacity)
		make_room(stream, size);
	memcpy(stream->queue + stream->start + stream->size, data, size);
	stream->size += size;
	exchange_resume(stream->exchange);
	return 0;
}
