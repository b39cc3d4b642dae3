/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beginning and the end of the policies, and who there is for them.
 */
#include "agent/policy/policies.h"

#include <string.h>
#include <sys/random.h>

#include "agent/policy/internal.h"
#include "base/log.h"
#include "base/memory.h"

static void init_timer(struct policies *policies, uv_timer_t *timer)
{
	uv_timer_init(policies->services.loop, timer);
	timer->data = policies;
	policies->closing++;
}

/* The ids of sets begin somewhere, so that those of the agent before are rarely met, and then passed over. */
static void look_at_maps(struct policies *policies)
{
	int result = set_map_find(policies->services.maps, &policies->adopted);

	if (result)
		log_error("cannot read the policies in the maps: %s", strerror(-result));
	if (getrandom(&policies->last_id, sizeof(policies->last_id), 0) != sizeof(policies->last_id))
		policies->last_id = 0;
}

struct policies *policies_new(const struct policy_services *services, const struct policy_events *events,
                              void *userdata)
{
	struct policies *policies = xnew(struct policies);

	policies->services = *services;
	policies->events = *events;
	policies->userdata = userdata;
	policies->book = rulebook_new();
	policies->world = world_new();
	init_timer(policies, &policies->rounds);
	init_timer(policies, &policies->sweeps);
	init_timer(policies, &policies->retries);
	init_timer(policies, &policies->keeping);
	kept_read(policies);
	look_at_maps(policies);
	objects_watch(policies);
	return policies;
}

static void timer_closed(uv_handle_t *handle)
{
	struct policies *policies = handle->data;

	if (!--policies->closing)
		free(policies);
}

/* What is in the maps stays in force. */
void policies_free(struct policies *policies)
{
	if (!policies)
		return;
	waits_end(policies);
	store_watch_close(policies->watch);
	policy_sets_clear(policies);
	kept_write(policies);
	objects_clear(policies);
	json_decref(policies->kept);
	world_free(policies->world);
	rulebook_free(policies->book);
	uv_close((uv_handle_t *)&policies->rounds, timer_closed);
	uv_close((uv_handle_t *)&policies->sweeps, timer_closed);
	uv_close((uv_handle_t *)&policies->retries, timer_closed);
	uv_close((uv_handle_t *)&policies->keeping, timer_closed);
}

/* ── who there is ── */

static bool read_labels(const struct policies *policies, uint32_t identity, struct label_set *ret)
{
	json_t *labels = identity_labels(policies->services.identities, identity);

	return labels && !label_set_read(labels, ret, NULL);
}

static void meet(void *userdata, uint32_t identity)
{
	const struct policies *policies = userdata;
	struct label_set labels;

	if (read_labels(policies, identity, &labels))
		world_add(policies->world, identity, &labels);
}

void world_fill(struct policies *policies)
{
	identities_each(policies->services.identities, meet, policies);
}

/* Other labels than before: every set may be another one. */
static void change(struct policies *policies, uint32_t identity, struct label_set *labels)
{
	bool known = world_labels(policies->world, identity);

	world_add(policies->world, identity, labels);
	if (known)
		policy_sets_touch_all(policies);
	else
		policy_sets_identity_came(policies, identity);
}

void policies_identity_changed(struct policies *policies, uint32_t identity)
{
	struct label_set labels;

	if (!policies->complete)
		return;
	if (read_labels(policies, identity, &labels)) {
		change(policies, identity, &labels);
		return;
	}
	world_remove(policies->world, identity);
	policy_sets_identity_went(policies, identity);
}

void policies_identities_synced(struct policies *policies)
{
	policies->identities_told = true;
	policy_sets_start(policies);
}

bool policies_are_settled(const struct policies *policies)
{
	return policies->in_force;
}

bool policies_find_rule(const struct policies *policies, uint32_t number, struct rule_facts *ret)
{
	return rulebook_find(policies->book, number, ret);
}

static struct policy_answer evaluate_all(const struct policies *policies, const struct policy_question *question)
{
	struct policy_list all = {};
	struct policy_answer answer;
	const struct object *object;

	/* Borrowed: the list is not cleared. */
	for (object = policies->objects; object; object = object->hh.next)
		for (size_t i = 0; i < object->list.count; i++)
			policy_list_add(&all, object->list.policies[i]);
	answer = policy_evaluate(&all, question);
	free(all.policies);
	return answer;
}

void policies_evaluate(const struct policies *policies, const struct policy_question *question,
                       struct policy_answer *ret)
{
	const struct config *config = policies->services.config;
	bool from_host = question->direction == POLICY_INGRESS && question->peer.identity == IDENTITY_HOST;

	*ret = (struct policy_answer){.verdict = POLICY_NOT_ENFORCED};
	if (config->enable_policy == ENFORCE_NEVER)
		return;
	*ret = evaluate_all(policies, question);
	if (ret->verdict == POLICY_NOT_ENFORCED && config->enable_policy == ENFORCE_ALWAYS &&
	    question->subject.identity != IDENTITY_HEALTH)
		ret->verdict = POLICY_NOT_ALLOWED;
	if (ret->verdict == POLICY_NOT_ALLOWED && from_host && config->allow_localhost == LOCALHOST_ALWAYS)
		ret->verdict = POLICY_ALLOWED;
}
