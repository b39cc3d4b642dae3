/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/flow_table.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/memory.h"
#include "datapath/walk.h"

/* One that no packet was counted to is being made. */
static uint64_t flow_last_seen(const struct flow *flow)
{
	uint64_t a = flow->traffic[0].last_seen, b = flow->traffic[1].last_seen;
	uint64_t last = a > b ? a : b;

	return last ? last : clock_now();
}

static uint32_t flow_timeout(const struct flow_key *key, const struct flow *flow, const struct flow_timeouts *timeouts)
{
	if (key->protocol != PROTOCOL_TCP)
		return timeouts->other;
	switch (flow_state(key, flow)) {
	case FLOW_OPENING:
		return timeouts->tcp_opening;
	case FLOW_CLOSING:
		return timeouts->tcp_closing;
	default:
		return timeouts->tcp;
	}
}

uint64_t flow_expires(const struct flow_key *key, const struct flow *flow, const struct flow_timeouts *timeouts)
{
	return flow_last_seen(flow) + flow_timeout(key, flow, timeouts) * NS_PER_SECOND;
}

struct flow_visit {
	int (*each)(const struct flow_key *key, const struct flow *flow, void *userdata);
	void *userdata;
};

static int visit_flow(const void *key, const void *value, void *userdata)
{
	const struct flow_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int flow_table_each(const struct maps *maps,
                    int (*each)(const struct flow_key *key, const struct flow *flow, void *userdata), void *userdata)
{
	struct flow_visit visit = {each, userdata};

	return map_walk(maps->flows, sizeof(struct flow_key), sizeof(struct flow), visit_flow, &visit);
}

static bool endpoint_has(const struct maps *maps, uint32_t id, const struct addr *addr)
{
	struct endpoint endpoint;

	return !bpf_map_lookup_elem(maps->endpoints, &id, &endpoint) && endpoint.ifindex &&
	       (addr_equal(&endpoint.v4, addr) || addr_equal(&endpoint.v6, addr));
}

/* Did an end of it belong to an endpoint that is gone? */
static bool is_orphan(const struct maps *maps, const struct flow_key *key, const struct flow *flow)
{
	for (int i = 0; i < 2; i++) {
		const struct flow_decision *decision = &flow->decision[i];

		if ((decision->origin == FLOW_FROM_ENDPOINT && !endpoint_has(maps, decision->source, &key->addr[i])) ||
		    (decision->action == FLOW_TO_ENDPOINT && !endpoint_has(maps, decision->target, &key->addr[!i])))
			return true;
	}
	return false;
}

/* Keys are collected first: deleting inside a walk of buckets would upset it. */
struct condemned {
	const struct maps *maps;
	const struct flow_timeouts *timeouts; /* NULL: all flows */
	uint64_t now;
	struct flow_key *keys;
	uint32_t count, room, kept;
};

static bool is_kept(const struct condemned *condemned, const struct flow_key *key, const struct flow *flow)
{
	return condemned->timeouts && flow_expires(key, flow, condemned->timeouts) > condemned->now &&
	       !is_orphan(condemned->maps, key, flow);
}

static int condemn(const struct flow_key *key, const struct flow *flow, void *userdata)
{
	struct condemned *condemned = userdata;

	if (is_kept(condemned, key, flow)) {
		condemned->kept++;
		return 0;
	}
	if (condemned->count == condemned->room) {
		condemned->room = condemned->room ? condemned->room * 2 : 256;
		condemned->keys = xrealloc(condemned->keys, condemned->room * sizeof(*condemned->keys));
	}
	condemned->keys[condemned->count++] = *key;
	return 0;
}

/* A packet may have come since the walk. */
static bool has_come_back(const struct condemned *condemned, const struct flow_key *key)
{
	struct flow flow;

	return !bpf_map_lookup_elem(condemned->maps->flows, key, &flow) && is_kept(condemned, key, &flow);
}

static int remove_condemned(const struct condemned *condemned, uint32_t *ret_removed)
{
	uint32_t removed = 0;

	for (uint32_t i = 0; i < condemned->count; i++) {
		const struct flow_key *key = &condemned->keys[i];
		int r = has_come_back(condemned, key) ? -ENOENT : bpf_map_delete_elem(condemned->maps->flows, key);

		if (r && r != -ENOENT)
			return r;
		removed += !r;
	}
	if (ret_removed)
		*ret_removed = removed;
	return 0;
}

int flow_table_age(const struct maps *maps, const struct flow_timeouts *timeouts, uint64_t now, uint32_t *ret_removed,
                   uint32_t *ret_kept)
{
	struct condemned condemned = {.maps = maps, .timeouts = timeouts, .now = now};
	int r = flow_table_each(maps, condemn, &condemned);

	if (!r)
		r = remove_condemned(&condemned, ret_removed);
	if (!r && ret_kept)
		*ret_kept = condemned.kept;
	free(condemned.keys);
	return r;
}

int flow_table_flush(const struct maps *maps, uint32_t *ret_removed)
{
	return flow_table_age(maps, NULL, 0, ret_removed, NULL);
}
