/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ipcache/publications.h"

#include <stdbool.h>

#include "base/log.h"
#include "base/memory.h"

#define RETRY_MS 1000

struct publications {
	struct store *store;
	publications_write write;
	json_t *wanted; /* key -> value */
	json_t *seen;   /* key -> value: what the store holds of ours */
	json_t *taken;  /* keys that are another node's */
	bool settled, failing;
	uv_timer_t retry;
};

static void retry_due(uv_timer_t *timer);

static void told(void *userdata, int result, const struct error *error)
{
	struct publications *publications = userdata;

	if (result && !publications->failing)
		log_warning("what this node publishes does not reach the store, trying on: %s", error->message);
	if (result)
		uv_timer_start(&publications->retry, retry_due, RETRY_MS, 0);
	publications->failing = result;
}

static void tell(struct publications *publications, const char *key)
{
	json_t *wanted = json_object_get(publications->wanted, key);

	if (json_object_get(publications->taken, key))
		return;
	if (wanted)
		publications->write(publications->store, key, wanted, told, publications);
	else
		store_delete(publications->store, key, told, publications);
}

static void tell_all(struct publications *publications)
{
	const char *key;
	json_t *value;

	json_object_foreach (publications->wanted, key, value) {
		if (!json_equal(value, json_object_get(publications->seen, key)))
			tell(publications, key);
	}
	if (!publications->settled)
		return;
	json_object_foreach (publications->seen, key, value) {
		if (!json_object_get(publications->wanted, key))
			tell(publications, key);
	}
}

static void retry_due(uv_timer_t *timer)
{
	tell_all(timer->data);
}

struct publications *publications_new(uv_loop_t *loop, struct store *store, publications_write write)
{
	struct publications *publications = xnew(struct publications);

	publications->store = store;
	publications->write = write;
	publications->wanted = json_object();
	publications->seen = json_object();
	publications->taken = json_object();
	uv_timer_init(loop, &publications->retry);
	publications->retry.data = publications;
	return publications;
}

static void timer_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void publications_free(struct publications *publications)
{
	json_decref(publications->wanted);
	json_decref(publications->seen);
	json_decref(publications->taken);
	uv_close((uv_handle_t *)&publications->retry, timer_closed);
}

void publications_set(struct publications *publications, const char *key, json_t *value)
{
	json_object_set_new(publications->wanted, key, value);
	tell(publications, key);
}

void publications_unset(struct publications *publications, const char *key)
{
	if (!json_object_del(publications->wanted, key))
		tell(publications, key);
}

const json_t *publications_get(const struct publications *publications, const char *key)
{
	return json_object_get(publications->wanted, key);
}

void publications_settle(struct publications *publications)
{
	publications->settled = true;
	tell_all(publications);
}

void publications_seen(struct publications *publications, const char *key, json_t *value)
{
	const json_t *wanted = json_object_get(publications->wanted, key);

	json_object_del(publications->taken, key);
	json_object_set(publications->seen, key, value);
	if ((wanted || publications->settled) && !json_equal(value, wanted))
		tell(publications, key);
}

void publications_taken(struct publications *publications, const char *key)
{
	json_object_del(publications->seen, key);
	json_object_set_new(publications->taken, key, json_true());
}

void publications_gone(struct publications *publications, const char *key)
{
	json_object_del(publications->seen, key);
	json_object_del(publications->taken, key);
	if (json_object_get(publications->wanted, key))
		tell(publications, key);
}

void publications_renew(struct publications *publications)
{
	json_object_clear(publications->seen);
	json_object_clear(publications->taken);
	tell_all(publications);
}
