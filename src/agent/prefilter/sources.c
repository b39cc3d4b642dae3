/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where sets come from by themselves: the configuration's presets, the folder of lists, and the store, "prefilter/NAME"
 * ->
 * {"cidrs": ["192.0.2.0/24"]}. Part of the keeper.
 */
#include <errno.h>
#include <string.h>

#include "agent/prefilter/keeper.h"
#include "base/log.h"
#include "base/memory.h"

#define STORE_PREFIX "prefilter/"

/* Those that nobody has told in this life are no more. */
static void drop_untold(struct prefilter_keeper *keeper, enum set_origin origin)
{
	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++) {
		struct set *set = keeper->sets.at[i];

		if (set && set->origin == origin && !set->told)
			keeper_drop(keeper, set);
	}
}

/* ── presets ── */

static void open_presets(struct prefilter_keeper *keeper)
{
	static const struct {
		uint32_t bit;
		const char *set;
	} presets[] = {{PREFILTER_DROP_BOGONS, "bogons.deny"}, {PREFILTER_DROP_PRIVATE, "private.deny"}};

	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
		const char *const *text = preset_cidrs(presets[i].set);
		struct cidrs cidrs = {};
		struct prefix prefix;

		if (!(keeper->services.config->prefilter_drop & presets[i].bit))
			continue;
		for (; *text; text++)
			if (!prefix_parse(*text, &prefix))
				cidrs_add(&cidrs, &prefix);
		keeper_replace(keeper, SET_PRESET, presets[i].set, NULL, &cidrs);
	}
	drop_untold(keeper, SET_PRESET);
}

/* ── files ── */

static void file_changed(void *userdata, const char *name, const char *path)
{
	struct prefilter_keeper *keeper = userdata;
	struct cidrs none = {};

	keeper_replace(keeper, SET_FILE, name, path, &none);
	if (keeper->folder)
		keeper_next(keeper);
}

static void file_removed(void *userdata, const char *name)
{
	struct prefilter_keeper *keeper = userdata;
	struct set *set = sets_find(&keeper->sets, SET_FILE, name);

	if (!set)
		return;
	keeper_drop(keeper, set);
	keeper_next(keeper);
}

static void open_folder(struct prefilter_keeper *keeper)
{
	static const struct folder_events events = {file_changed, file_removed};

	keeper->folder = folder_new(keeper->services.loop, keeper->services.config->prefilter_folder, &events, keeper);
	drop_untold(keeper, SET_FILE);
}

/* ── the store ── */

static int store_cidrs(const json_t *value, struct cidrs *ret, struct error *error)
{
	json_t *item, *list = json_object_get(value, "cidrs");
	struct prefix prefix;
	size_t i;

	if (!json_is_array(list))
		return error_set(error, -EINVAL, "there is no list \"cidrs\"");
	json_array_foreach (list, i, item) {
		const char *text = json_string_value(item);

		if (!text)
			return error_set(error, -EINVAL, "cidrs[%zu] is no text", i);
		if (prefix_parse(text, &prefix))
			return error_set(error, -EINVAL, "cidrs[%zu]: \"%s\" %s", i, text, cidr_fault(text));
		cidrs_add(ret, &prefix);
	}
	return 0;
}

static void store_broken(void *userdata, const char *key, const struct error *error)
{
	struct prefilter_keeper *keeper = userdata;
	struct set *set = sets_find(&keeper->sets, SET_STORE, key + strlen(STORE_PREFIX));
	_cleanup_free_ char *words = xasprintf("%s of the store stays as it was: %s", key, error->message);

	log_warning("prefilter: %s", words);
	if (!set)
		return;
	set->told = true;
	set_problem(set, words);
}

static void store_set(void *userdata, const char *key, json_t *value)
{
	struct prefilter_keeper *keeper = userdata;
	struct cidrs cidrs = {};
	struct error error;

	if (store_cidrs(value, &cidrs, &error)) {
		cidrs_clear(&cidrs);
		store_broken(keeper, key, &error);
		return;
	}
	keeper_replace(keeper, SET_STORE, key + strlen(STORE_PREFIX), NULL, &cidrs);
	keeper_next(keeper);
}

static void store_removed(void *userdata, const char *key)
{
	struct prefilter_keeper *keeper = userdata;
	struct set *set = sets_find(&keeper->sets, SET_STORE, key + strlen(STORE_PREFIX));

	if (!set)
		return;
	keeper_drop(keeper, set);
	keeper_next(keeper);
}

static void store_synced(void *userdata)
{
	struct prefilter_keeper *keeper = userdata;

	drop_untold(keeper, SET_STORE);
	keeper_next(keeper);
}

void sources_open(struct prefilter_keeper *keeper)
{
	static const struct store_watcher watcher = {
		.set = store_set, .removed = store_removed, .synced = store_synced, .broken = store_broken};

	open_presets(keeper);
	open_folder(keeper);
	keeper->watch = store_watch(keeper->services.store, STORE_PREFIX, &watcher, keeper);
}

void sources_close(struct prefilter_keeper *keeper)
{
	folder_free(keeper->folder);
	if (keeper->watch)
		store_watch_close(keeper->watch);
}
