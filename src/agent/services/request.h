/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frontends by hand: from a request through the store to the maps.
 */
#ifndef PILUS_AGENT_SERVICES_REQUEST_H
#define PILUS_AGENT_SERVICES_REQUEST_H

#include "agent/services/internal.h"

/* "frontends/TCP/10.0.0.1/80"; the caller frees it. */
char *frontend_store_key(const struct service_spec *spec);

/* Those on their way are forgotten. */
void requests_free(struct services *services);

#endif
