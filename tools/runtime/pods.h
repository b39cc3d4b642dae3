/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods by their network namespace, which all containers of a pod share: the agent is asked, where one
 * answers, else the files of the container runtime.
 */
#ifndef PILUS_TOOLS_RUNTIME_PODS_H
#define PILUS_TOOLS_RUNTIME_PODS_H

#include <stdint.h>

#include "base/error.h"

struct pods;

/* NULL: no agent answers at the socket, and no container runtime has pods. */
struct pods *pods_new(const char *socket);
void pods_free(struct pods *pods);

/* "namespace/pod", or "-". An unknown namespace makes it ask again, once a second at most. */
const char *pods_name(struct pods *pods, uint32_t netns);

/* By "namespace/pod" or "pod". Returns 0, or an error with words. `pods` may be NULL. */
int pods_find(struct pods *pods, const char *name, uint32_t *ret_netns, struct error *error);

#endif
