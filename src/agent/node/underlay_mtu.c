/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/underlay_mtu.h"

#include <errno.h>

#include "base/log.h"
#include "net/link.h"

/* What IPv4 and IPv6 ask of every link: RFC 791, RFC 8200. */
#define MTU_MIN_V4 68
#define MTU_MIN_V6 1280

static uint32_t least_mtu(const struct config *config)
{
	bool v6 = config->pod_cidr[FAMILY_V6].bits || config->pool_cidr[FAMILY_V6].bits;

	return (v6 ? MTU_MIN_V6 : MTU_MIN_V4) + overlay_overhead(config);
}

/* 0: none of the uplinks is there. */
static uint32_t smallest_mtu(struct netlink *netlink, const struct underlay *underlay)
{
	uint32_t smallest = 0;

	for (size_t i = 0; i < underlay->uplink_count; i++) {
		struct link link;

		if (!link_get_by_index(netlink, underlay->uplinks[i].ifindex, &link, NULL) &&
		    (!smallest || link.mtu < smallest))
			smallest = link.mtu;
	}
	return smallest;
}

static void set_mtu(const struct config *config, struct underlay *underlay, uint32_t mtu)
{
	underlay->mtu = mtu;
	underlay->pod_mtu = mtu - overlay_overhead(config);
}

int underlay_find_mtu(const struct config *config, struct netlink *netlink, struct underlay *underlay,
                      struct error *error)
{
	uint32_t smallest = smallest_mtu(netlink, underlay), least = least_mtu(config);
	uint32_t mtu = config->mtu ?: smallest;

	if (mtu > smallest)
		return error_set(error, -EINVAL, "mtu: %u is more than the uplinks' %u", mtu, smallest);
	if (mtu < least)
		return error_set(error, -EINVAL, "mtu: the underlay's is %u, and at least %u is needed", mtu, least);
	set_mtu(config, underlay, mtu);
	return 0;
}

static void log_change(const struct underlay *underlay, uint32_t smallest)
{
	if (smallest < underlay->mtu)
		log_warning("the uplinks' MTU is %u: the pods' stays at %u, which does not fit: raise it to %u",
		            smallest, underlay->pod_mtu, underlay->mtu);
	else
		log_info("the underlay's MTU is %u now, the pods' %u", underlay->mtu, underlay->pod_mtu);
}

bool underlay_follow_mtu(const struct config *config, struct netlink *netlink, struct underlay *underlay)
{
	uint32_t smallest = smallest_mtu(netlink, underlay), least = least_mtu(config);
	uint32_t mtu = config->mtu && config->mtu < smallest ? config->mtu : smallest;
	struct error error = {};

	if (mtu < least)
		mtu = least;
	if (!smallest || mtu == underlay->mtu)
		return false;
	set_mtu(config, underlay, mtu);
	log_change(underlay, smallest);
	if (underlay->overlay_ifindex &&
	    link_set_mtu(netlink, underlay->overlay_ifindex, underlay->pod_mtu, &error) < 0)
		log_error("%s", error.message);
	return true;
}
