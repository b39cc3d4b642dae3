/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers the HTTP probes of other nodes: GET /hello on one address, of the host or of another network namespace.
 */
#ifndef PILUS_AGENT_HEALTH_RESPONDER_H
#define PILUS_AGENT_HEALTH_RESPONDER_H

#include "base/addr.h"
#include "http/server.h"

/* netns_fd -1: the agent's own namespace. The address need not be there yet. http_server_free ends it. */
int responder_new(uv_loop_t *loop, int netns_fd, const struct addr *addr, uint16_t port, struct http_server **ret,
                  struct error *error);

#endif
