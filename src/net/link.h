/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network devices: veth pairs for pods, the overlay's vxlan device, and what others have.
 */
#ifndef PILUS_NET_LINK_H
#define PILUS_NET_LINK_H

#include <net/if.h>

#include "net/netlink.h"

struct link {
	uint32_t ifindex;
	uint32_t peer_ifindex; /* of a veth, in its own namespace; 0: none */
	uint32_t mtu;
	uint8_t mac[6];
	bool up;
	char name[IFNAMSIZ];
	char kind[IFNAMSIZ]; /* "veth", "vxlan", …; empty for hardware */
	uint16_t vxlan_port; /* of a vxlan device in collect-metadata mode; 0: none */
};

/* -EINVAL with words when the kernel would not take the name. */
int link_check_name(const char *name, struct error *error);

/* -ENODEV when there is none. */
int link_get(struct netlink *netlink, const char *name, struct link *ret, struct error *error);
int link_get_by_index(struct netlink *netlink, uint32_t ifindex, struct link *ret, struct error *error);

/* Calls `each` for every device of the namespace; a non-zero return ends the walk and is returned. */
int link_each(struct netlink *netlink, int (*each)(const struct link *link, void *userdata), void *userdata);

struct veth {
	const char *name;
	const char *peer_name;
	int peer_netns_fd; /* where the peer is born; -1: beside its other end */
	uint32_t mtu;      /* of both ends */
	uint8_t mac[6];
	uint8_t peer_mac[6];
};

/* Both ends appear at once, down. -EEXIST when either name is taken. */
int link_add_veth(struct netlink *netlink, const struct veth *veth, struct error *error);

/* A vxlan device in collect-metadata mode: one for all peers, the tunnel key comes with each packet. Also -EEXIST. */
int link_add_vxlan(struct netlink *netlink, const char *name, uint16_t port, uint32_t mtu, struct error *error);

int link_set_up(struct netlink *netlink, uint32_t ifindex, struct error *error);
int link_set_mtu(struct netlink *netlink, uint32_t ifindex, uint32_t mtu, struct error *error);

/* No neighbour resolution on the device: frames carry its own MAC as destination. */
int link_set_noarp(struct netlink *netlink, uint32_t ifindex, struct error *error);

/* No such device is success. */
int link_delete(struct netlink *netlink, uint32_t ifindex, struct error *error);

/* Adds an address with its on-link prefix (`prefix_bits` as in struct prefix: 96 + n for IPv4); IPv6 without duplicate
 * detection. There already is success. */
int link_add_address(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits,
                     struct error *error);

/* No such address is success. */
int link_delete_address(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits,
                        struct error *error);

/* Calls `each` for every address of the device (0: of all devices). */
int link_each_address(struct netlink *netlink, uint32_t ifindex,
                      int (*each)(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata),
                      void *userdata);

#endif
