/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the nodes' health: the inside of health.h.
 */
#ifndef PILUS_AGENT_HEALTH_TABLE_H
#define PILUS_AGENT_HEALTH_TABLE_H

#include <time.h>
#include <uthash.h>

#include "agent/health/health.h"
#include "agent/health/probe.h"

enum health_place { PLACE_HOST, PLACE_ENDPOINT, PLACES };

/* One kind of probe of one address. */
struct health_check {
	struct health_node *node;
	struct probe *running;
	bool known, good;
	time_t since; /* it is as it is */
	uint64_t rtt;
	unsigned lost;
	char *error; /* NULL: good */
};

struct health_address {
	struct addr addr; /* zero: none */
	struct health_check checks[PROBE_KINDS];
};

struct health_node {
	struct health *health;
	char *name;
	struct health_address addresses[PLACES][FAMILIES];
	time_t probed;     /* all that it has; 0: not yet */
	uint64_t due;      /* uv_now of its next probes; 0: they were never begun */
	unsigned running;  /* probes */
	bool wanted;       /* in the round that somebody waits for, and not begun yet */
	UT_hash_handle hh; /* by name */
};

struct health {
	uv_loop_t *loop;
	char *local;
	uint16_t port;
	struct health_node *nodes;
	uv_timer_t timer; /* the next node's turn; in a round, the end of patience */
	struct health_waiter *waiters;
};

extern const char *const health_place_names[PLACES];
extern const char *const health_probe_names[PROBE_KINDS];

/* Has every probe of an address, of a place, of the node been answered? A place without addresses has. */
bool health_address_good(const struct health_address *address);
bool health_place_good(const struct health_node *node, enum health_place place);
bool health_node_good(const struct health_node *node);

#endif
