/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets: one for each identity of this node's endpoints. What policies change makes sets dirty; dirty ones are compiled,
 * written and swapped one by one, in turns of the loop, so that nothing waits long for a thousand of them. Whole rounds
 * keep a distance as long as the one before took: a burst of changes is worked off together.
 *
 * An identity that comes or goes changes only its own lines, in the set that is in force: entries of somebody about
 * whom there were none refuse nothing that was allowed before.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "agent/policy/internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "policy/evaluate.h"

#define SWEEP_DELAY NS_PER_SECOND /* far longer than a program runs */
#define RETRY_MS    5000          /* after which what did not fit is tried again */
#define REST_MS_MAX 250           /* between rounds */

#define CLOSED                                                                                            \
	(ENDPOINT_ASKS(POLICY_INGRESS) | ENDPOINT_ASKS(POLICY_EGRESS) | ENDPOINT_CLOSES(POLICY_INGRESS) | \
	 ENDPOINT_CLOSES(POLICY_EGRESS))

static struct set *find(const struct policies *policies, uint32_t identity)
{
	struct set *set;

	HASH_FIND(hh, policies->sets, &identity, sizeof(identity), set);
	return set;
}

/* ── what is no longer used ── */

static void sweep_due(uv_timer_t *timer);

static void sweep_later(struct policies *policies)
{
	if (!uv_is_active((uv_handle_t *)&policies->sweeps))
		uv_timer_start(&policies->sweeps, sweep_due, SWEEP_DELAY / NS_PER_MS, 0);
}

static void old_set_free(struct policies *policies, struct old_set *old)
{
	DL_DELETE(policies->old_sets, old);
	policy_set_clear(&old->compiled);
	free(old);
}

static void sweep_adopted(struct policies *policies)
{
	int result = set_map_sweep(policies->services.maps, &policies->adopted);

	if (result)
		log_error("policies of the agent before stay in the maps: %s", strerror(-result));
	identity_set_clear(&policies->adopted);
}

static void sweep_due(uv_timer_t *timer)
{
	struct policies *policies = timer->data;
	struct old_set *old, *next;
	uint64_t now = clock_now();

	if (policies->in_force && policies->adopted.count)
		sweep_adopted(policies);
	DL_FOREACH_SAFE(policies->old_sets, old, next)
	{
		if (old->due > now)
			continue;
		set_map_delete(policies->services.maps, old->id, &old->compiled);
		old_set_free(policies, old);
	}
	if (policies->old_sets)
		sweep_later(policies);
}

/* Takes the compiled set over. Id 0 is in no map. */
static void retire(struct policies *policies, uint32_t id, struct policy_set *compiled)
{
	struct old_set *old;

	if (!id) {
		policy_set_clear(compiled);
		return;
	}
	old = xnew(struct old_set);
	old->id = id;
	old->compiled = *compiled;
	old->due = clock_now() + SWEEP_DELAY;
	*compiled = (struct policy_set){};
	DL_APPEND(policies->old_sets, old);
	sweep_later(policies);
}

/* ── in force ── */

static uint32_t new_id(struct policies *policies)
{
	do
		policies->last_id++;
	while (!policies->last_id || identity_set_has(&policies->adopted, policies->last_id));
	return policies->last_id;
}

static uint32_t flags_of(const struct policies *policies, const struct policy_set *compiled)
{
	uint32_t flags = 0;

	for (int direction = 0; direction < POLICY_DIRECTIONS; direction++) {
		flags |= compiled->asks[direction] ? ENDPOINT_ASKS(direction) : 0;
		flags |= compiled->closes[direction] ? ENDPOINT_CLOSES(direction) : 0;
	}
	return flags && policies->services.config->policy_audit_mode ? flags | ENDPOINT_AUDITS : flags;
}

/* Takes the compiled set over: it is in the maps, and what was in force before is swept later. */
static void enforce(struct policies *policies, struct set *set, uint32_t id, struct policy_set *compiled,
                    uint32_t flags)
{
	struct policy_set before = set->compiled;
	uint32_t before_id = set->now.set;

	set->compiled = *compiled;
	set->now = (struct endpoint_policy){.set = id, .flags = flags};
	policies->events.changed(policies->userdata, set->identity, &set->now);
	maps_bump_epoch(policies->services.maps);
	retire(policies, before_id, &before);
}

static void retry_later(struct policies *policies);

/* Nothing in, nothing out, until it fits. */
static void lock_down(struct policies *policies, struct set *set, int result)
{
	if (!set->locked)
		log_error("the policies of identity %u do not fit into the maps: its pods are locked down, and tried "
		          "again every %d s: %s",
		          set->identity, RETRY_MS / 1000,
		          result == -E2BIG ? "peers times ports are too many" : strerror(-result));
	set->locked = true;
	enforce(policies, set, 0, &(struct policy_set){}, CLOSED);
	retry_later(policies);
}

static bool is_same(const struct policy_set *a, const struct policy_set *b)
{
	bool same = a->count == b->count && a->block_count == b->block_count;

	for (size_t i = 0; same && i < a->count; i++)
		same = policy_line_equal(&a->lines[i], &b->lines[i]);
	for (size_t i = 0; same && i < a->block_count; i++)
		same = prefix_equal(&a->blocks[i], &b->blocks[i]);
	return same;
}

static void write_and_enforce(struct policies *policies, struct set *set, struct policy_set *compiled, uint32_t flags)
{
	uint32_t id = flags ? new_id(policies) : 0;
	int result = id ? set_map_write(policies->services.maps, id, compiled) : 0;

	if (result) {
		set_map_delete(policies->services.maps, id, compiled);
		policy_set_clear(compiled);
		lock_down(policies, set, result);
		return;
	}
	if (set->locked)
		log_info("the policies of identity %u fit into the maps now", set->identity);
	set->locked = false;
	enforce(policies, set, id, compiled, flags);
}

static void choose_policies(const struct policies *policies, struct set *set)
{
	const struct object *object;

	set->list.count = 0;
	for (object = policies->objects; object; object = object->hh.next)
		for (size_t i = 0; i < object->list.count; i++)
			if (policy_selects(object->list.policies[i], &set->labels))
				policy_list_add(&set->list, object->list.policies[i]);
}

/* The agent's own endpoint, by which the nodes look after each other, is closed by policies that name it only. */
static struct policy_subject subject_of(const struct policies *policies, const struct set *set)
{
	const struct config *config = policies->services.config;

	return (struct policy_subject){
		.labels = &set->labels,
		.always = config->enable_policy == ENFORCE_ALWAYS && set->identity != IDENTITY_HEALTH,
		.host = config->allow_localhost == LOCALHOST_ALWAYS,
	};
}

static void renew(struct policies *policies, struct set *set)
{
	const struct policy_subject subject = subject_of(policies, set);
	struct policy_set compiled = {};
	uint32_t flags;

	set->dirty = false;
	if (policies->services.config->enable_policy != ENFORCE_NEVER) {
		choose_policies(policies, set);
		policy_compile(&set->list, &subject, policies->world, &compiled);
	}
	if (compiled.too_large) {
		policy_set_clear(&compiled);
		lock_down(policies, set, -E2BIG);
		set->known = true;
		return;
	}
	flags = flags_of(policies, &compiled);
	if (set->known && !set->locked && set->now.flags == flags && is_same(&set->compiled, &compiled))
		policy_set_clear(&compiled);
	else
		write_and_enforce(policies, set, &compiled, flags);
	set->known = true;
}

/* ── rounds ── */

static void turn(uv_timer_t *timer);

static void turn_later(struct policies *policies, uint64_t milliseconds)
{
	uv_timer_start(&policies->rounds, turn, milliseconds, 0);
}

static struct set *next_dirty(const struct policies *policies)
{
	struct set *set = policies->sets;

	while (set && !set->dirty)
		set = set->hh.next;
	return set;
}

static void end_round(struct policies *policies)
{
	policies->round_ended = clock_now();
	policies->round_took = policies->round_ended - policies->round_began;
	policies->round_due = false;
	if (!policies->in_force) {
		policies->in_force = true;
		policies->events.settled(policies->userdata);
		sweep_later(policies);
	}
	waits_look(policies);
}

static void turn(uv_timer_t *timer)
{
	struct policies *policies = timer->data;
	struct set *set = next_dirty(policies);

	if (set)
		renew(policies, set);
	if (next_dirty(policies))
		turn_later(policies, 0);
	else
		end_round(policies);
}

/* How long the next round has to wait yet. */
static uint64_t rest_ms(const struct policies *policies)
{
	uint64_t since = (clock_now() - policies->round_ended) / NS_PER_MS, took = policies->round_took / NS_PER_MS;
	uint64_t rest = took < REST_MS_MAX ? took : REST_MS_MAX;

	return since < rest ? rest - since : 0;
}

static void begin_round(struct policies *policies)
{
	uint64_t rest = rest_ms(policies);

	if (policies->round_due)
		return;
	policies->round_due = true;
	policies->round_began = clock_now() + rest * NS_PER_MS;
	turn_later(policies, rest);
}

static void retry_due(uv_timer_t *timer)
{
	struct policies *policies = timer->data;
	struct set *set;

	for (set = policies->sets; set; set = set->hh.next)
		set->dirty |= set->locked;
	if (next_dirty(policies))
		begin_round(policies);
}

static void retry_later(struct policies *policies)
{
	uv_timer_start(&policies->retries, retry_due, RETRY_MS, 0);
}

bool policy_sets_are_done(const struct policies *policies)
{
	return policies->in_force && !policies->round_due;
}

/* ── what makes them dirty ── */

void policy_sets_touch(struct policies *policies, const struct policy *policy)
{
	struct set *set;
	bool touched = false;

	if (!policies->complete)
		return;
	for (set = policies->sets; set; set = set->hh.next)
		if (!set->dirty && policy_selects(policy, &set->labels))
			touched = set->dirty = true;
	if (touched)
		begin_round(policies);
}

/* The lines about an identity: they stand together. */
static size_t lines_of(const struct policy_set *compiled, uint32_t peer, size_t *ret_count)
{
	size_t low = 0, high = compiled->count, end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compiled->lines[middle].peer < peer)
			low = middle + 1;
		else
			high = middle;
	}
	for (end = low; end < compiled->count && compiled->lines[end].peer == peer; end++)
		;
	*ret_count = end - low;
	return low;
}

/* Can its lines be changed one by one? */
static bool is_live(const struct set *set)
{
	return !set->dirty && !set->locked && set->now.set;
}

static void insert_lines(struct policy_set *compiled, size_t at, const struct policy_line *lines, size_t count)
{
	compiled->lines = xrealloc(compiled->lines, (compiled->count + count) * sizeof(*lines));
	memmove(&compiled->lines[at + count], &compiled->lines[at], (compiled->count - at) * sizeof(*lines));
	memcpy(&compiled->lines[at], lines, count * sizeof(*lines));
	compiled->count += count;
}

/* True when that changed the set. */
static bool add_to(struct policies *policies, struct set *set, uint32_t identity)
{
	const struct policy_subject subject = subject_of(policies, set);
	_cleanup_free_ struct policy_line *lines = NULL;
	size_t count = policy_compile_peer(&set->list, &subject, policies->world, identity, &lines), had;
	size_t at = lines_of(&set->compiled, identity, &had);
	int result;

	if (!count)
		return false;
	result = set_map_write_lines(policies->services.maps, set->now.set, lines, count);
	insert_lines(&set->compiled, at, lines, count);
	if (result)
		lock_down(policies, set, result);
	return true;
}

static bool take_from(struct policies *policies, struct set *set, uint32_t identity)
{
	struct policy_set *compiled = &set->compiled;
	size_t count, at = lines_of(compiled, identity, &count);

	if (!count)
		return false;
	set_map_delete_lines(policies->services.maps, set->now.set, &compiled->lines[at], count);
	compiled->count -= count;
	memmove(&compiled->lines[at], &compiled->lines[at + count], (compiled->count - at) * sizeof(*compiled->lines));
	return true;
}

static void change_all(struct policies *policies, uint32_t identity,
                       bool (*change)(struct policies *policies, struct set *set, uint32_t identity))
{
	bool changed = false;
	struct set *set;

	for (set = policies->sets; set; set = set->hh.next)
		if (is_live(set))
			changed |= change(policies, set, identity);
	if (changed)
		maps_bump_epoch(policies->services.maps);
}

void policy_sets_touch_all(struct policies *policies)
{
	struct set *set;

	for (set = policies->sets; set; set = set->hh.next)
		set->dirty = true;
	if (policies->sets)
		begin_round(policies);
}

void policy_sets_identity_came(struct policies *policies, uint32_t identity)
{
	change_all(policies, identity, add_to);
}

void policy_sets_identity_went(struct policies *policies, uint32_t identity)
{
	change_all(policies, identity, take_from);
}

/* ── endpoints ── */

struct endpoint_policy policies_unknown(const struct policies *policies)
{
	bool never = policies->services.config->enable_policy == ENFORCE_NEVER;

	return (struct endpoint_policy){.flags = never ? 0 : CLOSED};
}

void policies_join(struct policies *policies, uint32_t identity, json_t *labels, struct endpoint_policy *policy)
{
	struct set *set = find(policies, identity);

	if (!set) {
		set = xnew(struct set);
		set->identity = identity;
		label_set_read(labels, &set->labels, NULL); /* the endpoints room has checked them */
		HASH_ADD(hh, policies->sets, identity, sizeof(identity), set);
		if (policies->complete)
			renew(policies, set);
	}
	set->users++;
	if (set->known)
		*policy = set->now;
}

static void set_free(struct policies *policies, struct set *set)
{
	HASH_DEL(policies->sets, set);
	policy_set_clear(&set->compiled);
	label_set_clear(&set->labels);
	free(set->list.policies);
	free(set);
}

void policies_leave(struct policies *policies, uint32_t identity)
{
	struct set *set = find(policies, identity);

	if (!set || --set->users)
		return;
	retire(policies, set->now.set, &set->compiled);
	set_free(policies, set);
}

void policy_sets_start(struct policies *policies)
{
	if (policies->complete || !policies->told || !policies->identities_told)
		return;
	policies->complete = true;
	world_fill(policies);
	objects_enter(policies);
	policies->revision++;
	policy_sets_touch_all(policies);
	begin_round(policies);
}

void policy_sets_clear(struct policies *policies)
{
	struct old_set *old, *next_old;
	struct set *set, *next;

	HASH_ITER (hh, policies->sets, set, next)
		set_free(policies, set);
	DL_FOREACH_SAFE(policies->old_sets, old, next_old)
	old_set_free(policies, old);
	identity_set_clear(&policies->adopted);
}
