/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watch on a tree of KEY.json: what it was told, and what a look at a file adds to that.
 */
#ifndef PILUS_STORE_DIR_WATCH_H
#define PILUS_STORE_DIR_WATCH_H

#include <stdint.h>

#include "store/backend.h"

/* What a look at one file found: text, or why there is none (-ENOENT: it is not there). */
struct dir_look {
	const char *key;
	char *text;
	uint64_t digest;
	bool finished; /* false: whoever made the file may still be writing it */
	struct error error;
	uint32_t walk; /* through the tree, the last that began */
};

struct dir_entry;

struct dir_watch {
	struct store_watch watch;
	struct dir_tree *tree;
	struct dir_entry *entries;
	uint32_t walk; /* that it took part in from the start */
	bool synced, closed;
	struct dir_watch *prev, *next;
};

void dir_watch_free(struct dir_watch *watch);

bool dir_watch_wants(const struct dir_watch *watch, const char *key);
void dir_watch_look(struct dir_watch *watch, struct dir_look *look);

/* After a whole walk: what it did not meet is gone, and the watch has been told all there is. */
void dir_watch_sweep(struct dir_watch *watch);

#endif
