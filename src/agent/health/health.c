/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is, and what came of it.
 */
#include "agent/health/health.h"

#include <math.h>
#include <string.h>
#include <utlist.h>

#include "agent/health/table.h"
#include "base/memory.h"

#define INTERVAL_MS  60000 /* of a node's probes, times ln(1 + nodes) */
#define RETRY_MS     10000 /* of a node that did not answer, unless that is later */
#define SPACING_MS   200   /* between nodes, unless there are so many */
#define PARALLEL_MAX 32    /* nodes at once, when somebody waits */
#define ROUND_MS     20000

struct health_waiter {
	void (*done)(void *userdata, const struct health *health);
	void *userdata;
	struct health_waiter *next;
};

static void on_timer(uv_timer_t *timer);

static uint64_t interval_ms(const struct health *health)
{
	return (uint64_t)(INTERVAL_MS * log1p(HASH_COUNT(health->nodes)));
}

/* ── one node ── */

static void check_reset(struct health_check *check)
{
	if (check->running) {
		probe_cancel(check->running);
		check->node->running--;
	}
	free(check->error);
	*check = (struct health_check){.node = check->node};
}

static void advance(struct health *health);
static void schedule(struct health *health);

/* An address that changed meanwhile was not probed: the node is still due. */
static void node_done(struct health_node *node)
{
	struct health *health = node->health;
	uint64_t retry = uv_now(health->loop) + RETRY_MS;

	if (node->due)
		node->probed = time(NULL);
	if (node->due > retry && !health_node_good(node))
		node->due = retry;
	if (health->waiters)
		advance(health);
	else
		schedule(health);
}

static void check_done(void *userdata, const struct probe_answer *answer)
{
	struct health_check *check = userdata;
	struct health_node *node = check->node;
	bool good = !answer->error.code;

	if (!check->known || check->good != good)
		check->since = time(NULL);
	check->running = NULL;
	check->known = true;
	check->good = good;
	check->lost = answer->lost;
	if (good)
		check->rtt = answer->rtt;
	free(check->error);
	check->error = good ? NULL : xstrdup(answer->error.message);
	if (!--node->running)
		node_done(node);
}

static void address_probe(struct health_address *address)
{
	struct probe_target target = {.addr = address->addr};

	for (target.kind = 0; target.kind < PROBE_KINDS; target.kind++) {
		struct health_check *check = &address->checks[target.kind];

		target.port = check->node->health->port;
		check->running = probe_start(check->node->health->loop, &target, check_done, check);
		check->node->running++;
	}
}

static void node_probe(struct health_node *node)
{
	struct health_address *addresses = &node->addresses[0][0];

	node->wanted = false;
	node->due = uv_now(node->health->loop) + interval_ms(node->health);
	for (size_t i = 0; i < PLACES * FAMILIES; i++) {
		if (!addr_is_zero(&addresses[i].addr))
			address_probe(&addresses[i]);
	}
}

/* ── turns ── */

/* Of those that are not being probed. */
static struct health_node *next_node(const struct health *health)
{
	struct health_node *node, *next = NULL;

	for (node = health->nodes; node; node = node->hh.next) {
		if (!node->running && (!next || node->due < next->due))
			next = node;
	}
	return next;
}

/* The time that is set already is kept where it is sooner: nodes that change all the time must not put it off. */
static void schedule(struct health *health)
{
	uint64_t now = uv_now(health->loop), spacing = interval_ms(health) / (HASH_COUNT(health->nodes) ?: 1), delay;
	const struct health_node *next = next_node(health);

	if (!next || health->waiters)
		return;
	delay = spacing < SPACING_MS ? spacing : SPACING_MS;
	if (next->due > now + delay)
		delay = next->due - now;
	if (!uv_is_active((uv_handle_t *)&health->timer) || uv_timer_get_due_in(&health->timer) > delay)
		uv_timer_start(&health->timer, on_timer, delay, 0);
}

static void round_end(struct health *health)
{
	struct health_waiter *waiters = TAKE_PTR(health->waiters), *waiter, *next;
	struct health_node *node;

	for (node = health->nodes; node; node = node->hh.next)
		node->wanted = false;
	LL_FOREACH_SAFE(waiters, waiter, next)
	{
		waiter->done(waiter->userdata, health);
		free(waiter);
	}
	schedule(health);
}

/* In a round: as many nodes at once as may be, until none is left. */
static void advance(struct health *health)
{
	unsigned running = 0;
	struct health_node *node;

	for (node = health->nodes; node; node = node->hh.next)
		running += node->running > 0;
	for (node = health->nodes; node && running < PARALLEL_MAX; node = node->hh.next) {
		if (!node->wanted || node->running)
			continue;
		node_probe(node);
		running++;
	}
	if (!running)
		uv_timer_start(&health->timer, on_timer, 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct health *health = timer->data;
	struct health_node *node;

	if (health->waiters) {
		round_end(health);
		return;
	}
	node = next_node(health);
	if (node && node->due <= uv_now(health->loop))
		node_probe(node);
	schedule(health);
}

void health_probe(struct health *health, void (*done)(void *userdata, const struct health *health), void *userdata)
{
	struct health_waiter *waiter = xnew(struct health_waiter);
	bool first = !health->waiters;
	struct health_node *node;

	waiter->done = done;
	waiter->userdata = userdata;
	LL_PREPEND(health->waiters, waiter);
	if (!first)
		return;
	for (node = health->nodes; node; node = node->hh.next)
		node->wanted = true;
	uv_timer_start(&health->timer, on_timer, ROUND_MS, 0);
	advance(health);
}

/* ── nodes come, change and go ── */

static struct health_node *node_new(struct health *health, const char *name)
{
	struct health_node *node = xnew(struct health_node);
	struct health_address *addresses = &node->addresses[0][0];

	node->health = health;
	node->name = xstrdup(name);
	for (size_t i = 0; i < PLACES * FAMILIES; i++) {
		for (size_t kind = 0; kind < PROBE_KINDS; kind++)
			addresses[i].checks[kind].node = node;
	}
	HASH_ADD_KEYPTR(hh, health->nodes, node->name, strlen(node->name), node);
	return node;
}

static bool address_set(struct health_address *address, const struct addr *addr)
{
	if (addr_equal(&address->addr, addr))
		return false;
	for (size_t kind = 0; kind < PROBE_KINDS; kind++)
		check_reset(&address->checks[kind]);
	address->addr = *addr;
	return true;
}

void health_node_set(struct health *health, const struct node_info *info)
{
	struct health_node *node;
	bool changed = false;

	HASH_FIND_STR(health->nodes, info->name, node);
	if (!node)
		node = node_new(health, info->name);
	for (enum family family = 0; family < FAMILIES; family++) {
		changed |= address_set(&node->addresses[PLACE_HOST][family], &info->address[family]);
		changed |= address_set(&node->addresses[PLACE_ENDPOINT][family], &info->health[family]);
	}
	if (!changed)
		return;
	node->due = 0;
	node->probed = 0;
	node->wanted = health->waiters;
	if (health->waiters)
		advance(health);
	else
		schedule(health);
}

static void node_free(struct health_node *node)
{
	struct health_address *addresses = &node->addresses[0][0];

	for (size_t i = 0; i < PLACES * FAMILIES; i++)
		address_set(&addresses[i], &(struct addr){});
	HASH_DEL(node->health->nodes, node);
	free(node->name);
	free(node);
}

void health_node_remove(struct health *health, const char *name)
{
	struct health_node *node;

	HASH_FIND_STR(health->nodes, name, node);
	if (!node)
		return;
	node_free(node);
	if (health->waiters)
		advance(health);
}

/* ── the whole ── */

struct health *health_new(uv_loop_t *loop, const char *local, uint16_t port)
{
	struct health *health = xnew(struct health);

	health->loop = loop;
	health->local = xstrdup(local);
	health->port = port;
	uv_timer_init(loop, &health->timer);
	health->timer.data = health;
	return health;
}

static void timer_closed(uv_handle_t *handle)
{
	struct health *health = handle->data;

	free(health->local);
	free(health);
}

void health_free(struct health *health)
{
	struct health_waiter *waiter, *next;

	if (!health)
		return;
	while (health->nodes)
		node_free(health->nodes);
	LL_FOREACH_SAFE(health->waiters, waiter, next)
	{
		waiter->done(waiter->userdata, NULL);
		free(waiter);
	}
	uv_close((uv_handle_t *)&health->timer, timer_closed);
}
