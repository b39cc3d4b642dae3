/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the others probe of this node: a responder on the host's addresses, and one on the health endpoint's. The health
 * endpoint is wired as a pod is, in a network namespace without any process (state-dir/health), and has the identity
 * `health`; like all endpoints it outlives the agent. Whatever is missing of it is made again.
 */
#ifndef PILUS_AGENT_HEALTH_TARGET_H
#define PILUS_AGENT_HEALTH_TARGET_H

#include "agent/endpoint/endpoint.h"

struct health_target;

/* Borrowed for its lifetime. */
struct health_target_services {
	uv_loop_t *loop;
	const struct config *config;
	struct endpoints *endpoints; /* restored */
	struct addr host[FAMILIES];
};

/*
 * `changed` tells the health endpoint's addresses, from the loop, whenever they are others; zero: none. Where the
 * configuration has no health endpoint, one that is there is removed; where it has no health checking at all, nothing
 * listens either.
 */
struct health_target *health_target_new(const struct health_target_services *services,
                                        void (*changed)(void *userdata, const struct addr addresses[FAMILIES]),
                                        void *userdata);
void health_target_free(struct health_target *target); /* before the endpoints; takes nothing down */

#endif
