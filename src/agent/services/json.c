/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services as docs/api.md shows them.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "agent/services/internal.h"
#include "base/memory.h"

static const char *const type_names[] = SERVICE_TYPE_NAMES;
static const char *const state_names[] = BACKEND_STATE_NAMES;
static const char *const algorithm_names[] = SERVICE_ALGORITHM_NAMES;

static json_t *backend_to_json(const struct member *member)
{
	const struct candidate *candidate = &member->candidate;
	char addr[ADDR_TEXT_MAX];

	return json_pack("{s:I, s:s, s:i, s:s, s:i, s:b, s:b}", "id", (json_int_t)candidate->id, "address",
	                 addr_format(&candidate->addr, addr), "port", candidate->port, "state",
	                 state_names[candidate->state], "weight", candidate->weight, "local",
	                 !!(candidate->place & BACKEND_ON_NODE), "serves", member->serves);
}

static json_t *backends_to_json(const struct record *record, uint32_t number)
{
	const struct group *group = group_numbered(record->groups, record->group_count, number);
	json_t *list = json_array();

	for (size_t i = 0; group && i < group->count; i++)
		json_array_append_new(list, backend_to_json(&group->members[i]));
	return list;
}

static json_t *policies_to_json(const struct service_spec *spec)
{
	return json_pack("{s:s, s:s}", "internal", spec->internal_local ? "Local" : "Cluster", "external",
	                 spec->external_local ? "Local" : "Cluster");
}

static json_t *ranges_to_json(const struct service_spec *spec)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < spec->range_count; i++)
		json_array_append_new(list, json_string(prefix_format(&spec->ranges[i], text)));
	return list;
}

static json_t *frontend_to_json(const struct services *services, const struct frontend *frontend)
{
	const struct record *record = frontend->owner;
	const struct service_spec *spec = record->spec;
	const char *slash = strrchr(service_key_format(&frontend->key, (char[SERVICE_KEY_TEXT_MAX]){}), '/');
	char addr[ADDR_TEXT_MAX];

	return json_pack("{s:I, s:s, s:i, s:s, s:s, s:s?, s:s, s:I, s:o, s:o, s:o}", "id",
	                 (json_int_t)frontend->value.number, "address", addr_format(&frontend->key.addr, addr), "port",
	                 ntohs(frontend->key.port), "protocol", slash + 1, "type", type_names[frontend->type],
	                 "service", record_is_by_hand(record) ? NULL : record_name(record), "algorithm",
	                 algorithm_names[algorithm_of(services, spec)], "affinity", (json_int_t)spec->affinity,
	                 "traffic-policy", policies_to_json(spec), "source-ranges", ranges_to_json(spec), "backends",
	                 backends_to_json(record, frontend->value.number));
}

static int by_number(const void *a, const void *b)
{
	const struct frontend *left = *(struct frontend *const *)a, *right = *(struct frontend *const *)b;

	if (left->value.number != right->value.number)
		return left->value.number < right->value.number ? -1 : 1;
	return left->type != right->type ? (int)left->type - (int)right->type
	                                 : memcmp(&left->key, &right->key, sizeof(left->key));
}

/* Those that are served; of an earlier agent's nothing is known but the maps. */
static bool is_shown(const struct frontend *frontend)
{
	return frontend->value.number && frontend->owner && frontend->owner->spec;
}

static json_t *frontends_to_json(const struct services *services, struct frontend **frontends, size_t count)
{
	json_t *list = json_array();

	qsort(frontends, count, sizeof(*frontends), by_number);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, frontend_to_json(services, frontends[i]));
	return list;
}

json_t *services_to_json(const struct services *services)
{
	_cleanup_free_ struct frontend **shown =
		xcalloc(HASH_COUNT(services->frontends) + 1, sizeof(struct frontend *));
	struct frontend *frontend, *next;
	size_t count = 0;

	HASH_ITER (hh, services->frontends, frontend, next)
		if (is_shown(frontend))
			shown[count++] = frontend;
	return frontends_to_json(services, shown, count);
}

/* All of them are the same record's. */
json_t *service_to_json(const struct services *services, uint32_t number)
{
	const struct frontend *found = frontend_numbered(services, number);
	const struct record *record = found ? found->owner : NULL;
	_cleanup_free_ struct frontend **shown =
		xcalloc((record ? record->frontend_count : 0) + 1, sizeof(struct frontend *));
	size_t count = 0;

	for (size_t i = 0; record && i < record->frontend_count; i++)
		if (is_shown(record->frontends[i]) && record->frontends[i]->value.number == number)
			shown[count++] = record->frontends[i];
	return frontends_to_json(services, shown, count);
}

json_t *services_warnings(const struct services *services)
{
	json_t *list = json_array();
	struct record *record, *next;

	HASH_ITER (hh, services->records, record, next)
		if (record->trouble)
			json_array_append_new(
				list, json_sprintf("service %s: %s", record_name(record), record->trouble->message));
	return list;
}

json_t *services_status(const struct services *services)
{
	size_t records = 0, frontends = 0, backends = 0;
	const struct record *record;

	for (record = services->records; record; record = record->hh.next) {
		records += record->frontend_count > 0;
		frontends += record->frontend_count;
		for (size_t i = 0; i < record->group_count; i++)
			backends += record->groups[i].count;
	}
	return json_pack("{s:I, s:I, s:I}", "services", (json_int_t)records, "frontends", (json_int_t)frontends,
	                 "backends", (json_int_t)backends);
}
