/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identities: the numbers of label sets. The numbers in the store are an open hash table shared by all nodes: a set
 * starts at the hash of its labels and goes on while the place is taken by another set. Looking up and allocating are
 * the same walk; create-if-absent decides who gets an empty place.
 */
#include "agent/identity/identity.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#define FOLDER "identities/"
#define PLACES (IDENTITY_ALLOCATED_MAX - IDENTITY_ALLOCATED_MIN + 1)

struct identity {
	uint32_t number;
	json_t *labels;
	bool used;           /* by this node: must stay in the store */
	uint64_t idle_since; /* nobody uses it; 0: somebody does, or it was not looked at */
	UT_hash_handle hh;
};

struct identities {
	struct store *store;
	struct store_watch *watch;
	bool synced;
	struct identity *known;
	struct identity_request *requests;
	struct identity_events events;
	void *userdata;
};

struct identity_request {
	struct identities *identities; /* NULL: nobody wants to know any more */
	json_t *labels;
	uint32_t number; /* the place looked at */
	unsigned steps;
	bool asking; /* the store has the request, and gives it back */
	void (*resolved)(void *userdata, uint32_t identity, const struct error *error);
	void *userdata;
	struct identity_request *prev, *next;
};

static bool labels_reserved(const json_t *labels)
{
	const json_t *label;
	size_t i;

	json_array_foreach (labels, i, label) {
		if (!strncmp(json_string_value(label), "reserved:", strlen("reserved:")))
			return true;
	}
	return false;
}

static uint32_t labels_first_place(json_t *labels)
{
	_cleanup_free_ char *text = json_dumps(labels, JSON_COMPACT);

	return IDENTITY_ALLOCATED_MIN + XXH64(text, strlen(text), 0) % PLACES;
}

static struct identity *identity_find(const struct identities *identities, uint32_t number)
{
	struct identity *identity;

	HASH_FIND(hh, identities->known, &number, sizeof(number), identity);
	return identity;
}

static void identity_forget(struct identities *identities, struct identity *identity)
{
	HASH_DEL(identities->known, identity);
	json_decref(identity->labels);
	free(identity);
}

static void tell_changed(const struct identities *identities, uint32_t number)
{
	if (identities->events.changed)
		identities->events.changed(identities->userdata, number);
}

/* Takes over `labels`. */
static struct identity *identity_learn(struct identities *identities, uint32_t number, json_t *labels)
{
	struct identity *identity = identity_find(identities, number);

	if (identity && json_equal(identity->labels, labels)) {
		json_decref(labels);
		return identity;
	}
	if (identity)
		identity_forget(identities, identity);
	identity = xnew(struct identity);
	identity->number = number;
	identity->labels = labels;
	HASH_ADD(hh, identities->known, number, sizeof(number), identity);
	tell_changed(identities, number);
	return identity;
}

/* "identities/NUMBER" -> NUMBER; 0 when it is no allocated identity. */
static uint32_t key_number(const char *key)
{
	const char *text = key + strlen(FOLDER);
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || number < IDENTITY_ALLOCATED_MIN ||
	    number > IDENTITY_ALLOCATED_MAX)
		return 0;
	return number;
}

static const char *number_key(uint32_t number, char key[static 32])
{
	snprintf(key, 32, FOLDER "%u", number);
	return key;
}

/* The normalised labels of a stored identity: a new reference, or NULL with words. */
static json_t *stored_labels(json_t *value, struct error *error)
{
	json_t *labels = json_deep_copy(json_object_get(value, "labels"));

	if (!labels_normalise(labels, error))
		return labels;
	json_decref(labels);
	return NULL;
}

/* One that this node uses is written again, by every node that does: they all know the same. */
static void repair(const struct identities *identities, const char *key)
{
	const struct identity *identity = identity_find(identities, key_number(key));
	json_t *value;

	if (!identity || !identity->used)
		return;
	value = json_pack("{s:O}", "labels", identity->labels);
	store_put(identities->store, key, value, NULL, NULL);
	json_decref(value);
}

static void on_broken(void *userdata, const char *key, const struct error *error)
{
	log_warning("%s", error->message);
	repair(userdata, key);
}

/* Two nodes that made a removed one again at the same moment, or somebody with an editor. */
static void warn_if_lost(const struct identities *identities, uint32_t number, const json_t *labels)
{
	const struct identity *identity = identity_find(identities, number);

	if (identity && identity->used && !json_equal(identity->labels, labels))
		log_error("store: " FOLDER "%u was given to other labels while pods of this node have it: start those "
		          "pods again",
		          number);
}

static void on_set(void *userdata, const char *key, json_t *value)
{
	struct identities *identities = userdata;
	struct error error = {};
	json_t *labels = stored_labels(value, &error);
	uint32_t number = key_number(key);

	if (!number)
		error_set(&error, -EINVAL, "the number must be %u to %u", IDENTITY_ALLOCATED_MIN,
		          IDENTITY_ALLOCATED_MAX);
	if (!error.code) {
		warn_if_lost(identities, number, labels);
		identity_learn(identities, number, labels);
		return;
	}
	log_warning("store: %s is ignored: %s", key, error.message);
	repair(identities, key);
	json_decref(labels);
}

static void store_create_identity(struct identities *identities, uint32_t number, json_t *labels, store_done done,
                                  void *userdata)
{
	json_t *value = json_pack("{s:O}", "labels", labels);
	char key[32];

	store_create(identities->store, number_key(number, key), value, done, userdata);
	json_decref(value);
}

static void on_removed(void *userdata, const char *key)
{
	struct identities *identities = userdata;
	uint32_t number = key_number(key);
	struct identity *identity = identity_find(identities, number);

	if (!identity)
		return;
	if (identity->used) {
		log_warning("store: %s was removed while this node uses it: made again", key);
		store_create_identity(identities, number, identity->labels, NULL, NULL);
		return;
	}
	identity_forget(identities, identity);
	tell_changed(identities, number);
}

static void request_free(struct identity_request *request)
{
	json_decref(request->labels);
	free(request);
}

static void request_finish(struct identity_request *request, const struct error *error)
{
	struct identities *identities = request->identities;

	DL_DELETE(identities->requests, request);
	if (!error)
		identity_learn(identities, request->number, json_incref(request->labels))->used = true;
	request->resolved(request->userdata, error ? 0 : request->number, error);
	request_free(request);
}

/* The store has answered: false when nobody waits for it any more. */
static bool request_back(struct identity_request *request)
{
	request->asking = false;
	if (request->identities)
		return true;
	request_free(request);
	return false;
}

static void request_create(struct identity_request *request);
static void request_look(struct identity_request *request);

/* At the place that the request has come to. */
static void request_step(struct identity_request *request)
{
	if (identity_find(request->identities, request->number))
		request_look(request);
	else
		request_create(request);
}

static void request_next_place(struct identity_request *request)
{
	struct error error;

	if (++request->steps >= PLACES) {
		error_set(&error, -ENOSPC, "all %u identities are taken", PLACES);
		request_finish(request, &error);
		return;
	}
	request->number = request->number < IDENTITY_ALLOCATED_MAX ? request->number + 1 : IDENTITY_ALLOCATED_MIN;
	request_step(request);
}

static bool known_as_wanted(const struct identity_request *request)
{
	const struct identity *identity = identity_find(request->identities, request->number);

	return identity && json_equal(identity->labels, request->labels);
}

static void on_got(void *userdata, int result, json_t *value, const struct error *error)
{
	struct identity_request *request = userdata;
	json_t *labels;

	if (!request_back(request))
		return;
	labels = result ? NULL : stored_labels(value, NULL);
	if (json_equal(labels, request->labels))
		request_finish(request, NULL);
	else if (!result || result == -EINVAL)
		request_next_place(request);
	else if (result == -ENOENT)
		request_create(request);
	else
		request_finish(request, known_as_wanted(request) ? NULL : error);
	json_decref(labels);
}

static void request_look(struct identity_request *request)
{
	char key[32];

	request->asking = true;
	store_get(request->identities->store, number_key(request->number, key), on_got, request);
}

static void on_created(void *userdata, int result, const struct error *error)
{
	struct identity_request *request = userdata;

	if (!request_back(request))
		return;
	if (result == -EEXIST)
		request_look(request);
	else
		request_finish(request, result ? error : NULL);
}

static void request_create(struct identity_request *request)
{
	request->asking = true;
	store_create_identity(request->identities, request->number, request->labels, on_created, request);
}

struct identity_request *identity_resolve(struct identities *identities, json_t *labels,
                                          void (*resolved)(void *userdata, uint32_t identity,
                                                           const struct error *error),
                                          void *userdata)
{
	json_t *copy = json_deep_copy(labels);
	struct identity_request *request;

	if (labels_normalise(copy, NULL) || labels_reserved(copy)) {
		json_decref(copy);
		return NULL;
	}
	request = xnew(struct identity_request);
	request->identities = identities;
	request->labels = copy;
	request->number = labels_first_place(copy);
	request->resolved = resolved;
	request->userdata = userdata;
	DL_APPEND(identities->requests, request);
	if (identities->synced)
		request_step(request);
	return request;
}

void identity_request_cancel(struct identity_request *request)
{
	if (!request)
		return;
	DL_DELETE(request->identities->requests, request);
	request->identities = NULL;
	if (!request->asking)
		request_free(request);
}

/* Only now: before, a set that has its number may seem to have none. */
static void on_synced(void *userdata)
{
	struct identities *identities = userdata;
	struct identity_request *request;

	identities->synced = true;
	DL_FOREACH (identities->requests, request)
		request_step(request);
	if (identities->events.synced)
		identities->events.synced(identities->userdata);
}

static void on_renewed(void *userdata)
{
	struct identities *identities = userdata;
	struct identity *identity, *next;

	HASH_ITER (hh, identities->known, identity, next) {
		if (identity->used)
			store_create_identity(identities, identity->number, identity->labels, NULL, NULL);
	}
}

static void learn_reserved(struct identities *identities)
{
	static const struct {
		uint32_t number;
		const char *label;
	} reserved[] = {
#define X(symbol, value, name) {value, "reserved:" name},
		RESERVED_IDENTITIES(X)
#undef X
	};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		identity_learn(identities, reserved[i].number, json_pack("[s]", reserved[i].label));
}

struct identities *identities_new(struct store *store, const struct identity_events *events, void *userdata)
{
	static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken, on_renewed};
	struct identities *identities = xnew(struct identities);

	learn_reserved(identities);
	identities->store = store;
	if (events)
		identities->events = *events;
	identities->userdata = userdata;
	identities->watch = store_watch(store, FOLDER, &watcher, identities);
	return identities;
}

void identities_free(struct identities *identities)
{
	struct identity_request *request, *next_request;
	struct identity *identity, *next;

	if (!identities)
		return;
	store_watch_close(identities->watch);
	DL_FOREACH_SAFE(identities->requests, request, next_request)
	identity_request_cancel(request);
	HASH_ITER (hh, identities->known, identity, next)
		identity_forget(identities, identity);
	free(identities);
}

json_t *identity_labels(const struct identities *identities, uint32_t identity)
{
	const struct identity *known = identity_find(identities, identity);

	return known ? known->labels : NULL;
}

static bool is_asked_for(const struct identities *identities, uint32_t number)
{
	const struct identity_request *request;

	DL_FOREACH (identities->requests, request) {
		if (request->number == number)
			return true;
	}
	return false;
}

static void collect_one(struct identities *identities, struct identity *identity, const struct identity_users *users,
                        uint32_t forget_after)
{
	char key[32];

	identity->used = users->here[identity->number];
	if (users->anywhere[identity->number] || is_asked_for(identities, identity->number)) {
		identity->idle_since = 0;
		return;
	}
	if (!identity->idle_since)
		identity->idle_since = clock_now();
	if (!forget_after || clock_now() - identity->idle_since < forget_after * NS_PER_SECOND)
		return;
	log_info("identity %u is removed: nobody has used it for %u s", identity->number, forget_after);
	identity->idle_since = 0; /* should the store not hear of it, it is told again */
	store_delete(identities->store, number_key(identity->number, key), NULL, NULL);
}

void identities_collect(struct identities *identities, const struct identity_users *users, uint32_t forget_after)
{
	struct identity *identity, *next;

	HASH_ITER (hh, identities->known, identity, next) {
		if (identity->number >= IDENTITY_ALLOCATED_MIN)
			collect_one(identities, identity, users, forget_after);
	}
}

static int identity_compare(const struct identity *a, const struct identity *b)
{
	return a->number < b->number ? -1 : a->number > b->number;
}

void identities_each(const struct identities *identities, void (*each)(void *userdata, uint32_t identity),
                     void *userdata)
{
	const struct identity *identity;

	for (identity = identities->known; identity; identity = identity->hh.next)
		each(userdata, identity->number);
}

size_t identities_count(const struct identities *identities)
{
	return HASH_COUNT(identities->known);
}

json_t *identities_to_json(const struct identities *identities)
{
	struct identities *sortable = (struct identities *)identities;
	json_t *list = json_array();
	struct identity *identity, *next;

	HASH_SORT(sortable->known, identity_compare);
	HASH_ITER (hh, sortable->known, identity, next)
		json_array_append_new(
			list, json_pack("{s:I, s:O}", "id", (json_int_t)identity->number, "labels", identity->labels));
	return list;
}
