/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of the store, as other nodes and people write them: lines of a key and JSON; a key with what is no JSON was
 * deleted.
 */
#include "fuzz.h"

#include "agent/ipcache/ipcache.h"
#include "agent/node/json.h"
#include "base/memory.h"
#include "store/backend.h"

#define WATCHES_MAX 4

static struct watch {
	const char *prefix;
	struct store_watcher watcher;
	void *userdata;
} watches[WATCHES_MAX];
static struct node_info local = {.name = (char *)"a"}, other = {.name = (char *)"b", .id = 5};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_level(LOG_LEVEL_ERROR);
	freopen("/dev/null", "we", stdout);
	addr_parse("10.99.0.1", &local.address[FAMILY_V4]);
	addr_parse("10.99.0.2", &other.address[FAMILY_V4]);
	return 0;
}

/* ── what the rooms stand on ── */

void *__wrap_store_watch(struct store *store, const char *prefix, const struct store_watcher *watcher, void *userdata)
{
	for (size_t i = 0; i < WATCHES_MAX; i++) {
		if (watches[i].prefix)
			continue;
		watches[i] = (struct watch){prefix, *watcher, userdata};
		return &watches[i];
	}
	abort();
}

void __wrap_store_watch_close(struct watch *watch)
{
	watch->prefix = NULL;
}

void __wrap_store_put(struct store *store, const char *key, json_t *value, store_done done, void *userdata)
{
}

void __wrap_store_put_leased(struct store *store, const char *key, json_t *value, store_done done, void *userdata)
{
}

void __wrap_store_create(struct store *store, const char *key, json_t *value, store_done done, void *userdata)
{
}

void __wrap_store_delete(struct store *store, const char *key, store_done done, void *userdata)
{
}

const struct node_info *__wrap_nodes_find(const struct nodes *nodes, const char *name)
{
	if (!strcmp(name, "a"))
		return &local;
	return strcmp(name, "b") ? NULL : &other;
}

int __wrap_ipcache_each(const struct maps *maps,
                        int (*each)(const struct prefix *prefix, const struct ipcache_entry *entry, void *userdata),
                        void *userdata)
{
	return 0;
}

int __wrap_ipcache_set(const struct maps *maps, const struct prefix *prefix, const struct ipcache_entry *entry)
{
	must(prefix->bits <= ADDR_BITS);
	must(entry->identity && entry->identity <= 0xffffff);
	return 0;
}

int __wrap_ipcache_delete(const struct maps *maps, const struct prefix *prefix)
{
	return 0;
}

void __wrap_maps_bump_epoch(const struct maps *maps)
{
}

/* ── what is told ── */

static void upserted(void *userdata, const struct prefix *prefix, uint32_t identity, const char *node)
{
}

static void deleted(void *userdata, const struct prefix *prefix)
{
}

static void take_node(const char *key, json_t *value)
{
	struct node_info info = {}, again = {};
	struct error error = {};
	json_t *json;
	int result;

	result = node_info_parse(key + strlen("nodes/"), value, &info, &error);
	must_tell(result, &error);
	if (result)
		return;
	json = node_info_to_json(&info);
	must(!node_info_parse(info.name, json, &again, &error) && node_info_equal(&info, &again));
	json_decref(json);
	free(info.name);
	free(again.name);
}

static void take_key(const char *key, json_t *value)
{
	if (value && !strncmp(key, "nodes/", strlen("nodes/")))
		take_node(key, value);
	for (size_t i = 0; i < WATCHES_MAX; i++) {
		const struct watch *watch = &watches[i];

		if (!watch->prefix || strncmp(key, watch->prefix, strlen(watch->prefix)))
			continue;
		if (value)
			watch->watcher.set(watch->userdata, key, value);
		else
			watch->watcher.removed(watch->userdata, key);
	}
}

static void take_line(char *line)
{
	char *rest = line, *key = strsep(&rest, " ");
	json_t *value = rest ? json_loads(rest, 0, NULL) : NULL;

	if (store_key_valid(key))
		take_key(key, value);
	json_decref(value);
}

static void take_lines(char *text)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		if (strcmp(line, "synced")) {
			take_line(line);
			continue;
		}
		for (size_t i = 0; i < WATCHES_MAX; i++)
			if (watches[i].prefix && watches[i].watcher.synced)
				watches[i].watcher.synced(watches[i].userdata);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ipcache_events events = {.upserted = upserted, .deleted = deleted};
	_cleanup_free_ char *text = xcalloc(1, size + 1);
	struct ipcache_services services = {};
	uv_loop_t loop;
	json_t *list;

	uv_loop_init(&loop);
	services.loop = &loop;
	services.identities = identities_new(NULL, NULL, NULL);
	struct ipcache *ipcache = ipcache_new(&services, "a", &events, NULL);

	memcpy(text, data, size);
	take_lines(text);
	list = ipcache_to_json(ipcache);
	must(json_array_size(list) >= 2);
	json_decref(list);
	list = identities_to_json(services.identities);
	must(json_array_size(list) >= 7);
	json_decref(list);
	ipcache_free(ipcache);
	identities_free((struct identities *)services.identities);
	uv_run(&loop, UV_RUN_DEFAULT);
	must(!uv_loop_close(&loop));
	return 0;
}
