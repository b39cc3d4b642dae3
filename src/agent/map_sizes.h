/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large the maps are made: what the configuration asks for, else what fits this machine's memory.
 */
#ifndef PILUS_AGENT_MAP_SIZES_H
#define PILUS_AGENT_MAP_SIZES_H

#include "agent/config/config.h"

/* memory: of the machine, in bytes. The same configuration on the same machine always comes to the same. */
struct map_sizes map_sizes_choose(const struct config *config, uint64_t memory);

/* This machine's. */
uint64_t map_sizes_memory(void);

#endif
