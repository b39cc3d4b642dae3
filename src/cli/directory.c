/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/directory.h"

#include "abi/ipcache.h"
#include "base/clock.h"
#include "cli/agent.h"
#include "cli/show.h"

const char *reserved_identity_name(uint32_t identity)
{
	switch (identity) {
	case IDENTITY_UNKNOWN:
		return "unknown";
#define X(symbol, number, name) \
	case IDENTITY_##symbol: \
		return name;
		RESERVED_IDENTITIES(X)
#undef X
	default:
		return NULL;
	}
}

/* An object of the array's elements, or of their member, by their ids. */
static json_t *index_by_id(const json_t *array, const char *member)
{
	json_t *index = json_object(), *element;
	char key[24];
	size_t i;

	json_array_foreach (array, i, element) {
		json_t *value = member ? json_object_get(element, member) : element;

		snprintf(key, sizeof(key), "%" JSON_INTEGER_FORMAT, row_number(element, "id"));
		if (value)
			json_object_set(index, key, value);
	}
	return index;
}

void directory_clear(struct directory *directory)
{
	json_decref(directory->identities);
	json_decref(directory->nodes);
	json_decref(directory->rules);
	directory->identities = directory->nodes = directory->rules = NULL;
}

void directory_fill(struct directory *directory, const json_t *identities, const json_t *nodes)
{
	directory_clear(directory);
	directory->identities = index_by_id(identities, "labels");
	directory->nodes = index_by_id(nodes, NULL);
}

int directory_fetch(struct directory *directory, struct error *error)
{
	json_auto_t *identities = NULL, *nodes = NULL;
	int r;

	directory->asked = clock_now();
	r = agent_get_array(directory->cli, "/v1/identities", &identities, error);
	if (!r)
		r = agent_get_array(directory->cli, "/v1/nodes", &nodes, error);
	if (r < 0)
		return r;
	directory_fill(directory, identities, nodes);
	return 0;
}

/* `table` is a member of the directory, which fetching replaces. */
static const json_t *look_up(struct directory *directory, json_t *const *table, uint32_t id)
{
	const json_t *found;
	char key[16];

	snprintf(key, sizeof(key), "%u", id);
	found = json_object_get(*table, key);
	if (found || !directory->cli || clock_now() - directory->asked < NS_PER_SECOND)
		return found;
	/* Names are a help, not the matter: without the agent the number has to do. */
	if (directory_fetch(directory, NULL) < 0)
		return NULL;
	return json_object_get(*table, key);
}

const json_t *directory_labels(struct directory *directory, uint32_t identity)
{
	return identity ? look_up(directory, &directory->identities, identity) : NULL;
}

const json_t *directory_node(struct directory *directory, uint16_t id)
{
	return id ? look_up(directory, &directory->nodes, id) : NULL;
}

const char *directory_device(struct directory *directory, uint32_t ifindex, uint64_t now)
{
	struct device_name *name = &directory->devices[ifindex % ARRAY_SIZE(directory->devices)];

	if (name->asked && name->ifindex == ifindex && now - name->asked < NS_PER_SECOND)
		return name->text;
	if (!ifindex || !if_indextoname(ifindex, name->text))
		snprintf(name->text, sizeof(name->text), "%u", ifindex);
	name->ifindex = ifindex;
	name->asked = now;
	return name->text;
}

/* A number means one rule as long as the agent lives. */
const json_t *directory_rule(struct directory *directory, uint32_t number)
{
	char key[16], path[64];
	json_t *rule;

	if (!number)
		return NULL;
	snprintf(key, sizeof(key), "%u", number);
	rule = json_object_get(directory->rules, key);
	if (!rule && directory->cli) {
		snprintf(path, sizeof(path), "/v1/policies/rules/%u", number);
		if (agent_get_object(directory->cli, path, &rule, NULL) < 0)
			rule = json_null();
		if (!directory->rules)
			directory->rules = json_object();
		json_object_set_new(directory->rules, key, rule);
	}
	return json_is_object(rule) ? rule : NULL;
}
