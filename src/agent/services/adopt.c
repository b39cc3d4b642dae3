/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The maps as an earlier agent has left them: frontends without an owner, and the groups they point to. Records that
 * want them take them over; what is left when the store has told all was somebody's who is gone.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "agent/services/internal.h"
#include "base/log.h"
#include "base/memory.h"

/* A set as it is found: its entries come in any order. */
struct found_set {
	uint32_t set, chunks;
	uint64_t digest;
	UT_hash_handle hh;
};

uint64_t slots_digest(const struct service_slots *slots, uint32_t chunk)
{
	return XXH64(slots, sizeof(*slots), chunk);
}

static struct group *adopted_group(struct services *services, uint32_t number)
{
	struct group *group;

	HASH_FIND(hh, services->adopted, &number, sizeof(number), group);
	if (!group) {
		group = xnew(struct group);
		group->number = number;
		HASH_ADD(hh, services->adopted, number, sizeof(group->number), group);
	}
	if (number > services->last_number)
		services->last_number = number;
	return group;
}

/* ── sets ── */

static int add_entry(const struct service_slot_key *key, const struct service_slots *slots, void *userdata)
{
	struct found_set **sets = userdata, *found;

	HASH_FIND(hh, *sets, &key->set, sizeof(key->set), found);
	if (!found) {
		found = xnew(struct found_set);
		found->set = key->set;
		HASH_ADD(hh, *sets, set, sizeof(found->set), found);
	}
	found->digest += slots_digest(slots, key->chunk);
	found->chunks = key->chunk >= found->chunks ? key->chunk + 1 : found->chunks;
	return 0;
}

static void set_forget(struct found_set **sets, struct found_set *found)
{
	HASH_DEL(*sets, found);
	free(found);
}

static void take_digests(struct group *groups, struct found_set **sets)
{
	struct group *group, *next;

	HASH_ITER (hh, groups, group, next)
		for (enum reach reach = 0; reach < REACHES; reach++) {
			struct slot_set *set = &group->sets[reach];
			struct found_set *found;

			HASH_FIND(hh, *sets, &set->set, sizeof(set->set), found);
			if (!set->count || !found)
				continue;
			set->digest = found->digest;
			set_forget(sets, found);
		}
}

/* Written, and never pointed to. */
static void drop_found(struct services *services, struct found_set **sets)
{
	struct found_set *found, *next;

	HASH_ITER (hh, *sets, found, next) {
		service_slots_delete(services->needs.maps, found->set, found->chunks * SERVICE_SLOTS);
		set_forget(sets, found);
	}
}

static int adopt_sets(struct services *services)
{
	struct found_set *sets = NULL, *found, *next;
	int r = service_slots_each(services->needs.maps, add_entry, &sets);

	HASH_ITER (hh, sets, found, next)
		if (found->set > services->last_set)
			services->last_set = found->set;
	take_digests(services->adopted, &sets);
	drop_found(services, &sets);
	return r;
}

/* ── frontends, backends and ranges ── */

static void note_set(struct group *group, const struct service_set *set)
{
	for (enum reach reach = 0; reach < REACHES && set->count; reach++) {
		if (group->sets[reach].count && group->sets[reach].set != set->set)
			continue;
		group->sets[reach].set = set->set;
		group->sets[reach].count = set->count;
		return;
	}
}

static int add_frontend(const struct service_key *key, const struct service *service, void *userdata)
{
	struct services *services = userdata;
	struct frontend *frontend = xnew(struct frontend);
	struct group *group = adopted_group(services, service->number);

	frontend->key = *key;
	frontend_set_value(services, frontend, service);
	frontend->type = service->type;
	HASH_ADD(hh, services->frontends, key, sizeof(frontend->key), frontend);
	for (enum service_side side = 0; side < SERVICE_SIDES; side++)
		note_set(group, &service->side[side]);
	return 0;
}

static int add_backend(uint32_t id, const struct backend *backend, void *userdata)
{
	struct services *services = userdata;
	struct group *group = adopted_group(services, backend->service);

	group->members = xrealloc(group->members, (group->count + 1) * sizeof(*group->members));
	group->members[group->count++] = (struct member){.candidate = {.addr = backend->addr,
	                                                               .id = id,
	                                                               .port = ntohs(backend->port),
	                                                               .weight = 1,
	                                                               .protocol = backend->protocol,
	                                                               .state = backend->state},
	                                                 .serves = backend->serves};
	if (id > services->last_backend)
		services->last_backend = id;
	return 0;
}

static int add_range(uint32_t service, const struct prefix *prefix, void *userdata)
{
	struct group *group = adopted_group(userdata, service);

	group->ranges = xrealloc(group->ranges, (group->range_count + 1) * sizeof(*group->ranges));
	group->ranges[group->range_count++] = *prefix;
	return 0;
}

int services_adopt(struct services *services)
{
	const struct maps *maps = services->needs.maps;
	struct group *group, *next;
	int r = service_map_each(maps, add_frontend, services);

	if (!r)
		r = backend_map_each(maps, add_backend, services);
	if (!r)
		r = source_range_each(maps, add_range, services);
	if (!r)
		r = adopt_sets(services);
	HASH_ITER (hh, services->adopted, group, next)
		if (group->count)
			qsort(group->members, group->count, sizeof(*group->members), member_compare);
	return r;
}

/* ── the end of it ── */

static void drop_frontends(struct services *services)
{
	struct frontend *frontend, *next;

	HASH_ITER (hh, services->frontends, frontend, next) {
		if (frontend->owner)
			continue;
		service_map_delete(services->needs.maps, &frontend->key);
		services->events.deleted(services->userdata, &frontend->key);
		frontend_forget(services, frontend);
	}
}

static void drop_group(struct services *services, struct group *group)
{
	for (enum reach reach = 0; reach < REACHES; reach++)
		retire_set(services, &group->sets[reach]);
	for (size_t i = 0; i < group->count; i++)
		retire_backend(services, group->members[i].candidate.id);
	for (size_t i = 0; i < group->range_count; i++)
		source_range_delete(services->needs.maps, group->number, &group->ranges[i]);
}

void services_drop_unclaimed(struct services *services)
{
	struct group *group, *next;

	drop_frontends(services);
	HASH_ITER (hh, services->adopted, group, next) {
		HASH_DEL(services->adopted, group);
		drop_group(services, group);
		group_clear(group);
		free(group);
	}
}
