/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that vanish (a runtime that removed a pod's namespace without DEL) take their endpoints with them.
 */
#include <string.h>

#include "agent/endpoint/entry.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/link.h"

#define SETTLE_TIME (NS_PER_SECOND / 50) /* one look serves all changes of a burst */

static int mark_seen(const struct link *link, void *userdata)
{
	const struct endpoints *endpoints = userdata;
	struct endpoint_entry *entry;
	uint16_t id;

	if (endpoint_id_of_device(link->name, &id))
		return 0;
	entry = endpoints->entries[id];
	if (entry && entry->link.ifindex == link->ifindex)
		entry->seen = true;
	return 0;
}

static void look_later(struct endpoints *endpoints, uint64_t delay)
{
	if (!endpoints->look_at)
		endpoints->look_at = clock_now() + delay;
	endpoint_schedule(endpoints);
}

void endpoint_watch_look(struct endpoints *endpoints)
{
	struct endpoint_entry *entry;

	endpoints_foreach (endpoints, entry)
		entry->seen = false;
	if (link_each(endpoints->services.netlink, mark_seen, endpoints)) {
		look_later(endpoints, NS_PER_SECOND);
		return;
	}
	endpoints_foreach (endpoints, entry) {
		if (entry->wired && !entry->seen && entry->state != ENDPOINT_DISCONNECTING)
			endpoint_take_down(entry, "its device is gone", NULL);
	}
}

static void links_changed(uv_poll_t *poll, int status, int events)
{
	struct endpoints *endpoints = poll->data;
	struct netlink_changes changes = {};

	if (netlink_watch_read(endpoints->links_watch, &changes) || changes.links)
		look_later(endpoints, SETTLE_TIME);
}

int endpoint_watch_start(struct endpoints *endpoints, struct error *error)
{
	int result;

	result = netlink_watch_open(&endpoints->links_watch, error);
	if (result)
		return result;
	endpoints->links_poll = xnew(uv_poll_t);
	endpoints->links_poll->data = endpoints;
	uv_poll_init(endpoints->services.loop, endpoints->links_poll, netlink_watch_fd(endpoints->links_watch));
	uv_poll_start(endpoints->links_poll, UV_READABLE, links_changed);
	return 0;
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

void endpoint_watch_stop(struct endpoints *endpoints)
{
	if (!endpoints->links_watch)
		return;
	uv_close((uv_handle_t *)TAKE_PTR(endpoints->links_poll), free_handle);
	netlink_watch_free(TAKE_PTR(endpoints->links_watch));
}
