/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node's blocks of the cluster's pools: "blocks/CIDR" -> {"cidr", "node"} in the store, '/' of the CIDR written as
 * '-'. Create-if-absent decides between nodes. Nodes should agree on the size of blocks; blocks of another size are
 * avoided where they are known.
 */
#ifndef PILUS_AGENT_IPAM_BLOCK_CLAIM_H
#define PILUS_AGENT_IPAM_BLOCK_CLAIM_H

#include "agent/config/config.h"
#include "store/store.h"

struct block_claim;

/*
 * result 0: the node has a block of every family that has a pool (bits 0 elsewhere). Else −errno with words, and it
 * goes on trying. After success it says -EEXIST when a block was taken away and given to another node.
 */
typedef void (*block_claim_done)(void *userdata, int result, const struct prefix blocks[FAMILIES],
                                 const struct error *error);

/* config is borrowed. Free it in the same turn of the loop as the store is closed. */
struct block_claim *block_claim_new(uv_loop_t *loop, const struct config *config, struct store *store,
                                    block_claim_done done, void *userdata);
void block_claim_free(struct block_claim *claim);

/* The blocks of a node that will not come back are free. */
void block_claim_forget_node(struct block_claim *claim, const char *name);

#endif
