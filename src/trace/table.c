/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables: which there are, and what is in them.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/module.h"
#include "trace/table.h"

#define BATCH 4096

static bool is_per_cpu(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

bool table_is_stream(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_PERF_EVENT_ARRAY || type == BPF_MAP_TYPE_RINGBUF;
}

bool table_is_private(const struct bpf_map *map)
{
	const char *name = bpf_map__name(map);

	return bpf_map__is_internal(map) || !strcmp(name, LINES_MAP_NAME) || !strncmp(name, "__bpf_usdt_", 11) ||
	       !strncmp(name, ".rodata", 7);
}

static void describe(struct bpf_map *map, struct pilus_table *ret)
{
	bool per_cpu = is_per_cpu(bpf_map__type(map));

	*ret = (struct pilus_table){
		.name = bpf_map__name(map),
		.fd = bpf_map__fd(map),
		.type = bpf_map__type(map),
		.key_size = bpf_map__key_size(map),
		.value_size = bpf_map__value_size(map),
		.max_entries = bpf_map__max_entries(map),
		.values = per_cpu ? (uint32_t)libbpf_num_possible_cpus() : 1,
		.stride = per_cpu ? (bpf_map__value_size(map) + 7) / 8 * 8 : bpf_map__value_size(map),
	};
}

size_t pilus_module_table_count(const struct pilus_module *module)
{
	size_t count = 0;
	struct bpf_map *map;

	if (!module->object)
		return 0;
	bpf_object__for_each_map (map, module->object)
		count += !table_is_private(map);
	return count;
}

void pilus_module_table(const struct pilus_module *module, size_t index, struct pilus_table *ret)
{
	struct bpf_map *map;

	*ret = (struct pilus_table){.fd = -1};
	bpf_object__for_each_map (map, module->object)
		if (!table_is_private(map) && !index--)
			describe(map, ret);
}

int pilus_module_find_table(struct pilus_module *module, const char *name, struct pilus_table *ret)
{
	struct bpf_map *map = module->object ? bpf_object__find_map_by_name(module->object, name) : NULL;

	if (!map)
		return error_set(&module->error, -ENOENT, "%s has no table %s", module->name ?: "the module", name);
	describe(map, ret);
	return 0;
}

/* ── what is in them ── */

int pilus_table_get(const struct pilus_table *table, const void *key, void *ret_values)
{
	return bpf_map_lookup_elem(table->fd, key, ret_values);
}

int pilus_table_set(const struct pilus_table *table, const void *key, const void *values, uint64_t flags)
{
	return bpf_map_update_elem(table->fd, key, values, flags);
}

int pilus_table_delete(const struct pilus_table *table, const void *key)
{
	return bpf_map_delete_elem(table->fd, key);
}

int pilus_table_take(const struct pilus_table *table, const void *key, void *ret_values)
{
	return bpf_map_lookup_and_delete_elem(table->fd, key, ret_values);
}

int pilus_table_next(const struct pilus_table *table, const void *key, void *ret_next)
{
	return bpf_map_get_next_key(table->fd, key, ret_next);
}

/* -EOPNOTSUPP or the like: this kind of table knows no batches. */
static int read_in_batches(const struct pilus_table *table, char *keys, char *values)
{
	size_t room = (size_t)table->values * table->stride;
	_cleanup_free_ char *position = xcalloc(1, table->key_size > 8 ? table->key_size : 8);
	uint32_t read = 0;
	bool began = false;

	while (read < table->max_entries) {
		uint32_t count = table->max_entries - read < BATCH ? table->max_entries - read : BATCH;
		int r = bpf_map_lookup_batch(table->fd, began ? position : NULL, position,
		                             keys + (size_t)read * table->key_size, values + read * room, &count, NULL);

		if (r && r != -ENOENT)
			return r;
		read += count;
		began = true;
		if (r)
			break;
	}
	return (int)read;
}

static int read_one_by_one(const struct pilus_table *table, char *keys, char *values)
{
	size_t room = (size_t)table->values * table->stride;
	const char *previous = NULL;
	uint32_t read = 0;

	while (read < table->max_entries) {
		char *key = keys + (size_t)read * table->key_size;
		int r = bpf_map_get_next_key(table->fd, previous, key);

		if (r)
			return r == -ENOENT ? (int)read : r;
		/* Gone in between: the key is only where to go on from. */
		if (!bpf_map_lookup_elem(table->fd, key, values + read * room))
			read++;
		previous = key;
	}
	return (int)read;
}

int pilus_table_read(const struct pilus_table *table, void *ret_keys, void *ret_values)
{
	int count = read_in_batches(table, ret_keys, ret_values);

	return count >= 0 ? count : read_one_by_one(table, ret_keys, ret_values);
}
