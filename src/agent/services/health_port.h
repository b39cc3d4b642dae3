/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service's health check node port: a load balancer asks each node whether it has backends of its own, and leaves out
 * those that have not (200 or 503, and how many, as kube-proxy says it).
 */
#ifndef PILUS_AGENT_SERVICES_HEALTH_PORT_H
#define PILUS_AGENT_SERVICES_HEALTH_PORT_H

#include "agent/services/internal.h"

struct health_port;

/* Listens, or no more, as the record's spec says now. What cannot be is the record's trouble. Not from a handler. */
void health_port_update(struct services *services, struct record *record);
void health_port_free(struct health_port *health);

#endif
