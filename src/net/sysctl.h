/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings below /proc/sys; those of the network are of the namespace that the calling thread is in (netns_call).
 */
#ifndef PILUS_NET_SYSCTL_H
#define PILUS_NET_SYSCTL_H

#include "base/error.h"

/* sysctl_set("net/ipv4/ip_forward", "1", error): does not write what is so already, where /proc/sys is read-only. */
int sysctl_set(const char *name, const char *value, struct error *error);

#endif
