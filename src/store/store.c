/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The front of every store: picks the backend of a URL, checks keys and values, and turns calls into requests.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "store/backend.h"

#define KEY_MAX 200

static const struct store_backend *const backends[] = {&store_dir, &store_etcd};

/* NULL when there is no such kind; else *ret_location is what stands behind the colon. */
static const struct store_backend *find_backend(const char *url, const char **ret_location, struct error *error)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++) {
		size_t length = strlen(backends[i]->kind);

		if (strncmp(url, backends[i]->kind, length) || url[length] != ':')
			continue;
		*ret_location = url + length + 1;
		return backends[i];
	}
	error_set(error, -EINVAL, "\"%s\" is no store: write dir:/FOLDER or etcd:http://HOST:PORT", url);
	return NULL;
}

int store_check(const char *url, struct error *error)
{
	const char *location;
	const struct store_backend *backend = find_backend(url, &location, error);

	return backend ? backend->check(location, error) : -EINVAL;
}

int store_open(uv_loop_t *loop, const char *url, const struct store_access *access, struct store **ret,
               struct error *error)
{
	const char *location;
	const struct store_backend *backend = find_backend(url, &location, error);
	struct store *store;
	int result = backend ? backend->open(loop, location, access, &store, error) : -EINVAL;

	if (result < 0)
		return result;
	store->backend = backend;
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store->closed = true;
	store->backend->close(store);
}

static bool segment_valid(const char *segment, size_t length)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:%+=-";

	return length && *segment != '.' && strspn(segment, allowed) >= length;
}

bool store_key_valid(const char *key)
{
	if (strlen(key) > KEY_MAX)
		return false;
	for (const char *end;; key = end + 1) {
		end = strchrnul(key, '/');
		if (!segment_valid(key, end - key))
			return false;
		if (!*end)
			return true;
	}
}

static struct store_request *request_new(struct store *store, enum store_verb verb, const char *key, void *userdata)
{
	struct store_request *request = xnew(struct store_request);

	request->store = store;
	request->verb = verb;
	request->key = xstrdup(key);
	request->userdata = userdata;
	if (!store_key_valid(key))
		error_set(&request->error, -EINVAL, "store key '%.*s' is not valid", KEY_MAX, key);
	return request;
}

static void request_set_value(struct store_request *request, json_t *value)
{
	_cleanup_free_ char *text = json_is_object(value) ? json_dumps(value, JSON_INDENT(2)) : NULL;

	if (text)
		request->text = xasprintf("%s\n", text);
	else if (!request->error.code)
		error_set(&request->error, -EINVAL, "store key '%s': the value is no JSON object", request->key);
}

static void store_write(struct store *store, enum store_verb verb, const char *key, json_t *value, store_done done,
                        void *userdata)
{
	struct store_request *request = request_new(store, verb, key, userdata);

	request->done = done;
	if (verb != STORE_DELETE)
		request_set_value(request, value);
	store->backend->ask(store, request);
}

void store_put(struct store *store, const char *key, json_t *value, store_done done, void *userdata)
{
	store_write(store, STORE_PUT, key, value, done, userdata);
}

void store_put_leased(struct store *store, const char *key, json_t *value, store_done done, void *userdata)
{
	store_write(store, STORE_PUT_LEASED, key, value, done, userdata);
}

void store_create(struct store *store, const char *key, json_t *value, store_done done, void *userdata)
{
	store_write(store, STORE_CREATE, key, value, done, userdata);
}

void store_delete(struct store *store, const char *key, store_done done, void *userdata)
{
	store_write(store, STORE_DELETE, key, NULL, done, userdata);
}

void store_get(struct store *store, const char *key, store_got got, void *userdata)
{
	struct store_request *request = request_new(store, STORE_GET, key, userdata);

	request->got = got;
	store->backend->ask(store, request);
}

json_t *store_parse(const char *key, const char *text, struct error *error)
{
	json_error_t reason;
	json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &reason);

	if (json_is_object(value))
		return value;
	if (value)
		error_set(error, -EINVAL, "store key '%s' holds JSON, but no object", key);
	else
		error_set(error, -EINVAL, "store key '%s' holds no valid JSON: line %d: %s", key, reason.line,
		          reason.text);
	json_decref(value);
	return NULL;
}

static void answer_got(struct store_request *request)
{
	json_t *value = request->error.code ? NULL : store_parse(request->key, request->text, &request->error);

	request->got(request->userdata, request->error.code, value, &request->error);
	json_decref(value);
}

void store_answer(struct store_request *request)
{
	if (request->store->closed)
		;
	else if (request->got)
		answer_got(request);
	else if (request->done)
		request->done(request->userdata, request->error.code, &request->error);
	free(request->key);
	free(request->text);
	free(request);
}

struct store_watch *store_watch(struct store *store, const char *prefix, const struct store_watcher *watcher,
                                void *userdata)
{
	struct store_watch *watch = store->backend->watch(store);

	watch->store = store;
	watch->prefix = xstrdup(prefix);
	watch->watcher = *watcher;
	watch->userdata = userdata;
	return watch;
}

void store_watch_close(struct store_watch *watch)
{
	if (watch)
		watch->store->backend->watch_close(watch);
}

json_t *store_status(const struct store *store)
{
	return store->backend->status(store);
}
