/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels are indexed, so that a new selector looks only at those who have the rarest of the labels that it requires.
 */
#include "policy/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct somebody {
	uint32_t identity;
	struct label_set labels;
	UT_hash_handle hh;
};

/* Those who have a label, of whatever source. */
struct holders {
	char *label; /* "key=value" */
	struct identity_set identities;
	UT_hash_handle hh;
};

struct world {
	struct somebody *people;
	struct identity_set everybody;
	struct holders *labels;
	struct selection *selections;
};

struct world *world_new(void)
{
	return xnew(struct world);
}

/* ── labels ── */

static struct holders *find_holders(const struct world *world, const char *label)
{
	struct holders *holders;

	HASH_FIND_STR(world->labels, label, holders);
	return holders;
}

static void hold(struct world *world, const struct label *label, uint32_t identity)
{
	_cleanup_free_ char *text = xasprintf("%s=%s", label->key, label->value);
	struct holders *holders = find_holders(world, text);

	if (!holders) {
		holders = xnew(struct holders);
		holders->label = TAKE_PTR(text);
		HASH_ADD_KEYPTR(hh, world->labels, holders->label, strlen(holders->label), holders);
	}
	identity_set_add(&holders->identities, identity);
}

static void holders_free(struct world *world, struct holders *holders)
{
	HASH_DEL(world->labels, holders);
	identity_set_clear(&holders->identities);
	free(holders->label);
	free(holders);
}

static void let_go(struct world *world, const struct label *label, uint32_t identity)
{
	_cleanup_free_ char *text = xasprintf("%s=%s", label->key, label->value);
	struct holders *holders = find_holders(world, text);

	if (!holders)
		return;
	identity_set_remove(&holders->identities, identity);
	if (!holders->identities.count)
		holders_free(world, holders);
}

/* ── people ── */

static struct somebody *find(const struct world *world, uint32_t identity)
{
	struct somebody *somebody;

	HASH_FIND(hh, world->people, &identity, sizeof(identity), somebody);
	return somebody;
}

static void look_at(const struct world *world, const struct somebody *somebody)
{
	struct selection *selection;

	for (selection = world->selections; selection; selection = selection->hh.next)
		if (selector_matches(&selection->selector, &somebody->labels))
			identity_set_add(&selection->identities, somebody->identity);
}

void world_add(struct world *world, uint32_t identity, struct label_set *labels)
{
	struct somebody *somebody = xnew(struct somebody);

	world_remove(world, identity);
	somebody->identity = identity;
	somebody->labels = *labels;
	*labels = (struct label_set){};
	HASH_ADD(hh, world->people, identity, sizeof(identity), somebody);
	identity_set_add(&world->everybody, identity);
	for (size_t i = 0; i < somebody->labels.count; i++)
		hold(world, &somebody->labels.labels[i], identity);
	look_at(world, somebody);
}

void world_remove(struct world *world, uint32_t identity)
{
	struct somebody *somebody = find(world, identity);
	struct selection *selection;

	if (!somebody)
		return;
	for (selection = world->selections; selection; selection = selection->hh.next)
		identity_set_remove(&selection->identities, identity);
	for (size_t i = 0; i < somebody->labels.count; i++)
		let_go(world, &somebody->labels.labels[i], identity);
	identity_set_remove(&world->everybody, identity);
	HASH_DEL(world->people, somebody);
	label_set_clear(&somebody->labels);
	free(somebody);
}

const struct label_set *world_labels(const struct world *world, uint32_t identity)
{
	const struct somebody *somebody = find(world, identity);

	return somebody ? &somebody->labels : NULL;
}

const struct identity_set *world_identities(const struct world *world)
{
	return &world->everybody;
}

/* ── selectors ── */

/* Those who have the label of one value; NULL: nobody. */
static const struct identity_set *holders_of(const struct world *world, const struct requirement *requirement,
                                             size_t value)
{
	_cleanup_free_ char *text = xasprintf("%s=%s", requirement->key, requirement->values[value]);
	const struct holders *holders = find_holders(world, text);

	return holders ? &holders->identities : NULL;
}

/* Those who have one of the values: as many at most. */
static size_t count_holders(const struct world *world, const struct requirement *requirement)
{
	size_t count = 0;

	for (size_t i = 0; i < requirement->count; i++) {
		const struct identity_set *holders = holders_of(world, requirement, i);

		count += holders ? holders->count : 0;
	}
	return count;
}

/* The requirement that the fewest meet; NULL: none says which labels it wants. */
static const struct requirement *rarest(const struct world *world, const struct selector *selector)
{
	const struct requirement *best = NULL;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < selector->count; i++) {
		const struct requirement *requirement = &selector->requirements[i];
		size_t count = requirement->relation == SELECTOR_IN ? count_holders(world, requirement) : SIZE_MAX;

		if (count < least) {
			least = count;
			best = requirement;
		}
	}
	return best;
}

static void match_among(const struct world *world, const struct identity_set *candidates, struct selection *selection)
{
	for (size_t i = 0; i < candidates->count; i++)
		if (selector_matches(&selection->selector, &find(world, candidates->numbers[i])->labels))
			identity_set_add(&selection->identities, candidates->numbers[i]);
}

static void match_all(const struct world *world, struct selection *selection)
{
	const struct requirement *requirement = rarest(world, &selection->selector);

	if (!requirement) {
		match_among(world, &world->everybody, selection);
		return;
	}
	for (size_t i = 0; i < requirement->count; i++) {
		const struct identity_set *holders = holders_of(world, requirement, i);

		if (holders)
			match_among(world, holders, selection);
	}
}

static struct selection *selection_get(struct world *world, const struct selector *selector)
{
	_cleanup_free_ char *key = selector_key(selector);
	struct selection *selection;

	HASH_FIND_STR(world->selections, key, selection);
	if (!selection) {
		selection = xnew(struct selection);
		selection->key = TAKE_PTR(key);
		selector_copy(selector, &selection->selector);
		HASH_ADD_KEYPTR(hh, world->selections, selection->key, strlen(selection->key), selection);
		match_all(world, selection);
	}
	selection->users++;
	return selection;
}

static void selection_free(struct world *world, struct selection *selection)
{
	HASH_DEL(world->selections, selection);
	selector_clear(&selection->selector);
	identity_set_clear(&selection->identities);
	free(selection->key);
	free(selection);
}

static void enter_peer(struct world *world, struct policy_peer *peer)
{
	if (peer->kind == PEER_PODS)
		peer->selection = selection_get(world, &peer->selector);
}

static void leave_peer(struct world *world, struct policy_peer *peer)
{
	struct selection *selection = peer->selection;

	peer->selection = NULL;
	if (selection && !--selection->users)
		selection_free(world, selection);
}

static void each_peer(struct world *world, struct policy *policy,
                      void (*each)(struct world *world, struct policy_peer *peer))
{
	for (size_t i = 0; i < policy->rule_count; i++)
		for (size_t j = 0; j < policy->rules[i].peer_count; j++)
			each(world, &policy->rules[i].peers[j]);
}

void world_enter(struct world *world, struct policy *policy)
{
	each_peer(world, policy, enter_peer);
}

void world_leave(struct world *world, struct policy *policy)
{
	each_peer(world, policy, leave_peer);
}

void world_each_selection(const struct world *world, void (*each)(const struct selection *selection, void *userdata),
                          void *userdata)
{
	const struct selection *selection;

	for (selection = world->selections; selection; selection = selection->hh.next)
		each(selection, userdata);
}

void world_free(struct world *world)
{
	struct selection *selection, *next_selection;
	struct somebody *somebody, *next;

	if (!world)
		return;
	HASH_ITER (hh, world->people, somebody, next)
		world_remove(world, somebody->identity);
	HASH_ITER (hh, world->selections, selection, next_selection)
		selection_free(world, selection);
	identity_set_clear(&world->everybody);
	free(world);
}
