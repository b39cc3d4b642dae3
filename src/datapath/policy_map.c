/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pilus_policy and pilus_policy_cidrs: see abi/policy.h.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>

#include "datapath/maps.h"
#include "datapath/walk.h"

int policy_set(const struct maps *maps, const struct policy_key *key, const struct policy_entry *entry)
{
	struct policy_entry whole = *entry;

	whole.prefix_bits = key->prefix_bits;
	return bpf_map_update_elem(maps->policy, key, &whole, BPF_ANY);
}

int policy_delete(const struct maps *maps, const struct policy_key *key)
{
	int r = bpf_map_delete_elem(maps->policy, key);

	return r == -ENOENT ? 0 : r;
}

struct policy_visit {
	int (*each)(const struct policy_key *key, const struct policy_entry *entry, void *userdata);
	void *userdata;
};

static int visit_entry(const void *key, const void *value, void *userdata)
{
	const struct policy_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int policy_each(const struct maps *maps,
                int (*each)(const struct policy_key *key, const struct policy_entry *entry, void *userdata),
                void *userdata)
{
	struct policy_visit visit = {each, userdata};

	return map_walk(maps->policy, sizeof(struct policy_key), sizeof(struct policy_entry), visit_entry, &visit);
}

static struct policy_cidr_key cidr_key(uint32_t set, const struct prefix *prefix)
{
	return (struct policy_cidr_key){
		.prefix_bits = POLICY_SET_BITS + prefix->bits, .set = htonl(set), .addr = prefix->addr};
}

int policy_cidr_set(const struct maps *maps, uint32_t set, const struct prefix *prefix, uint32_t id)
{
	struct policy_cidr_key key = cidr_key(set, prefix);

	return bpf_map_update_elem(maps->policy_cidrs, &key, &id, BPF_ANY);
}

int policy_cidr_delete(const struct maps *maps, uint32_t set, const struct prefix *prefix)
{
	struct policy_cidr_key key = cidr_key(set, prefix);
	int r = bpf_map_delete_elem(maps->policy_cidrs, &key);

	return r == -ENOENT ? 0 : r;
}

struct cidr_visit {
	int (*each)(uint32_t set, const struct prefix *prefix, uint32_t id, void *userdata);
	void *userdata;
};

static int visit_cidr(const void *key, const void *value, void *userdata)
{
	const struct cidr_visit *visit = userdata;
	const struct policy_cidr_key *cidr = key;
	const struct prefix prefix = {.addr = cidr->addr, .bits = (uint8_t)(cidr->prefix_bits - POLICY_SET_BITS)};

	return visit->each(ntohl(cidr->set), &prefix, *(const uint32_t *)value, visit->userdata);
}

int policy_cidr_each(const struct maps *maps,
                     int (*each)(uint32_t set, const struct prefix *prefix, uint32_t id, void *userdata),
                     void *userdata)
{
	struct cidr_visit visit = {each, userdata};

	return map_walk(maps->policy_cidrs, sizeof(struct policy_cidr_key), sizeof(uint32_t), visit_cidr, &visit);
}
