/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/collector.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define PERIOD_MS     60000
#define PERIOD_MS_MIN 1000

struct collector {
	const struct agent *agent;
	uv_timer_t timer;
};

static void mark_here(void *userdata, uint32_t identity)
{
	struct identity_users *users = userdata;

	if (identity <= IDENTITY_ALLOCATED_MAX)
		users->here[identity] = users->anywhere[identity] = true;
}

static void mark_anywhere(void *userdata, uint32_t identity)
{
	struct identity_users *users = userdata;

	if (identity <= IDENTITY_ALLOCATED_MAX)
		users->anywhere[identity] = true;
}

static void on_timer(uv_timer_t *timer)
{
	struct collector *collector = timer->data;
	const struct agent *agent = collector->agent;
	_cleanup_free_ struct identity_users *users = xnew(struct identity_users); /* too large to be kept */

	endpoints_each_identity(agent->endpoints, mark_here, users);
	ipcache_each_identity(agent->ipcache, mark_anywhere, users);
	identities_collect(agent->identities, users, nodes_is_first(agent->nodes) ? agent->config->forget_after : 0);
}

struct collector *collector_new(const struct agent *agent)
{
	struct collector *collector = xnew(struct collector);
	uint64_t period = agent->config->forget_after * UINT64_C(1000) / 2;

	if (!period || period > PERIOD_MS)
		period = PERIOD_MS;
	if (period < PERIOD_MS_MIN)
		period = PERIOD_MS_MIN;
	collector->agent = agent;
	uv_timer_init(agent->loop, &collector->timer);
	collector->timer.data = collector;
	uv_timer_start(&collector->timer, on_timer, period, period);
	return collector;
}

static void timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void collector_free(struct collector *collector)
{
	if (collector)
		uv_close((uv_handle_t *)&collector->timer, timer_closed);
}
