/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/node/ids.h"

#include <stdbool.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "base/memory.h"

struct adopted {
	struct addr addr;
	uint16_t id;
	UT_hash_handle hh;
};

struct node_ids {
	const struct maps *maps;
	bool taken[NODE_ID_MAX + 1];
	struct adopted *adopted; /* in the map from an earlier life, and not asked for yet */
};

static void adopted_free(struct node_ids *ids, struct adopted *adopted)
{
	HASH_DEL(ids->adopted, adopted);
	free(adopted);
}

static int adopt(uint16_t id, const struct node *entry, void *userdata)
{
	struct node_ids *ids = userdata;
	struct adopted *adopted;

	ids->taken[id] = true;
	HASH_FIND(hh, ids->adopted, &entry->remote, sizeof(entry->remote), adopted);
	if (adopted) {
		node_ids_release(ids, id);
		return 0;
	}
	adopted = xnew(struct adopted);
	adopted->addr = entry->remote;
	adopted->id = id;
	HASH_ADD(hh, ids->adopted, addr, sizeof(adopted->addr), adopted);
	return 0;
}

struct node_ids *node_ids_new(const struct maps *maps)
{
	struct node_ids *ids = xnew(struct node_ids);
	int result;

	ids->maps = maps;
	result = node_map_each(maps, adopt, ids);
	if (result < 0)
		log_error("cannot read the node map: %s", strerror(-result));
	return ids;
}

void node_ids_free(struct node_ids *ids)
{
	struct adopted *adopted, *next;

	HASH_ITER (hh, ids->adopted, adopted, next)
		adopted_free(ids, adopted);
	free(ids);
}

uint16_t node_ids_allocate(struct node_ids *ids, const struct addr *addr)
{
	struct adopted *adopted;
	uint16_t id = 1;

	HASH_FIND(hh, ids->adopted, addr, sizeof(*addr), adopted);
	if (adopted) {
		id = adopted->id;
		adopted_free(ids, adopted);
		return id;
	}
	while (id <= NODE_ID_MAX && ids->taken[id])
		id++;
	if (id > NODE_ID_MAX)
		return 0;
	ids->taken[id] = true;
	return id;
}

void node_ids_release(struct node_ids *ids, uint16_t id)
{
	int result = node_map_clear(ids->maps, id);

	if (result < 0)
		log_error("cannot clear node %u in the node map: %s", id, strerror(-result));
	ids->taken[id] = false;
}

void node_ids_sweep(struct node_ids *ids)
{
	struct adopted *adopted, *next;

	HASH_ITER (hh, ids->adopted, adopted, next) {
		node_ids_release(ids, adopted->id);
		adopted_free(ids, adopted);
	}
}
