/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's API (docs/api.md): which path is answered by what. The userdata of every handler is the struct agent.
 */
#ifndef PILUS_AGENT_API_H
#define PILUS_AGENT_API_H

#include "agent/agent.h"
#include "http/server.h"

extern const struct http_route api_routes[];
extern const size_t api_route_count;

/* What Prometheus may ask for on its own socket. */
extern const struct http_route prometheus_routes[1];

/* GET /v1/status and /v1/maps, from facts of all maps. New references. */
json_t *agent_status(const struct agent *agent, const struct map_facts facts[static MAPS_COUNT]);
json_t *agent_maps(const struct map_facts facts[static MAPS_COUNT]);

/* GET /v1/metrics: the text of metrics/exposition.h, which the caller frees. */
int agent_metrics(const struct agent *agent, const struct map_facts facts[static MAPS_COUNT], char **ret);

#endif
