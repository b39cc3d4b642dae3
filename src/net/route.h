/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes and neighbours.
 */
#ifndef PILUS_NET_ROUTE_H
#define PILUS_NET_ROUTE_H

#include "net/netlink.h"

/* Without gateway and device a route leads nowhere: who sends there is told that it is unreachable. */
struct route {
	struct prefix destination; /* bits 0 (IPv6) or 96 (IPv4): the default route */
	struct addr gateway;       /* zero: on the link */
	struct addr source;        /* preferred; zero: the kernel's choice */
	uint32_t ifindex;
	uint32_t mtu; /* 0: the device's */
	bool onlink;  /* the gateway is reachable though no route says so */
	bool ours;    /* of those found: made by route_set */
};

/* Adds, or replaces the route to the same destination. */
int route_set(struct netlink *netlink, const struct route *route, struct error *error);

/* Of those made by route_set, by whichever gateway and device where none is said. No such route is success. */
int route_delete(struct netlink *netlink, const struct route *route, struct error *error);

/* Which way the kernel sends packets for `destination`: fills gateway (zero: on the link), source and ifindex. */
int route_lookup(struct netlink *netlink, const struct addr *destination, struct route *ret, struct error *error);

/* Calls `each` for every unicast or unreachable route of the main table, once per next hop; a non-zero return ends the
 * walk and is returned. */
int route_each(struct netlink *netlink, int (*each)(const struct route *route, void *userdata), void *userdata);

/* A permanent entry: added or replaced. */
int neighbour_set(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, const uint8_t mac[static 6],
                  struct error *error);

/* -ENOENT while the kernel has no valid (reachable, stale, delay, probe, permanent) entry. */
int neighbour_get(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, uint8_t ret_mac[static 6]);

/* Asks the kernel to resolve the address (NTF_USE); the answer comes as a neighbour event. */
int neighbour_probe(struct netlink *netlink, uint32_t ifindex, const struct addr *addr);

/*
 * Changes of links, routes and neighbours of the caller's namespace, as they come: a non-blocking socket for an event
 * loop. netlink_watch_read reads what has come and says which kinds changed, none when nothing came; readers ask the
 * kernel for the new state, so that an overrun (all kinds are said to have changed) costs nothing but a look.
 */
struct netlink_watch;
struct netlink_changes {
	bool links, addresses, routes, neighbours;
};

int netlink_watch_open(struct netlink_watch **ret, struct error *error);
int netlink_watch_fd(const struct netlink_watch *watch);
int netlink_watch_read(struct netlink_watch *watch, struct netlink_changes *ret);
void netlink_watch_free(struct netlink_watch *watch);

#endif
