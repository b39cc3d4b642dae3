/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policies of the store. One that is wrong is said to be, and what its key held before stays in force.
 */
#include <errno.h>
#include <string.h>

#include "agent/policy/internal.h"
#include "base/log.h"
#include "base/memory.h"
#include "policy/parse.h"

static char *key_of(const struct policy *policy)
{
	static const char *const kinds[] = POLICY_KIND_NAMES;

	return xasprintf(POLICY_FOLDER "%s/%s%s%s", kinds[policy->kind], policy->space ?: "", policy->space ? "/" : "",
	                 policy->name);
}

/* The first problem speaks for all. */
static int tell_problems(const struct problems *problems, struct error *error)
{
	if (problems->count > 1)
		return error_set(error, -EINVAL, "%s (and %zu more)", problems->texts[0], problems->count - 1);
	return error_set(error, -EINVAL, "%s", problems->texts[0]);
}

static int check_one(const struct policy_list *list, struct error *error)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->policies[i]->name, list->policies[0]->name) != 0)
			return error_set(error, -EINVAL, "a list of policies must be taken apart");
	return list->count ? 0 : error_set(error, -EINVAL, "there is no policy in it");
}

/* What is named in problems: the object, as far as it has a name. */
static char *title_of(json_t *value)
{
	const json_t *metadata = json_object_get(value, "metadata");
	const char *kind = json_string_value(json_object_get(value, "kind"));
	const char *name = json_string_value(json_object_get(metadata, "name"));

	return xasprintf("%s %s", kind ?: "object", name ?: "without a name");
}

int object_read(json_t *value, char **ret_key, char **ret_text, struct policy_list *ret, struct error *error)
{
	_cleanup_free_ char *title = title_of(value), *text = json_dumps(value, JSON_COMPACT);
	_cleanup_(problems_clear) struct problems problems = {};
	_cleanup_(policy_list_clear) struct policy_list list = {};
	int result;

	if (!text)
		return error_set(error, -EINVAL, "%s: it is no JSON object", title);
	if (policy_parse(title, text, strlen(text), &list, &problems))
		return tell_problems(&problems, error);
	result = check_one(&list, error);
	if (result)
		return error_prefix(error, "%s", title);
	*ret_key = key_of(list.policies[0]);
	*ret_text = TAKE_PTR(text);
	*ret = list;
	list = (struct policy_list){};
	return 0;
}

/* ── in force ── */

/* The rulebook owns the policies from here on. */
static void enter(struct policies *policies, const struct object *object)
{
	for (size_t i = 0; i < object->list.count; i++) {
		world_enter(policies->world, object->list.policies[i]);
		policy_sets_touch(policies, object->list.policies[i]);
	}
}

static void retire(struct policies *policies, struct object *object)
{
	for (size_t i = 0; i < object->list.count; i++) {
		policy_sets_touch(policies, object->list.policies[i]);
		world_leave(policies->world, object->list.policies[i]);
		rulebook_retire(policies->book, object->list.policies[i]);
	}
	free(object->list.policies);
	object->list = (struct policy_list){};
}

void objects_enter(struct policies *policies)
{
	const struct object *object;

	for (object = policies->objects; object; object = object->hh.next)
		enter(policies, object);
}

size_t object_rules(const struct object *object)
{
	size_t count = 0;

	for (size_t i = 0; i < object->list.count; i++)
		count += object->list.policies[i]->rule_count;
	return count;
}

struct object *object_find(const struct policies *policies, const char *key)
{
	struct object *object;

	HASH_FIND_STR(policies->objects, key, object);
	return object;
}

static struct object *object_make(struct policies *policies, const char *key)
{
	struct object *object = object_find(policies, key);

	if (object)
		return object;
	object = xnew(struct object);
	object->key = xstrdup(key);
	HASH_ADD_KEYPTR(hh, policies->objects, object->key, strlen(object->key), object);
	return object;
}

static void object_free(struct policies *policies, struct object *object)
{
	HASH_DEL(policies->objects, object);
	free(object->list.policies);
	free(object->key);
	free(object->text);
	free(object->trouble);
	free(object);
}

/* Takes text and list over. */
static void object_replace(struct policies *policies, struct object *object, char *text, struct policy_list *list)
{
	retire(policies, object);
	free(object->text);
	object->text = text;
	object->list = *list;
	for (size_t i = 0; i < list->count; i++)
		rulebook_enter(policies->book, list->policies[i]);
	if (policies->complete)
		enter(policies, object);
	policies->revision++;
}

/* What an agent before had in force in its place. */
static void recall(struct policies *policies, struct object *object)
{
	json_t *value = json_object_get(policies->kept, object->key);
	_cleanup_free_ char *own = NULL, *text = NULL;
	struct policy_list list = {};
	struct error error = {};

	if (!value)
		return;
	if (object_read(value, &own, &text, &list, &error))
		log_error("what was in force of %s is no policy any more: %s", object->key, error.message);
	else
		object_replace(policies, object, TAKE_PTR(text), &list);
}

static void object_blame(struct policies *policies, struct object *object, const struct error *error)
{
	if (!object->text)
		recall(policies, object);
	if (object->text)
		kept_put(policies, object->key, object->text);
	log_warning("store: %s is no policy that can be enforced%s: %s", object->key,
	            object->text ? ", the one before stays in force" : "", error->message);
	free(object->trouble);
	object->trouble = xstrdup(error->message);
	policies->import_errors++;
}

/* ── what the store says ── */

static void on_set(void *userdata, const char *key, json_t *value)
{
	struct policies *policies = userdata;
	struct object *object = object_make(policies, key);
	_cleanup_free_ char *own = NULL, *text = NULL;
	_cleanup_(policy_list_clear) struct policy_list list = {};
	struct error error = {};

	if (!object_read(value, &own, &text, &list, &error) && strcmp(own, key) != 0)
		error_set(&error, -EINVAL, "it is the policy of %s", own);
	if (error.code) {
		object_blame(policies, object, &error);
	} else {
		free(TAKE_PTR(object->trouble));
		kept_drop(policies, key);
		if (!object->text || strcmp(object->text, text) != 0) {
			object_replace(policies, object, TAKE_PTR(text), &list);
			list = (struct policy_list){};
		}
	}
	waits_told(policies, key);
}

static void on_removed(void *userdata, const char *key)
{
	struct policies *policies = userdata;
	struct object *object = object_find(policies, key);

	if (!object)
		return;
	kept_drop(policies, key);
	retire(policies, object);
	object_free(policies, object);
	policies->revision++;
	waits_told(policies, key);
}

static void on_synced(void *userdata)
{
	struct policies *policies = userdata;

	policies->told = true;
	kept_settle(policies);
	policy_sets_start(policies);
}

static void on_broken(void *userdata, const char *key, const struct error *error)
{
	struct policies *policies = userdata;

	object_blame(policies, object_make(policies, key), error);
}

/* The store was set up anew: every node knows the policies, and one of them is the first to tell it. */
static void on_renewed(void *userdata)
{
	const struct policies *policies = userdata;
	const struct object *object;

	for (object = policies->objects; object; object = object->hh.next) {
		json_t *value = object->text ? json_loads(object->text, 0, NULL) : NULL;

		if (value)
			store_create(policies->services.store, object->key, value, NULL, NULL);
		json_decref(value);
	}
}

void objects_watch(struct policies *policies)
{
	static const struct store_watcher watcher = {on_set, on_removed, on_synced, on_broken, on_renewed};

	policies->watch = store_watch(policies->services.store, POLICY_FOLDER, &watcher, policies);
}

void objects_clear(struct policies *policies)
{
	struct object *object, *next;

	HASH_ITER (hh, policies->objects, object, next)
		object_free(policies, object);
}
