/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent of a node: puts its parts together, in the order in which they need each other, and takes them apart. What
 * the kernel has been told stays when the agent ends.
 */
#ifndef PILUS_AGENT_AGENT_H
#define PILUS_AGENT_AGENT_H

#include <time.h>

#include "agent/endpoint/endpoint.h"
#include "agent/flow_aging.h"
#include "agent/health/health.h"
#include "agent/health/target.h"
#include "agent/map_work.h"
#include "agent/metrics/requests.h"
#include "agent/node/node.h"
#include "agent/prefilter/prefilter.h"
#include "agent/service.h"
#include "agent/services/ends.h"
#include "agent/services/retraction.h"
#include "agent/services/services.h"
#include "agent/why/why.h"

/* Parts that are not made yet, or no more, are NULL. The folders of src/agent meet here and nowhere else. */
struct agent {
	const struct config *config;
	uv_loop_t *loop;
	uv_signal_t signals[2];
	struct service *service;
	struct http_server *http, *prometheus;
	struct request_times *request_times;
	struct netlink *netlink;
	struct underlay underlay;
	struct datapath *datapath;
	struct flow_aging *flow_aging;
	struct map_work *map_work;
	struct monitor *monitor;
	struct store *store;
	struct ipam *ipam;
	struct nodes *nodes;
	struct identities *identities;
	struct policies *policies;
	struct ipcache *ipcache;
	struct services *services; /* NULL also when it is off; so `ends` */
	struct ends *ends;
	struct retraction *retraction; /* NULL when they are not */
	struct endpoints *endpoints;
	struct why *why;
	struct collector *collector;
	struct health *health; /* NULL also when it is off */
	struct health_target *health_target;
	struct prefilter_keeper *prefilter;
	time_t started;
	uint64_t began;                       /* the same by clock_now */
	double bootstrap_seconds;             /* until it was ready */
	bool ipcache_filled, services_filled; /* their maps hold what the store says */
	bool ready;                           /* endpoints can be made */
	bool failed;                          /* `trouble` ends the agent */
	struct error trouble;                 /* why it is not ready; code 0: still starting */
};

/* Runs until SIGTERM or SIGINT (0), or until it cannot go on (−errno with words). */
int agent_run(const struct config *config, struct error *error);

/* Removes what outlives an agent: programs, maps, the overlay device. -EADDRINUSE while one is running. */
int agent_remove(const struct config *config, struct error *error);

#endif
