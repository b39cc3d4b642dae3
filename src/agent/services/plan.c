/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the maps shall hold for a record: computed here, written in apply.c.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "agent/services/internal.h"
#include "base/memory.h"
#include "service/choose.h"
#include "service/slots.h"

void group_clear(struct group *group)
{
	free(group->members);
	free(group->ranges);
}

struct group *group_numbered(struct group *groups, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (groups[i].number == number)
			return &groups[i];
	return NULL;
}

struct group *group_of_frontend(struct group *groups, size_t count, const struct frontend *frontend)
{
	for (size_t i = 0; i < count; i++)
		if (groups[i].of == frontend->of && groups[i].v4 == addr_is_v4(&frontend->key.addr))
			return &groups[i];
	return NULL;
}

/* ── numbers ── */

/* The group of that number as it is in the maps; one of an earlier agent moves into the record. */
static struct group *group_before(struct services *services, struct record *record, uint32_t number)
{
	struct group *adopted;

	HASH_FIND(hh, services->adopted, &number, sizeof(number), adopted);
	if (adopted) {
		HASH_DEL(services->adopted, adopted);
		record->groups = xrealloc(record->groups, (record->group_count + 1) * sizeof(*record->groups));
		record->groups[record->group_count++] = *adopted;
		free(adopted);
	}
	return group_numbered(record->groups, record->group_count, number);
}

/* Both are in order: one walk finds who was there before. */
static void keep_ids(struct services *services, struct group *group, const struct group *before)
{
	size_t old = 0, old_count = before ? before->count : 0;

	for (size_t i = 0; i < group->count; i++) {
		struct member *member = &group->members[i];

		while (old < old_count && member_compare(&before->members[old], member) < 0)
			old++;
		if (old < old_count && !member_compare(&before->members[old], member))
			member->candidate.id = before->members[old].candidate.id;
		else
			member->candidate.id = ++services->last_backend;
	}
}

/* ── groups ── */

static size_t add_group(struct group **groups, size_t count, const struct frontend *frontend)
{
	*groups = xrealloc(*groups, (count + 1) * sizeof(**groups));
	(*groups)[count] = (struct group){.of = frontend->of, .v4 = addr_is_v4(&frontend->key.addr)};
	return count + 1;
}

static size_t add_groups(const struct record *record, struct group **groups)
{
	size_t count = 0;

	for (size_t i = 0; i < record->frontend_count; i++) {
		const struct frontend *frontend = record->frontends[i];
		struct group *group;

		if (!frontend->wanted)
			continue;
		if (!group_of_frontend(*groups, count, frontend))
			count = add_group(groups, count, frontend);
		group = group_of_frontend(*groups, count, frontend);
		if (!group->number && !group_numbered(*groups, count, frontend->value.number))
			group->number = frontend->value.number;
	}
	return count;
}

size_t groups_plan(struct services *services, struct record *record, struct group **ret)
{
	size_t count;

	*ret = NULL;
	count = add_groups(record, ret);
	for (size_t i = 0; i < count; i++) {
		struct group *group = &(*ret)[i];
		const struct service_spec *spec = record->spec;

		if (!group->number)
			group->number = ++services->last_number;
		group->count = members_gather(record, &spec->ports[group->of], group->v4, &group->members);
		keep_ids(services, group, group_before(services, record, group->number));
		group->range_count = spec->range_count;
		group->ranges = xcalloc(spec->range_count ?: 1, sizeof(*group->ranges));
		for (size_t range = 0; range < spec->range_count; range++)
			group->ranges[range] = spec->ranges[range];
	}
	return count;
}

/* ── sets ── */

/* The external policy is about who comes from outside: inside, every backend is as near by whatever address. */
enum reach reach_of(const struct service_spec *spec, enum service_type type, enum service_side side)
{
	if (type == SERVICE_CLUSTER_IP)
		return spec->internal_local ? REACH_NODE : REACH_ALL;
	return side == SERVICE_OUTSIDE && spec->external_local ? REACH_NODE : REACH_ALL;
}

enum service_algorithm algorithm_of(const struct services *services, const struct service_spec *spec)
{
	return spec->algorithm == ALGORITHM_DEFAULT ? services->needs.config->lb_algorithm : spec->algorithm;
}

static uint32_t draw_up(const struct services *services, const struct service_spec *spec,
                        const struct candidate *candidates, size_t count, uint32_t **ret)
{
	if (algorithm_of(services, spec) == ALGORITHM_MAGLEV)
		return slots_maglev(candidates, count, services->needs.config->maglev_table_size, ret);
	return slots_random(candidates, count, ret);
}

uint32_t group_slots(const struct services *services, const struct service_spec *spec, struct group *group,
                     enum reach reach, uint32_t **ret)
{
	const struct choice choice = {.local = reach == REACH_NODE, .preference = spec->preference};
	_cleanup_free_ struct candidate *candidates = xcalloc(group->count ?: 1, sizeof(*candidates));
	uint32_t count;
	size_t chosen;

	for (size_t i = 0; i < group->count; i++) {
		candidates[i] = group->members[i].candidate;
		candidates[i].id = (uint32_t)i;
	}
	chosen = candidates_choose(candidates, group->count, &choice);
	count = draw_up(services, spec, candidates, chosen, ret);
	for (uint32_t slot = 0; slot < count; slot++) {
		struct member *member = &group->members[candidates[(*ret)[slot]].id];

		member->serves = true;
		(*ret)[slot] = member->candidate.id;
	}
	return count;
}
