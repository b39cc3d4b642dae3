/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the API's requests took, by what was asked and how it was answered. A CNI ADD is a PUT of an endpoint.
 */
#ifndef PILUS_AGENT_METRICS_REQUESTS_H
#define PILUS_AGENT_METRICS_REQUESTS_H

#include "agent/metrics/exposition.h"
#include "http/server.h"

struct request_times;

struct request_times *request_times_new(void);
void request_times_free(struct request_times *times);

/* An http_observer; the userdata is the struct request_times. */
void request_times_add(void *userdata, const struct http_route *route, unsigned status, uint64_t nanoseconds);

void request_times_write(const struct request_times *times, struct exposition *out);

#endif
