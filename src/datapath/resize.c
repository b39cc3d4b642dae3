/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/resize.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "datapath/walk.h"

bool map_can_resize(const struct bpf_map_info *info)
{
	return info->type == BPF_MAP_TYPE_HASH || info->type == BPF_MAP_TYPE_LRU_HASH ||
	       info->type == BPF_MAP_TYPE_LPM_TRIE;
}

static int copy_entry(const void *key, const void *value, void *userdata)
{
	const int *to = userdata;
	int r = bpf_map_update_elem(*to, key, value, BPF_ANY);

	return r == -E2BIG || r == -ENOSPC ? 0 : r; /* what is full stays so: the rest is left out */
}

/* Renaming is atomic: whoever opens the path finds the old map or the new one, whole. */
static int replace_pin(const char *path, int fd)
{
	_cleanup_free_ char *beside = xasprintf("%s_new", path);
	int r;

	unlink(beside); /* left by a crash */
	r = bpf_obj_pin(fd, beside);
	if (!r && rename(beside, path) < 0) {
		r = -errno;
		unlink(beside);
	}
	return r;
}

int map_resize(const char *path, int fd, const struct bpf_map_info *info, uint32_t size)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = info->map_flags);
	_cleanup_close_ int made =
		bpf_map_create(info->type, info->name, info->key_size, info->value_size, size, &options);
	int r = made < 0 ? made : map_walk(fd, info->key_size, info->value_size, copy_entry, &made);

	return r ?: replace_pin(path, made);
}
