/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/local_addresses.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "net/link.h"

struct list {
	struct addr *addrs;
	size_t count;
};

static void list_add(struct list *list, const struct addr *addr)
{
	list->addrs = xrealloc(list->addrs, (list->count + 1) * sizeof(*addr));
	list->addrs[list->count++] = *addr;
}

static void list_clear(const struct list *list)
{
	free(list->addrs);
}

static bool list_has(const struct list *list, const struct addr *addr)
{
	for (size_t i = 0; i < list->count; i++) {
		if (addr_equal(&list->addrs[i], addr))
			return true;
	}
	return false;
}

static int visit_address(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata)
{
	if (!addr_is_loopback(addr))
		list_add(userdata, addr);
	return 0;
}

static int visit_entry(const struct addr *addr, const struct local_addr *local, void *userdata)
{
	if (!local->endpoint)
		list_add(userdata, addr);
	return 0;
}

int local_addresses_refresh(struct netlink *netlink, const struct maps *maps, struct error *error)
{
	_cleanup_(list_clear) struct list kernel = {}, map = {};
	bool changed = false;
	int result = link_each_address(netlink, 0, visit_address, &kernel);

	if (!result)
		result = local_map_each(maps, visit_entry, &map);
	for (size_t i = 0; i < kernel.count && !result; i++) {
		if (list_has(&map, &kernel.addrs[i]))
			continue;
		result = local_map_set_host(maps, &kernel.addrs[i]);
		changed = true;
	}
	for (size_t i = 0; i < map.count && !result; i++) {
		if (list_has(&kernel, &map.addrs[i]))
			continue;
		result = local_map_delete(maps, &map.addrs[i]);
		changed = true;
	}
	if (changed)
		maps_bump_epoch(maps);
	return result < 0 ? error_set_errno(error, result, "cannot keep the host's addresses current") : 0;
}
