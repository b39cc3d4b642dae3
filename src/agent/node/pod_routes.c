/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/pod_routes.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "net/link.h"

/* What a walk found to be removed after it. */
struct strays {
	const struct node_info *local;
	uint32_t ifindex;
	bool (*wanted)(const struct prefix *cidr, void *userdata);
	void *userdata;
	struct prefix *found;
	size_t count;
};

static int stray_add(struct strays *strays, const struct prefix *prefix)
{
	strays->found = xrealloc(strays->found, (strays->count + 1) * sizeof(*strays->found));
	strays->found[strays->count++] = *prefix;
	return 0;
}

static int visit_address(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata)
{
	struct strays *strays = userdata;

	for (enum family family = 0; family < FAMILIES; family++) {
		if (addr_equal(addr, &strays->local->router[family]) && prefix_bits == ADDR_BITS)
			return 0;
	}
	return stray_add(strays, &(struct prefix){.addr = *addr, .bits = prefix_bits});
}

int overlay_set_routers(struct netlink *netlink, uint32_t ifindex, const struct node_info *local, struct error *error)
{
	struct strays strays = {.local = local};
	int result = link_each_address(netlink, ifindex, visit_address, &strays);
	_cleanup_free_ struct prefix *found = strays.found;

	if (result < 0)
		return error_set_errno(error, result, "cannot read the addresses of %s", OVERLAY_DEVICE);
	for (size_t i = 0; i < strays.count && !result; i++)
		result = link_delete_address(netlink, ifindex, &found[i].addr, found[i].bits, error);
	for (enum family family = 0; family < FAMILIES && !result; family++) {
		if (!addr_is_zero(&local->router[family]))
			result = link_add_address(netlink, ifindex, &local->router[family], ADDR_BITS, error);
	}
	return result;
}

struct closed {
	const struct node_info *local;
	bool found[FAMILIES];
};

static int visit_closed(const struct route *route, void *userdata)
{
	struct closed *closed = userdata;

	for (enum family family = 0; family < FAMILIES && !route->ifindex; family++) {
		if (prefix_equal(&route->destination, &closed->local->pod_cidr[family]))
			closed->found[family] = true;
	}
	return 0;
}

int pod_routes_close_own(struct netlink *netlink, const struct node_info *local, struct error *error)
{
	struct closed closed = {.local = local};
	int result = route_each(netlink, visit_closed, &closed);

	if (result < 0)
		return error_set_errno(error, result, "cannot read the routes");
	for (enum family family = 0; family < FAMILIES && !result; family++) {
		if (local->pod_cidr[family].bits && !closed.found[family])
			result = route_set(netlink, &(struct route){.destination = local->pod_cidr[family]}, error);
	}
	return result;
}

static bool leads_there(const struct route *found, const struct route *route)
{
	return found->ifindex == route->ifindex && addr_equal(&found->gateway, &route->gateway) &&
	       (addr_is_zero(&route->source) || addr_equal(&found->source, &route->source));
}

int pod_route_set(struct netlink *netlink, const struct route *route, struct error *error)
{
	struct route found;

	if (!route_lookup(netlink, &route->destination.addr, &found, NULL) && leads_there(&found, route))
		return 0;
	return route_set(netlink, route, error);
}

int pod_route_delete(struct netlink *netlink, const struct prefix *cidr, struct error *error)
{
	return route_delete(netlink, &(struct route){.destination = *cidr}, error);
}

static int visit_route(const struct route *route, void *userdata)
{
	struct strays *strays = userdata;

	bool of_a_pod = route->ifindex && route->ifindex != strays->ifindex && addr_is_zero(&route->gateway);

	if (!route->ours || of_a_pod || strays->wanted(&route->destination, strays->userdata))
		return 0;
	return stray_add(strays, &route->destination);
}

int pod_routes_sweep(struct netlink *netlink, uint32_t overlay,
                     bool (*wanted)(const struct prefix *cidr, void *userdata), void *userdata, struct error *error)
{
	struct strays strays = {.ifindex = overlay, .wanted = wanted, .userdata = userdata};
	int result = route_each(netlink, visit_route, &strays);
	_cleanup_free_ struct prefix *found = strays.found;

	if (result < 0)
		return error_set_errno(error, result, "cannot read the routes");
	for (size_t i = 0; i < strays.count && !result; i++)
		result = pod_route_delete(netlink, &found[i], error);
	return result;
}
