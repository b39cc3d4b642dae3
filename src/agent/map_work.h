/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes a walk over whole maps is done on the thread pool, when somebody asks: the loop is never held up by a
 * large table.
 */
#ifndef PILUS_AGENT_MAP_WORK_H
#define PILUS_AGENT_MAP_WORK_H

#include <uv.h>

#include "datapath/maps.h"

struct map_work;

/* maps must outlive the loop: what is under way when this is freed ends by itself, and nobody hears of it. */
struct map_work *map_work_new(uv_loop_t *loop, const struct maps *maps);
void map_work_free(struct map_work *work);

/* result: 0 or −errno. Facts: of all maps, in their order. Removed: by a flush. */
struct map_answer {
	int result;
	struct map_facts facts[MAPS_COUNT];
	uint32_t removed;
};

/* Answers from the loop; both pointers are given back as they were. */
typedef void (*map_answered)(void *owner, void *asker, const struct map_answer *answer);

void map_work_count(struct map_work *work, map_answered answered, void *owner, void *asker);
void map_work_flush_flows(struct map_work *work, map_answered answered, void *owner, void *asker);

#endif
