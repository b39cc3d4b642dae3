/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/next_hop.h"

#include <string.h>

#include "net/link.h"
#include "net/route.h"

void next_hop_find(struct netlink *netlink, uint32_t uplink, struct node *entry)
{
	struct node found = {.remote = entry->remote,
	                     .local = entry->local,
	                     .next_hop = entry->remote,
	                     .ifindex = uplink,
	                     .mtu = entry->mtu};
	struct route route;
	struct link link;

	if (!route_lookup(netlink, &found.remote, &route, NULL) &&
	    !link_get_by_index(netlink, route.ifindex, &link, NULL)) {
		found.ifindex = link.ifindex;
		memcpy(found.local_mac, link.mac, sizeof(link.mac));
		if (!addr_is_zero(&route.gateway))
			found.next_hop = route.gateway;
		else
			found.flags = NODE_DIRECT;
		if (!neighbour_get(netlink, found.ifindex, &found.next_hop, found.next_hop_mac))
			found.flags |= NODE_NEIGHBOUR_KNOWN;
		else
			neighbour_probe(netlink, found.ifindex, &found.next_hop);
	}
	*entry = found;
}

void next_hop_confirm(struct netlink *netlink, const struct node *entry)
{
	neighbour_probe(netlink, entry->ifindex, &entry->next_hop);
}
