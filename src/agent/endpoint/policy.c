/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy of an endpoint is that of its identity. It is known before the endpoint is in the maps, and changes there
 * as the policies do.
 */
#include <errno.h>
#include <string.h>

#include "agent/endpoint/entry.h"
#include "base/log.h"

uint32_t endpoint_policy_flags(const struct endpoint_entry *entry)
{
	uint32_t flags = entry->policy.flags;

	return flags && entry->audit ? flags | ENDPOINT_AUDITS : flags;
}

/* What the agent before had enforced stays in force; a map that is new knows nothing of it. */
void endpoint_adopt_policy(struct endpoint_entry *entry)
{
	const struct endpoint_services *services = &entry->endpoints->services;
	struct endpoint pinned;

	if (!endpoint_map_get(datapath_maps(services->datapath), entry->id, &pinned) &&
	    pinned.ifindex == entry->link.ifindex)
		entry->policy = (struct endpoint_policy){.set = pinned.policy, .flags = pinned.flags};
	else
		entry->policy = policies_unknown(services->policies);
}

void endpoint_join_policy(struct endpoint_entry *entry)
{
	struct policies *policies = entry->endpoints->services.policies;
	uint32_t before = entry->joined;

	if (before == entry->identity)
		return;
	policies_join(policies, entry->identity, entry->labels, &entry->policy);
	entry->joined = entry->identity;
	if (before)
		policies_leave(policies, before);
}

void endpoint_leave_policy(struct endpoint_entry *entry)
{
	if (entry->joined)
		policies_leave(entry->endpoints->services.policies, entry->joined);
	entry->joined = 0;
}

static void change(struct endpoint_entry *entry, const struct endpoint_policy *policy)
{
	const struct maps *maps = datapath_maps(entry->endpoints->services.datapath);
	int result;

	entry->policy = *policy;
	if (!entry->active)
		return;
	result = endpoint_map_set_policy(maps, entry->id, policy->set, endpoint_policy_flags(entry));
	if (result)
		log_error("endpoint %u: its policy cannot be changed: %s", entry->id, strerror(-result));
}

void endpoints_set_policy(struct endpoints *endpoints, uint32_t identity, const struct endpoint_policy *policy)
{
	struct endpoint_entry *entry;

	endpoints_foreach (endpoints, entry)
		if (entry->joined == identity)
			change(entry, policy);
}

void endpoints_count_enforcement(const struct endpoints *endpoints, unsigned ret[static ENFORCEMENTS])
{
	const struct endpoint_entry *entry;

	endpoints_foreach (endpoints, entry) {
		bool ingress = entry->policy.flags & ENDPOINT_ASKS(POLICY_INGRESS),
		     egress = entry->policy.flags & ENDPOINT_ASKS(POLICY_EGRESS);

		ret[ingress + 2 * egress]++;
	}
}

int endpoint_set_audit(struct endpoints *endpoints, uint16_t id, bool audit, struct error *error)
{
	struct endpoint_entry *entry = id && id <= ENDPOINT_ID_MAX ? endpoints->entries[id] : NULL;
	const struct endpoint_policy same = entry ? entry->policy : (struct endpoint_policy){};

	if (!entry)
		return error_set(error, -ENOENT, "there is no endpoint of that id");
	entry->audit = audit;
	change(entry, &same);
	maps_bump_epoch(datapath_maps(endpoints->services.datapath));
	endpoint_tell(entry, entry->state, ENDPOINT_OK, "Policy audit mode %s", audit ? "enabled" : "disabled");
	return endpoint_file_write(entry, error);
}
