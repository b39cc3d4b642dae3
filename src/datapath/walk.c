/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/walk.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/memory.h"

#define BATCH 1024

static int walk_one_by_one(int fd, size_t key_size, size_t value_size, map_visit visit, void *userdata)
{
	_cleanup_free_ void *key = xcalloc(1, key_size), *next = xcalloc(1, key_size), *value = xcalloc(1, value_size);
	void *previous = NULL;
	int r;

	for (;;) {
		void *swap = key;

		r = bpf_map_get_next_key(fd, previous, next);
		if (r)
			return r == -ENOENT ? 0 : r;
		key = next;
		next = swap;
		previous = key;
		if (bpf_map_lookup_elem(fd, key, value) < 0)
			continue; /* gone meanwhile */
		r = visit(key, value, userdata);
		if (r)
			return r;
	}
}

struct batch {
	void *keys, *values, *cursor;
	uint32_t size, count;
	bool begun;
};

static void batch_resize(struct batch *batch, uint32_t size, size_t key_size, size_t value_size)
{
	batch->size = size;
	batch->keys = xrealloc(batch->keys, size * key_size);
	batch->values = xrealloc(batch->values, size * value_size);
}

static void batch_clear(struct batch *batch)
{
	free(batch->keys);
	free(batch->values);
	free(batch->cursor);
}

static int batch_read(int fd, struct batch *batch)
{
	batch->count = batch->size;
	return bpf_map_lookup_batch(fd, batch->begun ? batch->cursor : NULL, batch->cursor, batch->keys, batch->values,
	                            &batch->count, NULL);
}

static int batch_visit(const struct batch *batch, size_t key_size, size_t value_size, map_visit visit, void *userdata)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		int r = visit((char *)batch->keys + i * key_size, (char *)batch->values + i * value_size, userdata);

		if (r)
			return r;
	}
	return 0;
}

int map_walk(int fd, size_t key_size, size_t value_size, map_visit visit, void *userdata)
{
	_cleanup_(batch_clear) struct batch batch = {.cursor = xcalloc(1, key_size > 4 ? key_size : 4)};

	batch_resize(&batch, BATCH, key_size, value_size);
	for (;;) {
		int visited, r = batch_read(fd, &batch);

		if (r == -ENOSPC) { /* one bucket holds more than the batch */
			batch_resize(&batch, batch.size * 2, key_size, value_size);
			continue;
		}
		if (r && r != -ENOENT)
			return batch.begun ? r : walk_one_by_one(fd, key_size, value_size, visit, userdata);
		batch.begun = true;
		visited = batch_visit(&batch, key_size, value_size, visit, userdata);
		if (visited || r)
			return visited;
	}
}
