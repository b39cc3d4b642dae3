/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prefilter/keep.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

#define REVISION_FIRST 1

bool keep_has_list(const struct set *set)
{
	return set->origin != SET_PRESET;
}

static char *state_path(const char *folder)
{
	return xasprintf("%s/state.json", folder);
}

char *keep_path(const char *folder, enum set_origin origin, const char *name)
{
	return xasprintf("%s/%s/%s", folder, set_origins[origin], name);
}

static int origin_of(const char *word)
{
	for (int origin = 0; word && origin < SET_ORIGINS; origin++)
		if (!strcmp(set_origins[origin], word))
			return origin;
	return -EINVAL;
}

static void read_set(const char *folder, const json_t *item, struct sets *sets)
{
	const char *name = json_string_value(json_object_get(item, "name"));
	int origin = origin_of(json_string_value(json_object_get(item, "origin")));
	struct error error;
	struct set *set;

	if (!name || origin < 0 || sets_find(sets, origin, name))
		return;
	if (sets_add(sets, origin, name, (int)json_integer_value(json_object_get(item, "slot")), &set, &error))
		log_warning("prefilter: a set of %s is left out: %s", folder, error.message);
}

void keep_read(const char *folder, struct sets *ret_sets, uint64_t *ret_revision)
{
	_cleanup_free_ char *path = state_path(folder);
	json_error_t fault;
	json_auto_t *state = json_load_file(path, 0, &fault);
	json_int_t revision = json_integer_value(json_object_get(state, "revision"));
	json_t *item;
	size_t i;

	if (!state && json_error_code(&fault) != json_error_cannot_open_file)
		log_warning("prefilter: %s cannot be read, revisions and counters begin anew: %s", path, fault.text);
	json_array_foreach (json_object_get(state, "sets"), i, item)
		read_set(folder, item, ret_sets);
	*ret_revision = revision > 0 ? (uint64_t)revision : REVISION_FIRST;
}

static int write_list(const char *folder, const struct set *set)
{
	_cleanup_free_ char *path = keep_path(folder, set->origin, set->name),
			    *parent = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
	size_t size;
	_cleanup_free_ char *text = cidrs_write(&set->cidrs, &size);
	int r = folder_make(parent, 0700);

	return r ? r : file_write_atomic(path, text, size, 0600);
}

static int write_state(const char *folder, const struct sets *sets, uint64_t revision)
{
	json_auto_t *state = json_pack("{s:I, s:[]}", "revision", (json_int_t)revision, "sets");
	_cleanup_free_ char *path = state_path(folder), *text = NULL;
	int r = folder_make(folder, 0700);

	for (size_t i = 0; i < PREFILTER_SETS_MAX; i++)
		if (sets->at[i] && (sets->at[i]->cidrs.count || !keep_has_list(sets->at[i])))
			json_array_append_new(json_object_get(state, "sets"),
			                      json_pack("{s:s, s:s, s:i}", "name", sets->at[i]->name, "origin",
			                                set_origins[sets->at[i]->origin], "slot", (int)i));
	text = json_dumps(state, JSON_INDENT(2));
	return r ? r : file_write_atomic(path, text, strlen(text), 0600);
}

int keep_write(const char *folder, const struct sets *sets, const bool changed[static PREFILTER_SETS_MAX],
               uint64_t revision, struct error *error)
{
	int r = 0;

	for (size_t i = 0; i < PREFILTER_SETS_MAX && !r; i++)
		if (changed[i] && sets->at[i] && keep_has_list(sets->at[i]))
			r = write_list(folder, sets->at[i]);
	if (!r)
		r = write_state(folder, sets, revision);
	return r ? error_set_errno(error, r,
	                           "revision %llu of the prefilter is in force, but would not be after a restart: "
	                           "cannot write it to %s",
	                           (unsigned long long)revision, folder)
	         : 0;
}

void keep_forget(const char *folder, enum set_origin origin, const char *name)
{
	_cleanup_free_ char *path = keep_path(folder, origin, name);

	file_delete(path);
}
