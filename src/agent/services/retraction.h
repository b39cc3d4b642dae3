/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node does of services that serves none (kube-proxy-replacement is off): it takes back the host ports of its
 * pods that an earlier life of its agent told the others of, who would go on to send there.
 */
#ifndef PILUS_AGENT_SERVICES_RETRACTION_H
#define PILUS_AGENT_SERVICES_RETRACTION_H

#include "store/store.h"

struct retraction;

struct retraction *retraction_new(uv_loop_t *loop, struct store *store, const char *node);
void retraction_free(struct retraction *retraction); /* before the store is closed; NULL: nothing */

#endif
