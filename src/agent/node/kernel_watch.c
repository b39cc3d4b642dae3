/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/kernel_watch.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"

#define SETTLE_MS 10

struct kernel_watch {
	struct netlink_watch *netlink;
	struct netlink_changes changes; /* not told yet */
	uv_poll_t poll;
	uv_timer_t settle;
	unsigned open_handles;
	void (*changed)(void *userdata, const struct netlink_changes *changes);
	void *userdata;
};

static void on_settled(uv_timer_t *timer)
{
	struct kernel_watch *watch = timer->data;
	struct netlink_changes changes = watch->changes;

	watch->changes = (struct netlink_changes){};
	watch->changed(watch->userdata, &changes);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct kernel_watch *watch = poll->data;
	struct netlink_changes changes;
	int result = netlink_watch_read(watch->netlink, &changes);

	if (result < 0) {
		log_error("changes of the network are no longer noticed: %s", strerror(-result));
		uv_poll_stop(poll);
		return;
	}
	watch->changes.links |= changes.links;
	watch->changes.addresses |= changes.addresses;
	watch->changes.routes |= changes.routes;
	watch->changes.neighbours |= changes.neighbours;
	if (!uv_is_active((uv_handle_t *)&watch->settle))
		uv_timer_start(&watch->settle, on_settled, SETTLE_MS, 0);
}

int kernel_watch_new(uv_loop_t *loop, void (*changed)(void *userdata, const struct netlink_changes *changes),
                     void *userdata, struct kernel_watch **ret, struct error *error)
{
	struct netlink_watch *netlink;
	struct kernel_watch *watch;
	int result = netlink_watch_open(&netlink, error);

	if (result < 0)
		return result;
	watch = xnew(struct kernel_watch);
	watch->netlink = netlink;
	watch->changed = changed;
	watch->userdata = userdata;
	uv_poll_init(loop, &watch->poll, netlink_watch_fd(netlink));
	uv_timer_init(loop, &watch->settle);
	watch->open_handles = 2;
	watch->poll.data = watch->settle.data = watch;
	uv_poll_start(&watch->poll, UV_READABLE, on_readable);
	*ret = watch;
	return 0;
}

static void handle_closed(uv_handle_t *handle)
{
	struct kernel_watch *watch = handle->data;

	if (--watch->open_handles)
		return;
	netlink_watch_free(watch->netlink);
	free(watch);
}

void kernel_watch_free(struct kernel_watch *watch)
{
	if (!watch)
		return;
	uv_close((uv_handle_t *)&watch->poll, handle_closed);
	uv_close((uv_handle_t *)&watch->settle, handle_closed);
}
