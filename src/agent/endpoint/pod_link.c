/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making and undoing the wire of a pod.
 */
#include "agent/endpoint/pod_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/memory.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/route.h"
#include "net/sysctl.h"

static const char *const gateway_text[FAMILIES] = {POD_GATEWAY_V4, POD_GATEWAY_V6};

static struct addr gateway_of(enum family family)
{
	struct addr gateway = {};

	addr_parse(gateway_text[family], &gateway);
	return gateway;
}

static void derive_mac(uint8_t mac[static 6], const char *name, uint64_t salt)
{
	uint64_t hash = XXH3_64bits_withSeed(name, strlen(name), salt);

	memcpy(mac, &hash, 6);
	mac[0] = (mac[0] & 0xfc) | 0x02; /* unicast, locally administered */
}

void pod_link_name(struct pod_link *link, uint16_t id, const char *container, const char *interface)
{
	_cleanup_free_ char *name = xasprintf("%s/%s", container, interface);

	snprintf(link->device, sizeof(link->device), POD_DEVICE_PREFIX "%u", id);
	derive_mac(link->mac, name, 1);
	derive_mac(link->host_mac, name, 2);
}

static int open_pod(const struct pod_place *place, int *ret_fd, struct netlink **ret_netlink, struct error *error)
{
	_cleanup_close_ int fd = -1;
	char path[32];
	int result;

	result = netns_open(place->netns, &fd, error);
	if (result)
		return result;
	/* By descriptor: the path may have come to mean another namespace. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result = netlink_open(path, ret_netlink, error);
	if (result)
		return result;
	if (ret_fd)
		*ret_fd = TAKE_FD(fd);
	return 0;
}

int pod_place_check(const struct pod_place *place, struct error *error)
{
	_cleanup_netlink_ struct netlink *pod = NULL;
	struct error reason = {};
	struct link link;
	int result;

	if (open_pod(place, NULL, &pod, &reason))
		return error_set(error, -EINVAL, "\"netns\": %s", reason.message);
	result = link_get(pod, place->interface, &link, error);
	if (!result)
		return error_set(error, -EEXIST, "interface %s is there already in %s: remove it, or name another",
		                 place->interface, place->netns);
	return result == -ENODEV ? 0 : result;
}

int pod_link_make(struct pod_link *link, const struct pod_place *place, struct netlink *host, struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct veth veth = {.name = link->device, .peer_name = place->interface, .mtu = link->mtu};
	struct link made;
	int result;

	result = netns_open(place->netns, &fd, error);
	if (result)
		return result;
	veth.peer_netns_fd = fd;
	memcpy(veth.mac, link->host_mac, sizeof(veth.mac));
	memcpy(veth.peer_mac, link->mac, sizeof(veth.peer_mac));
	result = link_add_veth(host, &veth, error);
	if (!result)
		result = link_get(host, link->device, &made, error);
	if (result)
		return result;
	link->ifindex = made.ifindex;
	return 0;
}

/* family: "ipv4" or "ipv6" */
static int set_device(const char *family, const char *device, const char *setting, const char *value,
                      struct error *error)
{
	_cleanup_free_ char *name = xasprintf("net/%s/conf/%s/%s", family, device, setting);

	return sysctl_set(name, value, error);
}

/* What a function called in the pod's namespace needs. */
struct pod_call {
	const struct pod_place *place;
	struct error *error;
};

static int enable_ipv6(void *userdata)
{
	const struct pod_call *call = userdata;

	return set_device("ipv6", call->place->interface, "disable_ipv6", "0", call->error);
}

int pod_link_enable_ipv6(const struct pod_place *place, struct error *error)
{
	struct pod_call call = {.place = place, .error = error};
	_cleanup_close_ int fd = -1;
	int result;

	result = netns_open(place->netns, &fd, error);
	return result ? result : netns_call(fd, enable_ipv6, &call, error);
}

/*
 * The host side has no address and takes part in nothing: no link-local address, no duplicate detection. Its packets
 * come from one pod, whose addresses the programs verify, so reverse path filtering would only cost.
 */
static int configure_host(const struct pod_link *link, struct error *error)
{
	int result;

	result = set_device("ipv4", link->device, "rp_filter", "0", error);
	if (result || access("/proc/sys/net/ipv6", F_OK)) /* a kernel without IPv6 has nothing to quieten */
		return result;
	result = set_device("ipv6", link->device, "addr_gen_mode", "1", error);
	if (!result && !addr_is_zero(&link->address[FAMILY_V6]))
		result = set_device("ipv6", link->device, "disable_ipv6", "0", error);
	return result;
}

static int start_host_family(const struct pod_link *link, enum family family, const struct addr *router,
                             struct netlink *host, struct error *error)
{
	struct route route = {
		.destination = prefix_of_addr(&link->address[family]), .source = *router, .ifindex = link->ifindex};
	int result;

	result = neighbour_set(host, link->ifindex, &link->address[family], link->mac, error);
	return result ? result : route_set(host, &route, error);
}

int pod_link_start_host(const struct pod_link *link, const struct addr router[static FAMILIES], struct netlink *host,
                        struct error *error)
{
	int result;

	result = configure_host(link, error);
	if (!result)
		result = link_set_up(host, link->ifindex, error);
	for (enum family family = 0; !result && family < FAMILIES; family++) {
		if (!addr_is_zero(&link->address[family]))
			result = start_host_family(link, family, &router[family], host, error);
	}
	return result;
}

/* Router solicitations and link-local addresses have nobody to talk to on this wire. */
static int quieten_ipv6(void *userdata)
{
	const struct pod_call *call = userdata;
	int result;

	result = set_device("ipv6", call->place->interface, "addr_gen_mode", "1", call->error);
	return result ? result : set_device("ipv6", call->place->interface, "accept_ra", "0", call->error);
}

static int start_pod_family(const struct pod_link *link, enum family family, struct netlink *pod, uint32_t ifindex,
                            struct error *error)
{
	struct addr gateway = gateway_of(family);
	struct route to_gateway = {.destination = prefix_of_addr(&gateway), .ifindex = ifindex};
	struct route everything = {.gateway = gateway, .ifindex = ifindex, .onlink = true};
	int result;

	everything.destination = (struct prefix){.bits = family == FAMILY_V4 ? ADDR_V4_PREFIX_BITS : 0};
	if (family == FAMILY_V4)
		everything.destination.addr = addr_from_v4(0);
	result = link_add_address(pod, ifindex, &link->address[family], ADDR_BITS, error);
	if (!result)
		result = neighbour_set(pod, ifindex, &gateway, link->host_mac, error);
	if (!result)
		result = route_set(pod, &to_gateway, error);
	return result ? result : route_set(pod, &everything, error);
}

static int start_pod_links(struct netlink *pod, const struct pod_place *place, uint32_t *ret_ifindex,
                           struct error *error)
{
	struct link link;
	int result;

	result = link_get(pod, "lo", &link, error);
	if (!result)
		result = link_set_up(pod, link.ifindex, error);
	if (!result)
		result = link_get(pod, place->interface, &link, error);
	if (!result)
		result = link_set_up(pod, link.ifindex, error);
	if (result)
		return result;
	*ret_ifindex = link.ifindex;
	return 0;
}

int pod_link_start_pod(const struct pod_link *link, const struct pod_place *place, struct error *error)
{
	struct pod_call call = {.place = place, .error = error};
	_cleanup_netlink_ struct netlink *pod = NULL;
	_cleanup_close_ int fd = -1;
	uint32_t ifindex;
	int result;

	result = open_pod(place, &fd, &pod, error);
	if (!result && !addr_is_zero(&link->address[FAMILY_V6]))
		result = netns_call(fd, quieten_ipv6, &call, error);
	if (!result)
		result = start_pod_links(pod, place, &ifindex, error);
	for (enum family family = 0; !result && family < FAMILIES; family++) {
		if (!addr_is_zero(&link->address[family]))
			result = start_pod_family(link, family, pod, ifindex, error);
	}
	if (result)
		error_prefix(error, "setting up %s in %s", place->interface, place->netns);
	return result;
}

static int set_pod_mtu(const struct pod_link *link, const struct pod_place *place, uint32_t mtu, struct error *error)
{
	_cleanup_netlink_ struct netlink *pod = NULL;
	struct link interface;
	int result;

	result = open_pod(place, NULL, &pod, error);
	if (!result)
		result = link_get(pod, place->interface, &interface, error);
	if (result)
		return result;
	if (memcmp(interface.mac, link->mac, sizeof(link->mac)))
		return error_set(error, -ENODEV, "interface %s in %s is not the one that was made: its MAC differs",
		                 place->interface, place->netns);
	return link_set_mtu(pod, interface.ifindex, mtu, error);
}

/* The end that takes what the other sends is never the smaller one: it would lose without a word what is too large. */
int pod_link_set_mtu(struct pod_link *link, const struct pod_place *place, struct netlink *host, uint32_t mtu,
                     struct error *error)
{
	bool raise = mtu > link->mtu;
	int result = 0;

	if (raise)
		result = link_set_mtu(host, link->ifindex, mtu, error);
	if (!result)
		result = set_pod_mtu(link, place, mtu, error);
	if (!result && !raise)
		result = link_set_mtu(host, link->ifindex, mtu, error);
	if (!result)
		link->mtu = mtu;
	return result;
}

int pod_link_find(struct pod_link *link, struct netlink *host)
{
	struct link found;

	if (link_get(host, link->device, &found, NULL) || memcmp(found.mac, link->host_mac, sizeof(found.mac)))
		return -ENODEV;
	link->ifindex = found.ifindex;
	return 0;
}

int pod_link_delete(const struct pod_link *link, struct netlink *host, struct error *error)
{
	struct pod_link found = *link;

	/* By name and MAC, not by ifindex: the number may be another device's by now. */
	if (pod_link_find(&found, host))
		return 0;
	if (link_delete(host, found.ifindex, error))
		return error_prefix(error, "removing %s", link->device);
	return 0;
}
