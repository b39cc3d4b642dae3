/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared state of the cluster: small JSON objects under keys like "nodes/node-1". Backends (dir and etcd;
 * kubernetes later) have the same semantics. The loop's thread only.
 *
 * Every answer comes as a callback from the loop, never from inside the call that asked. Keys are made of segments
 * [A-Za-z0-9._:%+=-]+ joined by '/', at most 200 bytes; no segment starts with a '.'.
 */
#ifndef PILUS_STORE_STORE_H
#define PILUS_STORE_STORE_H

#include <jansson.h>
#include <uv.h>

#include "base/error.h"

struct store;

/* May this be opened? −EINVAL in words when it is no store's URL; the store itself is not asked. */
int store_check(const char *url, struct error *error);

/* How a store at a distance knows us and we know it: files in PEM, borrowed for the store's lifetime. All may be NULL.
 */
struct store_access {
	const char *ca;                   /* NULL: the system's authorities */
	const char *certificate, *key;    /* ours */
	const char *user, *password_file; /* its first line */
};

/* "dir:/var/lib/pilus/store", "etcd:http://10.0.0.1:2379,10.0.0.2:2379/pilus". The caller closes *ret; callbacks still
 * owed are dropped then and watches closed; what was asked for is still done while the loop runs. */
int store_open(uv_loop_t *loop, const char *url, const struct store_access *access, struct store **ret,
               struct error *error);
void store_close(struct store *store);

/* result: 0 or −errno, `error` says it in words; both live for the call only. */
typedef void (*store_done)(void *userdata, int result, const struct error *error);

/* value is borrowed for the call. done may be NULL. */
void store_put(struct store *store, const char *key, json_t *value, store_done done, void *userdata);

/*
 * As store_put, for what is true while this node lives: it is removed when this process was gone, or did not reach the
 * store, for 20 seconds. A watch says so then, and who wrote it writes it again. An earlier life's key is taken over by
 * writing it. (dir: nobody could tell; there it stays.)
 */
void store_put_leased(struct store *store, const char *key, json_t *value, store_done done, void *userdata);

/* -EEXIST when the key is there; of several nodes at once, one wins. */
void store_create(struct store *store, const char *key, json_t *value, store_done done, void *userdata);

/* No such key is success. */
void store_delete(struct store *store, const char *key, store_done done, void *userdata);

/* value is NULL unless result is 0; -ENOENT when there is none. */
typedef void (*store_got)(void *userdata, int result, json_t *value, const struct error *error);
void store_get(struct store *store, const char *key, store_got got, void *userdata);

/*
 * Everything below a prefix ("nodes/"), now and as it changes: `set` for each object there is, then `synced` once, then
 * `set` and `removed` as they come. Objects that cannot be parsed are reported by `broken` and otherwise left out (what
 * they held before stays), until they are `set` or `removed`, too. What this process writes comes back here too. While
 * the store cannot be read, what was told stays.
 *
 * `renewed`: the store is another than before, set up anew or taken from a backup. Whoever has written something writes
 * it again; what nobody has written again some time later is `removed`, not before.
 */
struct store_watcher {
	void (*set)(void *userdata, const char *key, json_t *value);
	void (*removed)(void *userdata, const char *key);
	void (*synced)(void *userdata);
	void (*broken)(void *userdata, const char *key, const struct error *error); /* may be NULL */
	void (*renewed)(void *userdata);                                            /* may be NULL */
};

struct store_watch;
struct store_watch *store_watch(struct store *store, const char *prefix, const struct store_watcher *watcher,
                                void *userdata);
void store_watch_close(struct store_watch *watch);

/* For `pilus status`: {"kind", "state", "message"}; a new reference. */
json_t *store_status(const struct store *store);

#endif
