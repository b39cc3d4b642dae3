/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From one state of a record to the next, so that a packet sees the one or the other: backends and sets are written
 * before anything points to them, then each frontend is switched, and what nobody points to any more goes last. When
 * there is no room for the new ones, the frontends stay as they are.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "agent/services/internal.h"
#include "base/memory.h"

struct application {
	struct services *services;
	struct record *record;
	struct group *groups;
	size_t count;
};

static const struct maps *maps_of(const struct application *application)
{
	return application->services->needs.maps;
}

static struct group *before(const struct application *application, const struct group *group)
{
	return group_numbered(application->record->groups, application->record->group_count, group->number);
}

/* ── backends ── */

static struct backend backend_of(const struct group *group, const struct member *member)
{
	const struct candidate *candidate = &member->candidate;

	return (struct backend){.addr = candidate->addr,
	                        .service = group->number,
	                        .port = htons(candidate->port),
	                        .protocol = candidate->protocol,
	                        .state = candidate->state,
	                        .serves = member->serves};
}

static const struct member *member_before(const struct group *old, const struct member *member)
{
	const struct member *found = NULL;

	if (old && old->count)
		found = bsearch(member, old->members, old->count, sizeof(*member), member_compare);
	return found && found->candidate.id == member->candidate.id ? found : NULL;
}

/* Who serves no more says so only after nobody is sent to it. */
static int write_backends(const struct application *application, const struct group *group, bool after)
{
	const struct group *old = before(application, group);
	_cleanup_free_ struct backend *backends = xcalloc(group->count + 1, sizeof(*backends));
	_cleanup_free_ uint32_t *ids = xcalloc(group->count + 1, sizeof(*ids));
	uint32_t count = 0;

	for (size_t i = 0; i < group->count; i++) {
		const struct member *member = &group->members[i], *was = member_before(old, member);
		bool leaves = was && was->serves && !member->serves;

		if (was && was->serves == member->serves && was->candidate.state == member->candidate.state)
			continue;
		if (leaves != after)
			continue;
		backends[count] = backend_of(group, member);
		ids[count++] = member->candidate.id;
	}
	return backend_map_set_many(maps_of(application), ids, backends, count);
}

static void retire_backends(const struct application *application, const struct group *old, const struct group *now)
{
	for (size_t i = 0; i < old->count; i++)
		if (!now || !member_before(now, &old->members[i]))
			retire_backend(application->services, old->members[i].candidate.id);
}

/* ── sets ── */

static bool needs(const struct application *application, const struct group *group, enum reach reach)
{
	const struct record *record = application->record;

	for (size_t i = 0; i < record->frontend_count; i++) {
		const struct frontend *frontend = record->frontends[i];

		if (!frontend->wanted || group_of_frontend(application->groups, application->count, frontend) != group)
			continue;
		if (reach_of(record->spec, frontend->type, SERVICE_INSIDE) == reach ||
		    reach_of(record->spec, frontend->type, SERVICE_OUTSIDE) == reach)
			return true;
	}
	return false;
}

static uint64_t digest_of(const uint32_t *backends, uint32_t count)
{
	uint64_t digest = 0;

	for (uint32_t first = 0, chunk = 0; first < count; first += SERVICE_SLOTS, chunk++) {
		struct service_slots slots = {};
		uint32_t size = count - first < SERVICE_SLOTS ? count - first : SERVICE_SLOTS;

		memcpy(slots.backend, &backends[first], size * sizeof(*backends));
		digest += slots_digest(&slots, chunk);
	}
	return digest;
}

static bool is_same(const struct slot_set *a, const struct slot_set *b)
{
	return a->count == b->count && a->digest == b->digest;
}

static const struct slot_set *find_same(const struct group *old, const struct slot_set *set)
{
	for (enum reach reach = 0; old && reach < REACHES; reach++)
		if (is_same(&old->sets[reach], set))
			return &old->sets[reach];
	return NULL;
}

static bool has_set(const struct group *group, uint32_t set)
{
	for (enum reach reach = 0; group && reach < REACHES; reach++)
		if (group->sets[reach].count && group->sets[reach].set == set)
			return true;
	return false;
}

/* One that is as it was keeps its number; and both may be the same. */
static int write_set(const struct application *application, struct group *group, enum reach reach)
{
	const struct group *old = before(application, group);
	struct slot_set *set = &group->sets[reach];
	const struct slot_set *same;
	_cleanup_free_ uint32_t *slots = NULL;

	set->count = group_slots(application->services, application->record->spec, group, reach, &slots);
	set->digest = digest_of(slots, set->count);
	if (!set->count)
		return 0;
	same = find_same(old, set);
	if (!same && reach && is_same(&group->sets[0], set))
		same = &group->sets[0];
	if (same) {
		set->set = same->set;
		return 0;
	}
	set->set = ++application->services->last_set;
	return service_slots_set(maps_of(application), set->set, slots, set->count);
}

static int write_sets(const struct application *application, struct group *group)
{
	int r = 0;

	for (enum reach reach = 0; reach < REACHES && !r; reach++)
		if (needs(application, group, reach))
			r = write_set(application, group, reach);
	return r;
}

static void retire_sets(const struct application *application, const struct group *old, const struct group *now)
{
	for (enum reach reach = 0; reach < REACHES; reach++) {
		bool doubled = reach && old->sets[reach].set == old->sets[0].set && old->sets[0].count;

		if (!doubled && !has_set(now, old->sets[reach].set))
			retire_set(application->services, &old->sets[reach]);
	}
}

/* ── source ranges ── */

static bool has_range(const struct group *group, const struct prefix *prefix)
{
	for (size_t i = 0; group && i < group->range_count; i++)
		if (prefix_equal(&group->ranges[i], prefix))
			return true;
	return false;
}

static int write_ranges(const struct application *application, const struct group *group)
{
	const struct group *old = before(application, group);
	int r = 0;

	for (size_t i = 0; i < group->range_count && !r; i++)
		if (!has_range(old, &group->ranges[i]))
			r = source_range_set(maps_of(application), group->number, &group->ranges[i]);
	return r;
}

static void remove_ranges(const struct application *application, const struct group *old, const struct group *now)
{
	for (size_t i = 0; i < old->range_count; i++)
		if (!has_range(now, &old->ranges[i]))
			source_range_delete(maps_of(application), old->number, &old->ranges[i]);
}

/* ── frontends ── */

static bool answers_directly(const struct config *config, const struct frontend *frontend)
{
	return config->lb_mode == LB_DSR || (config->lb_mode == LB_HYBRID && frontend->key.protocol == PROTOCOL_TCP);
}

static uint16_t flags_of(const struct application *application, const struct frontend *frontend,
                         const struct group *group)
{
	const struct config *config = application->services->needs.config;
	bool maglev = algorithm_of(application->services, application->record->spec) == ALGORITHM_MAGLEV;
	uint16_t flags = maglev ? SERVICE_MAGLEV : 0;
	bool by_hand = strncmp(application->record->key, FRONTEND_KEYS, strlen(FRONTEND_KEYS)) == 0;

	if (config->lb_no_backends == NO_BACKENDS_DROP)
		flags |= SERVICE_DROPS;
	if (frontend->type == SERVICE_CLUSTER_IP || application->record->elsewhere)
		return flags;
	flags |= SERVICE_EXTERNAL;
	if (answers_directly(config, frontend))
		flags |= SERVICE_DSR;
	if (group->range_count && (by_hand || frontend->type == SERVICE_LOAD_BALANCER))
		flags |= SERVICE_SOURCE_RANGES;
	if (frontend->type == SERVICE_HOST_PORT)
		flags |= SERVICE_HERE;
	return flags;
}

static struct service_set set_for(const struct application *application, const struct frontend *frontend,
                                  const struct group *group, enum service_side side)
{
	const struct slot_set *set = &group->sets[reach_of(application->record->spec, frontend->type, side)];

	return (struct service_set){.set = set->count ? set->set : 0, .count = set->count};
}

static struct service value_of(const struct application *application, const struct frontend *frontend)
{
	const struct group *group = group_of_frontend(application->groups, application->count, frontend);
	struct service value = {.number = group->number,
	                        .flags = flags_of(application, frontend, group),
	                        .type = frontend->type,
	                        .affinity = application->record->spec->affinity};

	value.side[SERVICE_INSIDE] = set_for(application, frontend, group, SERVICE_INSIDE);
	if (frontend->type != SERVICE_CLUSTER_IP)
		value.side[SERVICE_OUTSIDE] = set_for(application, frontend, group, SERVICE_OUTSIDE);
	return value;
}

static const char *map_words(int result)
{
	return result == -E2BIG ? "the map is full" : strerror(-result);
}

static void switch_frontend(const struct application *application, struct frontend *frontend)
{
	struct services *services = application->services;
	struct service value = value_of(application, frontend);
	char text[SERVICE_KEY_TEXT_MAX];
	int r;

	if (!memcmp(&value, &frontend->value, sizeof(value)))
		return;
	r = service_map_set(maps_of(application), &frontend->key, &value);
	if (r) {
		application->record->refused = true;
		record_trouble(application->record, r, "%s cannot be served: %s",
		               service_key_format(&frontend->key, text), map_words(r));
		return;
	}
	frontend_set_value(services, frontend, &value);
	services->events.upserted(services->userdata, &frontend->key, &value);
}

/* ── the whole ── */

/* Writes what will be pointed to. */
static int prepare(const struct application *application)
{
	int r = 0;

	for (size_t i = 0; i < application->count && !r; i++) {
		struct group *group = &application->groups[i];

		r = write_sets(application, group);
		if (!r)
			r = write_backends(application, group, false);
		if (!r)
			r = write_ranges(application, group);
	}
	return r;
}

static void finish(const struct application *application)
{
	struct record *record = application->record;

	for (size_t i = 0; i < record->group_count; i++) {
		const struct group *old = &record->groups[i],
				   *now = group_numbered(application->groups, application->count, old->number);

		retire_sets(application, old, now);
		retire_backends(application, old, now);
		remove_ranges(application, old, now);
	}
	for (size_t i = 0; i < application->count; i++)
		write_backends(application, &application->groups[i], true);
}

/* What was written in vain goes as what was in use would. */
static void undo(struct application *application, int result)
{
	struct record *record = application->record;

	record->refused = true;
	record_trouble(record, result, "its backends cannot be served: %s", map_words(result));
	for (size_t i = 0; i < application->count; i++) {
		const struct group *group = &application->groups[i];
		struct group *old = before(application, group);

		retire_sets(application, group, old);
		retire_backends(application, group, old);
		remove_ranges(application, group, old);
	}
}

static void replace_groups(struct record *record, struct group *groups, size_t count)
{
	for (size_t i = 0; i < record->group_count; i++)
		group_clear(&record->groups[i]);
	free(record->groups);
	record->groups = groups;
	record->group_count = count;
}

void record_apply(struct services *services, struct record *record)
{
	struct application application = {.services = services, .record = record};
	int r;

	frontends_claim(services, record);
	application.count = groups_plan(services, record, &application.groups);
	r = prepare(&application);
	for (size_t i = 0; i < record->frontend_count && !r; i++)
		if (record->frontends[i]->wanted)
			switch_frontend(&application, record->frontends[i]);
	frontends_release(services, record);
	if (!r) {
		finish(&application);
		replace_groups(record, application.groups, application.count);
		return;
	}
	undo(&application, r);
	for (size_t i = 0; i < application.count; i++)
		group_clear(&application.groups[i]);
	free(application.groups);
}
