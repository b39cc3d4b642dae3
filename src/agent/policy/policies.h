/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies of the cluster and what they come to on this node. They live in the store, as they were brought:
 * "policies/KIND/NAMESPACE/NAME" (clusterwide ones without a namespace) -> the object. For each identity that endpoints
 * of this node have there is a *set* in the maps (abi/policy.h), made anew when a policy changes, and a little changed
 * when others come and go.
 *
 * Nothing opens by accident: until the store has told all, endpoints keep what an agent before has enforced, and new
 * ones are closed. A set that does not fit the maps locks its endpoints down.
 */
#ifndef PILUS_AGENT_POLICY_POLICIES_H
#define PILUS_AGENT_POLICY_POLICIES_H

#include "agent/config/config.h"
#include "agent/identity/identity.h"
#include "policy/evaluate.h"
#include "policy/rulebook.h"

struct policies;

/* What it stands on; borrowed for its lifetime. */
struct policy_services {
	uv_loop_t *loop;
	const struct config *config;
	const struct maps *maps;
	struct store *store;
	const struct identities *identities;
};

/* What an endpoint of the map is to have. */
struct endpoint_policy {
	uint32_t set;   /* struct endpoint.policy */
	uint32_t flags; /* ENDPOINT_ASKS, ENDPOINT_CLOSES, ENDPOINT_AUDITS */
};

struct policy_events {
	/* Endpoints that joined with this identity are to have another policy at once; the epoch is bumped after. */
	void (*changed)(void *userdata, uint32_t identity, const struct endpoint_policy *policy);
	/* All is in force that the store has told of: once. */
	void (*settled)(void *userdata);
};

struct policies *policies_new(const struct policy_services *services, const struct policy_events *events,
                              void *userdata);
void policies_free(struct policies *policies);

/* Called when an identity came, changed or went, and when all are known. */
void policies_identity_changed(struct policies *policies, uint32_t identity);
void policies_identities_synced(struct policies *policies);

bool policies_are_settled(const struct policies *policies);

/*
 * An endpoint has this identity, and hears of changes from now on. `policy` is what it is to have: what it came with,
 * as long as the policies are not known. Each joining needs its leaving.
 */
void policies_join(struct policies *policies, uint32_t identity, json_t *labels, struct endpoint_policy *policy);
void policies_leave(struct policies *policies, uint32_t identity);

/* For an endpoint that had none before: closed, unless the configuration enforces nothing. */
struct endpoint_policy policies_unknown(const struct policies *policies);

/* Which rule has the number that an entry of the maps gives: see rulebook.h. */
bool policies_find_rule(const struct policies *policies, uint32_t number, struct rule_facts *ret);

/*
 * What is enforced of a pod of any node, as the policies and this node's configuration have it: for those whose sets
 * are in other nodes' maps. `ret` points into the policies, until the loop goes on.
 */
void policies_evaluate(const struct policies *policies, const struct policy_question *question,
                       struct policy_answer *ret);

/*
 * Answers from the loop, once: `answer` (a new reference) as in docs/api.md, or NULL with words. -EINVAL: the request
 * is wrong, and nothing was changed; -ENOENT; else the store has a problem.
 */
typedef void (*policies_done)(void *userdata, json_t *answer, int result, const struct error *error);

/* An object or an array of them: all are put into the store, then waited for until this node enforces them. */
void policies_import(struct policies *policies, json_t *request, policies_done done, void *userdata);

/* space: "-" for clusterwide ones. */
void policies_delete(struct policies *policies, const char *kind, const char *space, const char *name,
                     policies_done done, void *userdata);
void policies_delete_all(struct policies *policies, policies_done done, void *userdata);

/* Until this node's endpoints enforce the revision, or the time is over: -ETIMEDOUT. */
void policies_wait(struct policies *policies, uint64_t revision, uint64_t timeout_ms, policies_done done,
                   void *userdata);

/* New references, as in docs/api.md. */
json_t *policies_to_json(const struct policies *policies);
json_t *policies_selectors(const struct policies *policies);
json_t *policies_status(const struct policies *policies);
void policies_warn(const struct policies *policies, json_t *list); /* appends sentences */

struct policy_counts {
	uint64_t revision, import_errors, locked_down;
	size_t policies, sets, entries;
};
struct policy_counts policies_count(const struct policies *policies);

#endif
