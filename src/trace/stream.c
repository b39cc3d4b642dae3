/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of events, and waiting for those and for lines at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "trace/lines.h"
#include "trace/module.h"
#include "trace/table.h"

#define PAGES   64
#define FDS_MAX 64

/* One table's. Of the two readers one is there. */
struct stream {
	struct stream *next;
	const char *table;
	pilus_event event;
	void *userdata;
	struct perf_buffer *perf;
	struct ring_buffer *ring;
};

static void take_sample(void *userdata, int cpu, void *data, uint32_t size)
{
	const struct stream *stream = userdata;

	stream->event(stream->userdata, stream->table, cpu, data, size, 0);
}

static void take_loss(void *userdata, int cpu, unsigned long long count)
{
	const struct stream *stream = userdata;

	stream->event(stream->userdata, stream->table, cpu, NULL, 0, count);
}

static int take_record(void *userdata, void *data, size_t size)
{
	const struct stream *stream = userdata;

	stream->event(stream->userdata, stream->table, -1, data, size, 0);
	return 0;
}

int pilus_module_listen(struct pilus_module *module, const char *table, size_t pages, pilus_event event, void *userdata)
{
	struct pilus_table found;
	struct stream *stream;
	int r = pilus_module_find_table(module, table, &found);

	if (r < 0)
		return r;
	if (!table_is_stream(found.type))
		return error_set(&module->error, -EINVAL, "%s is no stream of events", table);
	stream = xnew(struct stream);
	*stream = (struct stream){module->streams, found.name, event, userdata, NULL, NULL};
	if (found.type == BPF_MAP_TYPE_RINGBUF)
		stream->ring = ring_buffer__new(found.fd, take_record, stream, NULL);
	else
		stream->perf = perf_buffer__new(found.fd, pages ?: PAGES, take_sample, take_loss, stream, NULL);
	if (!stream->ring && !stream->perf) {
		r = -errno;
		free(stream);
		return error_set_errno(&module->error, r, "cannot read the events of %s", table);
	}
	module->streams = stream;
	return 0;
}

void streams_close(struct pilus_module *module)
{
	while (module->streams) {
		struct stream *next = module->streams->next;

		ring_buffer__free(module->streams->ring);
		perf_buffer__free(module->streams->perf);
		free(module->streams);
		module->streams = next;
	}
}

/* Not perf_buffer__poll: the kernel tells of a buffer once, and we have asked already. */
static void consume(const struct stream *stream)
{
	if (stream->ring)
		ring_buffer__consume(stream->ring);
	else
		perf_buffer__consume(stream->perf);
}

static int stream_fd(const struct stream *stream)
{
	return stream->ring ? ring_buffer__epoll_fd(stream->ring) : perf_buffer__epoll_fd(stream->perf);
}

int pilus_module_wait(struct pilus_module *module, int timeout_ms)
{
	struct pollfd fds[FDS_MAX + 1];
	size_t count = 0;
	int r = module_open_lines(module);

	if (r < 0)
		return r;
	count = lines_fds(module->lines, fds);
	for (const struct stream *stream = module->streams; stream && count < FDS_MAX; stream = stream->next)
		fds[count++] = (struct pollfd){.fd = stream_fd(stream), .events = POLLIN};
	r = module_poll(module, fds, count, timeout_ms);
	if (r < 0)
		return r;
	for (const struct stream *stream = module->streams; stream; stream = stream->next)
		consume(stream);
	return r > 0;
}
