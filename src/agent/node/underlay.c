/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host offers to the overlay: part of agent/node.h. Finds the uplinks and this node's addresses, and makes the
 * overlay device.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/node/node.h"
#include "agent/node/underlay_mtu.h"
#include "base/log.h"
#include "net/link.h"
#include "net/route.h"
#include "net/sysctl.h"

struct search {
	struct netlink *netlink;
	struct underlay *underlay;
	const struct addr *wanted;
	uint32_t overlay_ifindex; /* never an uplink; 0: not there */
	uint32_t found;
};

static int uplink_add(struct underlay *underlay, const struct link *link)
{
	for (size_t i = 0; i < underlay->uplink_count; i++) {
		if (underlay->uplinks[i].ifindex == link->ifindex)
			return 0;
	}
	if (underlay->uplink_count == CONFIG_UPLINKS_MAX)
		return 0;
	memcpy(underlay->uplinks[underlay->uplink_count].name, link->name, sizeof(link->name));
	underlay->uplinks[underlay->uplink_count++].ifindex = link->ifindex;
	return 0;
}

static int uplinks_configured(const struct config *config, struct netlink *netlink, struct underlay *underlay,
                              struct error *error)
{
	for (char *const *name = config->uplinks; *name; name++) {
		struct link link;
		int result = link_get(netlink, *name, &link, error);

		if (result < 0) {
			error_prefix(error, "uplinks");
			return result;
		}
		uplink_add(underlay, &link);
	}
	return 0;
}

static int visit_route(const struct route *route, void *userdata)
{
	struct search *search = userdata;
	struct link link;

	if (route->destination.bits != (prefix_is_v4(&route->destination) ? ADDR_V4_PREFIX_BITS : 0) ||
	    route->ifindex == search->overlay_ifindex ||
	    link_get_by_index(search->netlink, route->ifindex, &link, NULL) < 0)
		return 0;
	return uplink_add(search->underlay, &link);
}

static int visit_wanted(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata)
{
	struct search *search = userdata;

	if (!addr_equal(addr, search->wanted))
		return 0;
	search->found = ifindex;
	return 1;
}

/* The device that has the address; 0: none. */
static uint32_t device_with(struct netlink *netlink, const struct addr *addr)
{
	struct search search = {.wanted = addr};

	link_each_address(netlink, 0, visit_wanted, &search);
	return search.found;
}

static int uplinks_with_addresses(const struct config *config, struct netlink *netlink, struct underlay *underlay)
{
	for (enum family family = 0; family < FAMILIES; family++) {
		struct link link;

		if (!addr_is_zero(&config->node_address[family]) &&
		    !link_get_by_index(netlink, device_with(netlink, &config->node_address[family]), &link, NULL))
			uplink_add(underlay, &link);
	}
	return 0;
}

static int find_uplinks(const struct config *config, struct netlink *netlink, struct underlay *underlay,
                        struct error *error)
{
	struct search search = {.netlink = netlink, .underlay = underlay};
	struct link overlay;
	int result;

	if (config->uplinks[0])
		return uplinks_configured(config, netlink, underlay, error);
	if (!link_get(netlink, OVERLAY_DEVICE, &overlay, NULL))
		search.overlay_ifindex = overlay.ifindex;
	result = route_each(netlink, visit_route, &search);
	if (result < 0)
		return error_set_errno(error, result, "cannot read the routes");
	if (!underlay->uplink_count)
		uplinks_with_addresses(config, netlink, underlay);
	if (!underlay->uplink_count)
		return error_set(error, -ENODEV,
		                 "no uplink found: there is no default route; set uplinks to the devices that lead to "
		                 "the other nodes");
	return 0;
}

bool underlay_can_use(const struct addr *addr)
{
	if (addr_is_v4(addr))
		return addr->byte[12] != 127 && !(addr->byte[12] == 169 && addr->byte[13] == 254);
	return !(addr->byte[0] == 0xfe && (addr->byte[1] & 0xc0) == 0x80);
}

static int visit_address(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata)
{
	struct underlay *underlay = userdata;
	struct addr *own = &underlay->address[addr_is_v4(addr) ? FAMILY_V4 : FAMILY_V6];

	if (addr_is_zero(own) && underlay_can_use(addr))
		*own = *addr;
	return 0;
}

static int find_addresses(const struct config *config, struct netlink *netlink, struct underlay *underlay,
                          struct error *error)
{
	char text[ADDR_TEXT_MAX];
	int result;

	for (enum family family = 0; family < FAMILIES; family++) {
		const struct addr *addr = &config->node_address[family];

		if (!addr_is_zero(addr) && !device_with(netlink, addr))
			return error_set(error, -EADDRNOTAVAIL, "node-addresses: no device of this host has %s",
			                 addr_format(addr, text));
		underlay->address[family] = *addr;
	}
	result = link_each_address(netlink, underlay->uplinks[0].ifindex, visit_address, underlay);
	if (result < 0)
		return error_set_errno(error, result, "cannot read the addresses of %s", underlay->uplinks[0].name);
	if (addr_is_zero(&underlay->address[FAMILY_V4]))
		return error_set(error, -EADDRNOTAVAIL,
		                 "the uplink %s has no IPv4 address, which the overlay runs over: give it one, or set "
		                 "node-addresses",
		                 underlay->uplinks[0].name);
	return 0;
}

/* Adopts a device of an earlier life when it is as we would make it; else makes it anew. */
static int make_overlay(const struct config *config, struct netlink *netlink, uint32_t mtu, struct link *ret,
                        struct error *error)
{
	struct link link;
	int result = link_get(netlink, OVERLAY_DEVICE, &link, error);

	if (!result && link.vxlan_port == config->vxlan_port) {
		*ret = link;
		return link_set_mtu(netlink, link.ifindex, mtu, error);
	}
	if (!result && strcmp(link.kind, "vxlan"))
		return error_set(error, -EEXIST, "there is a device %s that is no vxlan device: remove it",
		                 OVERLAY_DEVICE);
	if (!result)
		result = link_delete(netlink, link.ifindex, error);
	if (result < 0 && result != -ENODEV)
		return result;
	result = link_add_vxlan(netlink, OVERLAY_DEVICE, config->vxlan_port, mtu, error);
	if (result == -EEXIST)
		return error_set(error, result,
		                 "another vxlan device uses UDP port %u: remove it, or set vxlan-port to another",
		                 config->vxlan_port);
	return result < 0 ? result : link_get(netlink, OVERLAY_DEVICE, ret, error);
}

/* Native routing has no use for what an earlier life has made. Another's device of this name is left alone. */
static int remove_overlay(struct netlink *netlink, struct error *error)
{
	struct link link;

	if (link_get(netlink, OVERLAY_DEVICE, &link, NULL) || !link.vxlan_port)
		return 0;
	return link_delete(netlink, link.ifindex, error);
}

struct setting {
	const char *name, *value;
};

static int set_sysctls(const struct setting *settings, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		int result;

		if (!strncmp(settings[i].name, "net/ipv6/", 9) && access("/proc/sys/net/ipv6", F_OK))
			continue; /* the kernel has none */
		result = sysctl_set(settings[i].name, settings[i].value, error);
		if (result < 0)
			return result;
	}
	return 0;
}

/* The host forwards for its pods; with that, IPv6 no longer takes addresses from router advertisements unless accept_ra
 * is 2. */
static int start_forwarding(struct error *error)
{
	static const struct setting settings[] = {
		{"net/ipv4/ip_forward", "1"},
		{"net/ipv6/conf/all/forwarding", "1"},
	};

	return set_sysctls(settings, sizeof(settings) / sizeof(*settings), error);
}

/* The device has nobody to discover, and what comes out of it is checked by the programs. */
static int start_overlay(struct netlink *netlink, uint32_t ifindex, struct error *error)
{
	static const struct setting settings[] = {
		{"net/ipv4/conf/" OVERLAY_DEVICE "/rp_filter", "0"},
		{"net/ipv6/conf/" OVERLAY_DEVICE "/disable_ipv6", "0"},
		{"net/ipv6/conf/" OVERLAY_DEVICE "/addr_gen_mode", "1"}, /* no link-local address */
		{"net/ipv6/conf/" OVERLAY_DEVICE "/accept_ra", "0"},
	};
	int result = set_sysctls(settings, sizeof(settings) / sizeof(*settings), error);

	if (!result)
		result = link_set_noarp(netlink, ifindex, error);
	return result < 0 ? result : link_set_up(netlink, ifindex, error);
}

int underlay_prepare(const struct config *config, struct netlink *netlink, struct underlay *ret, struct error *error)
{
	struct underlay underlay = {};
	struct link overlay = {};
	int result = find_uplinks(config, netlink, &underlay, error);

	if (!result)
		result = find_addresses(config, netlink, &underlay, error);
	if (!result)
		result = underlay_find_mtu(config, netlink, &underlay, error);
	if (!result && config->routing_mode == ROUTING_NATIVE)
		result = remove_overlay(netlink, error);
	else if (!result)
		result = make_overlay(config, netlink, underlay.pod_mtu, &overlay, error);
	if (!result)
		result = start_forwarding(error);
	if (!result && overlay.ifindex)
		result = start_overlay(netlink, overlay.ifindex, error);
	if (result < 0)
		return result;
	underlay.overlay_ifindex = overlay.ifindex;
	*ret = underlay;
	return 0;
}
