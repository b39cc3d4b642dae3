/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading half of the dir store: a tree of KEY.json followed by inotify, and the watches on it.
 */
#ifndef PILUS_STORE_DIR_TREE_H
#define PILUS_STORE_DIR_TREE_H

#include "store/backend.h"

struct dir_tree;

/* Makes the folder where it is missing, also later, when somebody removes it. */
int dir_tree_open(uv_loop_t *loop, const char *path, struct dir_tree **ret, struct error *error);
void dir_tree_close(struct dir_tree *tree); /* with its watches; frees itself from the loop */

struct store_watch *dir_tree_watch(struct dir_tree *tree);
void dir_tree_watch_close(struct store_watch *watch);

/* Why the tree cannot be read just now (it is tried again every second); code 0 while it can. */
const struct error *dir_tree_error(const struct dir_tree *tree);

/* The text of a key's file, as JSON: KEY.json of the folder, or KEY.yaml. The caller frees *ret. −errno with words. */
int dir_read_file(const char *folder, const char *key, char **ret, struct error *error);

/* Both. None there is success. */
int dir_delete_file(const char *folder, const char *key);

#endif
