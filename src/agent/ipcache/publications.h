/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this node says in the store. The store is made to agree: when it loses something, holds what nobody says any
 * more, or could not be written, it is told again. What another node says under the same key is left alone: two nodes
 * would overwrite each other for ever.
 */
#ifndef PILUS_AGENT_IPCACHE_PUBLICATIONS_H
#define PILUS_AGENT_IPCACHE_PUBLICATIONS_H

#include "store/store.h"

struct publications;

/* write: store_put, or store_put_leased for what shall not outlive this process for long. */
typedef void (*publications_write)(struct store *store, const char *key, json_t *value, store_done done,
                                   void *userdata);
struct publications *publications_new(uv_loop_t *loop, struct store *store, publications_write write);
void publications_free(struct publications *publications); /* says nothing any more, and takes nothing back */

/* Takes over the value. */
void publications_set(struct publications *publications, const char *key, json_t *value);
void publications_unset(struct publications *publications, const char *key); /* not set: nothing */

/* NULL: nothing is said under that key. */
const json_t *publications_get(const struct publications *publications, const char *key);

/* All that is to be said was: what an earlier life said beyond that is taken back, now and as it is found. */
void publications_settle(struct publications *publications);

/* For whoever watches the store: what it holds under a key by this node, by another, or no more. */
void publications_seen(struct publications *publications, const char *key, json_t *value);
void publications_taken(struct publications *publications, const char *key);
void publications_gone(struct publications *publications, const char *key);

/* The store is another: all is said again. */
void publications_renew(struct publications *publications);

#endif
