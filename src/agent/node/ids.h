/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers for the other nodes, by their underlay addresses: 1 … NODE_ID_MAX, the lowest that is free. What the node map
 * holds from an earlier life keeps its number, or is cleared once it is known that nobody has that address any more.
 */
#ifndef PILUS_AGENT_NODE_IDS_H
#define PILUS_AGENT_NODE_IDS_H

#include "datapath/maps.h"

struct node_ids;

struct node_ids *node_ids_new(const struct maps *maps);
void node_ids_free(struct node_ids *ids);

/* 0: all are taken. */
uint16_t node_ids_allocate(struct node_ids *ids, const struct addr *addr);

/* Clears the number's entry in the map. */
void node_ids_release(struct node_ids *ids, uint16_t id);

/* Whoever is there has been given its number: releases the rest. */
void node_ids_sweep(struct node_ids *ids);

#endif
