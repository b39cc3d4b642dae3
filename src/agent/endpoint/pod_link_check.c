/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CNI CHECK of a pod's wire: compares what the kernel has with what was made.
 */
#include <errno.h>
#include <string.h>

#include "agent/endpoint/pod_link.h"
#include "net/link.h"
#include "net/route.h"

struct address_search {
	const struct addr *addr;
	bool found;
};

static int match_address(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata)
{
	struct address_search *search = userdata;

	search->found = addr_equal(addr, search->addr);
	return search->found;
}

/* A later plugin of the chain, or a second interface, may have led the default route elsewhere; gone is broken. */
static int match_default_route(const struct route *route, void *userdata)
{
	const enum family *family = userdata;
	bool v4 = prefix_is_v4(&route->destination);

	return route->ifindex && prefix_length(&route->destination) == 0 && v4 == (*family == FAMILY_V4);
}

static int check_pod_family(const struct pod_link *link, enum family family, struct netlink *pod, uint32_t ifindex,
                            struct error *error)
{
	struct address_search search = {.addr = &link->address[family]};
	char text[ADDR_TEXT_MAX];

	link_each_address(pod, ifindex, match_address, &search);
	if (!search.found)
		return error_set(error, -EEXIST, "the pod's interface has lost its address %s",
		                 addr_format(&link->address[family], text));
	if (route_each(pod, match_default_route, &family) <= 0)
		return error_set(error, -EEXIST, "the pod has lost its default route of %s",
		                 family == FAMILY_V4 ? "IPv4" : "IPv6");
	return 0;
}

static int check_host_family(const struct pod_link *link, enum family family, struct netlink *host, struct error *error)
{
	struct route route = {};
	char text[ADDR_TEXT_MAX];

	if (!route_lookup(host, &link->address[family], &route, NULL) && route.ifindex == link->ifindex)
		return 0;
	return error_set(error, -EEXIST, "the host's route to %s does not lead to %s",
	                 addr_format(&link->address[family], text), link->device);
}

static int check_pod_interface(const struct pod_link *link, const struct pod_place *place, struct netlink *pod,
                               struct link *ret, struct error *error)
{
	if (link_get(pod, place->interface, ret, NULL))
		return error_set(error, -EEXIST, "interface %s is gone from %s", place->interface, place->netns);
	if (memcmp(ret->mac, link->mac, sizeof(ret->mac)))
		return error_set(error, -EEXIST, "interface %s in %s is not the one that was made: its MAC differs",
		                 place->interface, place->netns);
	if (!ret->up)
		return error_set(error, -EEXIST, "interface %s in %s is down", place->interface, place->netns);
	if (ret->mtu != link->mtu)
		return error_set(error, -EEXIST, "interface %s in %s has MTU %u instead of %u", place->interface,
		                 place->netns, ret->mtu, link->mtu);
	return 0;
}

int pod_link_check(const struct pod_link *link, const struct pod_place *place, struct netlink *host,
                   struct error *error)
{
	_cleanup_netlink_ struct netlink *pod = NULL;
	struct pod_link found = *link;
	struct link interface;
	int result;

	if (pod_link_find(&found, host))
		return error_set(error, -EEXIST, "device %s is gone", link->device);
	if (netlink_open(place->netns, &pod, NULL))
		return error_set(error, -EEXIST, "netns %s is gone", place->netns);
	result = check_pod_interface(link, place, pod, &interface, error);
	for (enum family family = 0; !result && family < FAMILIES; family++) {
		if (addr_is_zero(&link->address[family]))
			continue;
		result = check_pod_family(link, family, pod, interface.ifindex, error);
		if (!result)
			result = check_host_family(&found, family, host, error);
	}
	return result;
}
