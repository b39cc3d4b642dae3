/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/services/retraction.h"

#include "agent/ipcache/publications.h"
#include "agent/services/internal.h"
#include "base/memory.h"

struct retraction {
	struct publications *host_ports; /* none is wanted */
	struct store_watch *watch;
};

static void on_set(void *userdata, const char *key, json_t *value)
{
	const struct retraction *retraction = userdata;

	publications_seen(retraction->host_ports, key, value);
}

static void on_removed(void *userdata, const char *key)
{
	const struct retraction *retraction = userdata;

	publications_gone(retraction->host_ports, key);
}

static void on_synced(void *userdata)
{
}

static void on_broken(void *userdata, const char *key, const struct error *error)
{
	on_set(userdata, key, json_null());
}

struct retraction *retraction_new(uv_loop_t *loop, struct store *store, const char *node)
{
	static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken, NULL};
	_cleanup_free_ char *prefix = xasprintf(HOST_PORT_KEYS "%s/", node);
	struct retraction *retraction = xnew(struct retraction);

	retraction->host_ports = publications_new(loop, store, store_put);
	publications_settle(retraction->host_ports);
	retraction->watch = store_watch(store, prefix, &watcher, retraction);
	return retraction;
}

void retraction_free(struct retraction *retraction)
{
	if (!retraction)
		return;
	store_watch_close(retraction->watch);
	publications_free(retraction->host_ports);
	free(retraction);
}
