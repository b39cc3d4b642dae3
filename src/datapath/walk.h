/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking a whole BPF map, in batches where the kernel has them for its type. For the map wrappers of this folder.
 */
#ifndef PILUS_DATAPATH_WALK_H
#define PILUS_DATAPATH_WALK_H

#include <stddef.h>

/* Key and value as the kernel stores them. A non-zero return ends the walk. */
typedef int (*map_visit)(const void *key, const void *value, void *userdata);

/* Visits every entry; what comes and goes meanwhile may be missed or seen twice. Returns 0, −errno, or what `visit`
 * returned. */
int map_walk(int fd, size_t key_size, size_t value_size, map_visit visit, void *userdata);

#endif
