/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the kernel's network configuration, for the loop: a burst of them is one call, a moment after its first.
 */
#ifndef PILUS_AGENT_NODE_KERNEL_WATCH_H
#define PILUS_AGENT_NODE_KERNEL_WATCH_H

#include <uv.h>

#include "net/route.h"

struct kernel_watch;

int kernel_watch_new(uv_loop_t *loop, void (*changed)(void *userdata, const struct netlink_changes *changes),
                     void *userdata, struct kernel_watch **ret, struct error *error);
void kernel_watch_free(struct kernel_watch *watch);

#endif
