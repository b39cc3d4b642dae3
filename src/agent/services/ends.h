/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to a backend that is gone: sockets that were told it as a service's end now, so that their processes
 * connect anew and get another. Whoever is connected to its address without a service is left alone.
 */
#ifndef PILUS_AGENT_SERVICES_ENDS_H
#define PILUS_AGENT_SERVICES_ENDS_H

#include <uv.h>

#include "datapath/service_map.h"

struct ends;

/* Tells the paths of the namespaces of this node's pods, one by one; called on the loop. */
typedef void (*ends_namespaces)(void *userdata, void (*each)(void *context, const char *netns), void *context);

struct ends *ends_new(uv_loop_t *loop, const struct maps *maps, ends_namespaces namespaces, void *userdata);
void ends_free(struct ends *ends); /* what is under way is finished */

/* Soon, and together with others that go at the same time. `backend` is its id. */
void ends_add(struct ends *ends, uint32_t backend);

#endif
