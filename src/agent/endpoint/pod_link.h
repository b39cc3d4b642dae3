/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire between a pod and its node: a veth pair, `plx<id>` on the host and the CNI interface born inside the pod.
 *
 * Pod side: host addresses (/32, /128), everything through the link-local gateways 169.254.1.1 and fe80::1, which are
 * permanent neighbours with the MAC of the host side. Host side: a route and a permanent neighbour per address. So
 * nobody ever asks for a MAC, and nothing that is no packet of the pod travels the wire.
 */
#ifndef PILUS_AGENT_ENDPOINT_POD_LINK_H
#define PILUS_AGENT_ENDPOINT_POD_LINK_H

#include <net/if.h>

#include "agent/config/config.h"
#include "net/netlink.h"

#define POD_DEVICE_PREFIX "plx"
#define POD_GATEWAY_V4    "169.254.1.1"
#define POD_GATEWAY_V6    "fe80::1"

struct pod_link {
	char device[IFNAMSIZ]; /* host side */
	uint32_t ifindex;      /* of it; 0: not made */
	uint32_t mtu;
	uint8_t mac[6]; /* pod side */
	uint8_t host_mac[6];
	struct addr address[FAMILIES]; /* the pod's; zero: none */
};

/* Where the pod is; borrowed. */
struct pod_place {
	const char *netns;
	const char *interface;
};

/* Names the device and derives both MACs (locally administered) from container and interface: the same again later. */
void pod_link_name(struct pod_link *link, uint16_t id, const char *container, const char *interface);

/* Can a link be made there? -EINVAL: no such namespace; -EEXIST: the interface's name is taken. */
int pod_place_check(const struct pod_place *place, struct error *error);

/* Makes the pair, both ends down, and fills ifindex. */
int pod_link_make(struct pod_link *link, const struct pod_place *place, struct netlink *host, struct error *error);

/* Sees to it that the pod's interface takes IPv6; fails where the pod's namespace will not have it. */
int pod_link_enable_ipv6(const struct pod_place *place, struct error *error);

/* Host side: settings, up, routes (preferred source: the router's address, zero: none) and neighbours. */
int pod_link_start_host(const struct pod_link *link, const struct addr router[static FAMILIES], struct netlink *host,
                        struct error *error);

/* Pod side: lo and the interface up, addresses, gateways and default routes. */
int pod_link_start_pod(const struct pod_link *link, const struct pod_place *place, struct error *error);

/* Sets both ends' MTU, and link->mtu once that is done. -ENODEV when the pod's interface is not the one that was made.
 */
int pod_link_set_mtu(struct pod_link *link, const struct pod_place *place, struct netlink *host, uint32_t mtu,
                     struct error *error);

/* 0 when the host side is there and is this link's, -ENODEV when not. Fills link->ifindex. */
int pod_link_find(struct pod_link *link, struct netlink *host);

/* Says what of the wire differs from what was made: -EEXIST with words. */
int pod_link_check(const struct pod_link *link, const struct pod_place *place, struct netlink *host,
                   struct error *error);

/* Both ends and all that hangs on them; none there is success. */
int pod_link_delete(const struct pod_link *link, struct netlink *host, struct error *error);

#endif
