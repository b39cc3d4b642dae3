/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pinned map that shall have another size: BPF maps cannot grow, so a new one takes its entries and its place. For
 * the files of this folder.
 */
#ifndef PILUS_DATAPATH_RESIZE_H
#define PILUS_DATAPATH_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_map_info;

/* Is what such a map holds worth carrying over? Arrays are written anew by the agent, a ring buffer is read at once. */
bool map_can_resize(const struct bpf_map_info *info);

/*
 * Replaces the pin at `path` by a map of `size` entries with those of the map `fd`. What does not fit is left out:
 * a full LRU map lets older entries go. On failure the pin is as before.
 */
int map_resize(const char *path, int fd, const struct bpf_map_info *info, uint32_t size);

#endif
