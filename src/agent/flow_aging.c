/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aging of flows, and of the mappings that belong to them.
 */
#include "agent/flow_aging.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "datapath/nat_table.h"

#define PERIOD_MS         10000
#define PERIOD_CROWDED_MS 1000

struct flow_aging {
	uv_timer_t timer;
	uv_work_t work;
	const struct maps *maps;
	struct flow_timeouts timeouts;
	uint32_t table_size;
	bool working, closed;
	int result;
	uint32_t removed, kept, mappings;
	struct flow_aging_counts counts;
};

static void timer_fired(uv_timer_t *timer);

static void free_if_idle(struct flow_aging *aging)
{
	if (aging->closed && !aging->working)
		free(aging);
}

static bool is_crowded(uint32_t kept, uint32_t table_size)
{
	return kept > table_size / 4 * 3;
}

static void walk(uv_work_t *work)
{
	struct flow_aging *aging = work->data;
	uint64_t now = clock_now();

	aging->result = flow_table_age(aging->maps, &aging->timeouts, now, &aging->removed, &aging->kept);
	if (!aging->result)
		aging->result = nat_table_age(aging->maps, &aging->timeouts, is_crowded(aging->kept, aging->table_size),
		                              now, &aging->mappings);
}

/* LRU maps drop live flows when they are full, so idle ones must go before that. */
uint64_t flow_aging_period(uint32_t kept, uint32_t table_size)
{
	return is_crowded(kept, table_size) ? PERIOD_CROWDED_MS : PERIOD_MS;
}

static void walked(uv_work_t *work, int status)
{
	struct flow_aging *aging = work->data;

	aging->working = false;
	if (uv_is_closing((uv_handle_t *)&aging->timer)) {
		free_if_idle(aging);
		return;
	}
	aging->counts.runs++;
	aging->counts.removed += aging->removed;
	if (aging->result)
		log_warning("aging the flow table: %s", strerror(-aging->result));
	else if (aging->removed || aging->mappings)
		log_debug("flow table: %u aged, %u kept; %u entries of mappings aged", aging->removed, aging->kept,
		          aging->mappings);
	uv_timer_start(&aging->timer, timer_fired, flow_aging_period(aging->kept, aging->table_size), 0);
}

void flow_aging_look(struct flow_aging *aging)
{
	if (aging->working)
		return;
	aging->removed = aging->kept = aging->mappings = 0;
	aging->working = true;
	uv_queue_work(aging->timer.loop, &aging->work, walk, walked);
}

static void timer_fired(uv_timer_t *timer)
{
	flow_aging_look(timer->data);
}

struct flow_aging *flow_aging_new(uv_loop_t *loop, const struct maps *maps, const struct flow_timeouts *timeouts,
                                  uint32_t table_size)
{
	struct flow_aging *aging = xnew(struct flow_aging);

	aging->maps = maps;
	aging->timeouts = *timeouts;
	aging->table_size = table_size;
	aging->work.data = aging;
	uv_timer_init(loop, &aging->timer);
	aging->timer.data = aging;
	uv_timer_start(&aging->timer, timer_fired, flow_aging_period(0, table_size), 0);
	return aging;
}

const struct flow_aging_counts *flow_aging_counts(const struct flow_aging *aging)
{
	return &aging->counts;
}

static void timer_closed(uv_handle_t *handle)
{
	struct flow_aging *aging = handle->data;

	aging->closed = true;
	free_if_idle(aging);
}

void flow_aging_free(struct flow_aging *aging)
{
	if (aging)
		uv_close((uv_handle_t *)&aging->timer, timer_closed);
}
