/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's network configuration in one network namespace, by rtnetlink (libnl). A `struct netlink` is one socket
 * bound to the namespace it was opened in, and stays there whatever the process does later.
 *
 * All calls block for one request and its answer (microseconds). They return 0 or −errno and, where words help, fill
 * `error`.
 */
#ifndef PILUS_NET_NETLINK_H
#define PILUS_NET_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/error.h"

struct netlink;

/* netns_path: "/run/netns/x", "/proc/PID/ns/net", or NULL for the caller's. The caller frees *ret. */
int netlink_open(const char *netns_path, struct netlink **ret, struct error *error);

/* The same for requests about sockets, which sockets.h makes. */
int netlink_open_sockets(const char *netns_path, struct netlink **ret, struct error *error);

void netlink_free(struct netlink *netlink);
DEFINE_CLEANUP(struct netlink *, netlink_free)
#define _cleanup_netlink_ _cleanup_(netlink_freep)

#endif
