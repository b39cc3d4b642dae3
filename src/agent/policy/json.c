/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as docs/api.md shows them.
 */
#include <string.h>

#include "agent/policy/internal.h"
#include "base/memory.h"

/* "KIND/NAMESPACE/NAME" and "KIND/NAME", from the key. */
static json_t *names_of(const struct object *object)
{
	_cleanup_free_ char *copy = xstrdup(object->key + strlen(POLICY_FOLDER));
	char *space = strchr(copy, '/'), *name = strrchr(copy, '/');

	if (!space)
		return json_pack("{s:s, s:n, s:s}", "kind", "", "namespace", "name", copy);
	*space++ = *name++ = '\0';
	return json_pack("{s:s, s:s?, s:s}", "kind", copy, "namespace", space == name ? NULL : space, "name", name);
}

static json_t *object_to_json(const struct object *object)
{
	json_t *json = names_of(object);

	json_object_set_new(json, "rules", json_integer((json_int_t)object_rules(object)));
	json_object_set_new(json, "problem", object->trouble ? json_string(object->trouble) : json_null());
	json_object_set_new(json, "policy", object->text ? json_loads(object->text, 0, NULL) : json_null());
	return json;
}

static int compare(const struct object *a, const struct object *b)
{
	return strcmp(a->key, b->key);
}

json_t *policies_to_json(const struct policies *policies)
{
	struct policies *sortable = (struct policies *)policies;
	json_t *list = json_array();
	const struct object *object;

	HASH_SORT(sortable->objects, compare);
	for (object = sortable->objects; object; object = object->hh.next)
		json_array_append_new(list, object_to_json(object));
	return list;
}

static void add_selection(const struct selection *selection, void *userdata)
{
	_cleanup_free_ char *text = selector_format(&selection->selector);
	json_t *identities = json_array();

	for (size_t i = 0; i < selection->identities.count; i++)
		json_array_append_new(identities, json_integer(selection->identities.numbers[i]));
	json_array_append_new(userdata, json_pack("{s:s, s:I, s:o}", "selector", text, "users",
	                                          (json_int_t)selection->users, "identities", identities));
}

json_t *policies_selectors(const struct policies *policies)
{
	json_t *list = json_array();

	world_each_selection(policies->world, add_selection, list);
	return list;
}

struct policy_counts policies_count(const struct policies *policies)
{
	struct policy_counts counts = {.revision = policies->revision,
	                               .import_errors = policies->import_errors,
	                               .policies = HASH_COUNT(policies->objects),
	                               .sets = HASH_COUNT(policies->sets)};
	const struct set *set;

	for (set = policies->sets; set; set = set->hh.next) {
		counts.entries += set->compiled.count;
		counts.locked_down += set->locked;
	}
	return counts;
}

json_t *policies_status(const struct policies *policies)
{
	const struct config *config = policies->services.config;
	struct policy_counts counts = policies_count(policies);

	return json_pack("{s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:I, s:I}", "state",
	                 policies->in_force ? "in force" : "waiting for the store", "enforcement",
	                 enforcement_modes[config->enable_policy], "audit", config->policy_audit_mode,
	                 "allow-localhost", localhost_modes[config->allow_localhost], "policies",
	                 (json_int_t)counts.policies, "revision", (json_int_t)counts.revision, "sets",
	                 (json_int_t)counts.sets, "entries", (json_int_t)counts.entries, "locked-down",
	                 (json_int_t)counts.locked_down);
}

void policies_warn(const struct policies *policies, json_t *list)
{
	const struct object *object;
	const struct set *set;

	if (!policies->in_force)
		json_array_append_new(list, json_string("the policies are not known yet: endpoints keep what was "
		                                        "enforced, new ones are closed"));
	for (object = policies->objects; object; object = object->hh.next)
		if (object->trouble)
			json_array_append_new(list, json_sprintf("%s is %s: %s", object->key,
			                                         object->text ? "wrong, the one before stays in force"
			                                                      : "not enforced",
			                                         object->trouble));
	for (set = policies->sets; set; set = set->hh.next)
		if (set->locked)
			json_array_append_new(list, json_sprintf("the policies of identity %u do not fit into the "
			                                         "maps: its pods are locked down",
			                                         set->identity));
}
