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

/* GET /v1/status, and the maps' part of it. New references. */
json_t *agent_status(const struct agent *agent);
json_t *agent_maps(const struct agent *agent);

#endif
