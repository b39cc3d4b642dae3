/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The events' ring buffer, read. See abi/event.h.
 */
#include <bpf/libbpf.h>
#include <errno.h>

#include "base/memory.h"
#include "datapath/datapath.h"

/* Programs may write as fast as the ring is read: after so many, the rest of the event loop has its turn. */
#define RECORDS_AT_ONCE 4096

struct datapath_events {
	struct ring_buffer *ring;
	int taken;
	void (*event)(const struct event *event, size_t size, void *userdata);
	void *userdata;
};

static int take_record(void *context, void *data, size_t size)
{
	struct datapath_events *events = context;
	const struct event *event = data;

	if (size >= EVENT_SIZE(0) && EVENT_SIZE(event->captured) <= size)
		events->event(event, EVENT_SIZE(event->captured), events->userdata);
	return ++events->taken < RECORDS_AT_ONCE ? 0 : -EAGAIN;
}

int datapath_events_open(const struct maps *maps, void (*event)(const struct event *event, size_t size, void *userdata),
                         void *userdata, struct datapath_events **ret)
{
	struct datapath_events *events = xnew(struct datapath_events);

	events->event = event;
	events->userdata = userdata;
	events->ring = ring_buffer__new(maps->events, take_record, events, NULL);
	if (!events->ring) {
		int r = -errno;

		free(events);
		return r;
	}
	*ret = events;
	return 0;
}

int datapath_events_fd(const struct datapath_events *events)
{
	return ring_buffer__epoll_fd(events->ring);
}

int datapath_events_read(struct datapath_events *events)
{
	int result;

	events->taken = 0;
	result = ring_buffer__consume(events->ring);
	return result == -EAGAIN ? events->taken : result;
}

void datapath_events_free(struct datapath_events *events)
{
	if (!events)
		return;
	ring_buffer__free(events->ring);
	free(events);
}
