/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a kind of store provides, and what it stands on. A backend is one file: an ops struct, listed in store.c. Its
 * own store and watch begin with the structs here, whose fields the front fills in.
 *
 * The backend calls store_answer and the watcher's functions from the loop only, never from inside its methods.
 */
#ifndef PILUS_STORE_BACKEND_H
#define PILUS_STORE_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct store {
	const struct store_backend *backend;
	bool closed; /* nobody listens any more */
};

struct store_watch {
	struct store *store;
	char *prefix;
	struct store_watcher watcher;
	void *userdata;
};

enum store_verb { STORE_PUT, STORE_PUT_LEASED, STORE_CREATE, STORE_DELETE, STORE_GET };

/* A question on its way through the backend, which keeps them in order: `previous`, `next` and `deadline` are its. */
struct store_request {
	struct store *store;
	enum store_verb verb;
	char *key;
	char *text;         /* put, create: JSON to write; get: the backend leaves the JSON it found here */
	struct error error; /* code is not 0 when the front refused it already: to be answered in its turn */
	store_done done;
	store_got got;
	void *userdata;
	struct store_request *previous, *next;
	uint64_t deadline; /* uv_now */
};

/* The result is request->error. Tells who asked and frees the request. */
void store_answer(struct store_request *request);

/* For names that come from elsewhere: may this be a key? */
bool store_key_valid(const char *key);

/* Parses what a key holds: an object, or NULL with −EINVAL in words that name the key. */
json_t *store_parse(const char *key, const char *text, struct error *error);

struct store_backend {
	const char *kind; /* the URL's scheme */
	int (*check)(const char *location, struct error *error);
	int (*open)(uv_loop_t *loop, const char *location, const struct store_access *access, struct store **ret,
	            struct error *error);

	/* What was asked is still done; the store frees itself when its last handle is closed. */
	void (*close)(struct store *store);
	void (*ask)(struct store *store, struct store_request *request);
	struct store_watch *(*watch)(struct store *store);
	void (*watch_close)(struct store_watch *watch);
	json_t *(*status)(const struct store *store);
};

extern const struct store_backend store_dir, store_etcd;

#endif
