/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pilus_ipcache: see abi/ipcache.h.
 */
#include <bpf/bpf.h>
#include <errno.h>

#include "datapath/maps.h"
#include "datapath/walk.h"

static struct ipcache_key ipcache_key(const struct prefix *prefix)
{
	return (struct ipcache_key){.prefix_bits = prefix->bits, .addr = prefix->addr};
}

int ipcache_set(const struct maps *maps, const struct prefix *prefix, const struct ipcache_entry *entry)
{
	struct ipcache_key key = ipcache_key(prefix);

	return bpf_map_update_elem(maps->ipcache, &key, entry, BPF_ANY);
}

int ipcache_delete(const struct maps *maps, const struct prefix *prefix)
{
	struct ipcache_key key = ipcache_key(prefix);
	int r = bpf_map_delete_elem(maps->ipcache, &key);

	return r == -ENOENT ? 0 : r;
}

int ipcache_get(const struct maps *maps, const struct addr *addr, struct ipcache_entry *ret)
{
	struct prefix prefix = prefix_of_addr(addr);
	struct ipcache_key key = ipcache_key(&prefix);

	return bpf_map_lookup_elem(maps->ipcache, &key, ret);
}

struct ipcache_visit {
	int (*each)(const struct prefix *prefix, const struct ipcache_entry *entry, void *userdata);
	void *userdata;
};

static int visit_entry(const void *key, const void *value, void *userdata)
{
	const struct ipcache_visit *visit = userdata;
	const struct ipcache_key *stored = key;
	struct prefix prefix = {.addr = stored->addr, .bits = stored->prefix_bits};

	return visit->each(&prefix, value, visit->userdata);
}

int ipcache_each(const struct maps *maps,
                 int (*each)(const struct prefix *prefix, const struct ipcache_entry *entry, void *userdata),
                 void *userdata)
{
	struct ipcache_visit visit = {each, userdata};

	return map_walk(maps->ipcache, sizeof(struct ipcache_key), sizeof(struct ipcache_entry), visit_entry, &visit);
}
