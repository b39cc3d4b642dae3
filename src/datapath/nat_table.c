/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/nat_table.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "base/clock.h"
#include "base/memory.h"
#include "datapath/walk.h"

struct nat_visit {
	int (*each)(const struct nat_key *key, const struct nat_entry *entry, void *userdata);
	void *userdata;
};

static int visit_mapping(const void *key, const void *value, void *userdata)
{
	const struct nat_visit *visit = userdata;

	return visit->each(key, value, visit->userdata);
}

int nat_table_each(const struct maps *maps,
                   int (*each)(const struct nat_key *key, const struct nat_entry *entry, void *userdata),
                   void *userdata)
{
	struct nat_visit visit = {each, userdata};

	int r = map_walk(maps->nat, sizeof(struct nat_key), sizeof(struct nat_entry), visit_mapping, &visit);

	return r
	               ?: map_walk(maps->service_nat, sizeof(struct nat_key), sizeof(struct nat_entry), visit_mapping,
	                           &visit);
}

/* As the programs look for it. */
static int find(const struct maps *maps, const struct nat_key *key, struct nat_entry *ret)
{
	int r = bpf_map_lookup_elem(maps->nat, key, ret);

	return r ? bpf_map_lookup_elem(maps->service_nat, key, ret) : 0;
}

/* The half that the pod's packets ask for, which the flow is named by. */
static struct nat_key leaving_key(const struct nat_key *key, const struct nat_entry *entry)
{
	if (entry->end == NAT_SOURCE)
		return *key;
	return (struct nat_key){
		.source = entry->addr,
		.destination = key->source,
		.source_port = entry->port,
		.destination_port = key->source_port,
		.protocol = key->protocol,
	};
}

static bool has_flow(const struct maps *maps, const struct nat_key *leaving)
{
	struct flow_key key;
	struct flow flow;

	flow_key_fill(&key, &leaving->source, &leaving->destination, leaving->source_port, leaving->destination_port,
	              leaving->protocol);
	return !bpf_map_lookup_elem(maps->flows, &key, &flow);
}

static bool is_here(const struct maps *maps, const struct addr *addr)
{
	struct local_addr local;

	return !bpf_map_lookup_elem(maps->local, addr, &local);
}

/* Does the half for the pod's packets still say that the answers come back by this one? */
static bool is_asked_for(const struct maps *maps, const struct nat_key *key, const struct nat_key *leaving)
{
	struct nat_entry there;

	return find(maps, leaving, &there) ||
	       (addr_equal(&there.addr, &key->destination) && there.port == key->destination_port);
}

/* Keys are collected first: deleting inside a walk of buckets would upset it. */
struct condemned {
	const struct maps *maps;
	const struct flow_timeouts *timeouts; /* NULL: all entries */
	bool flows_lost;                      /* flows may have left the flow table that are in use */
	uint64_t now;
	struct nat_key *keys;
	uint32_t count, room;
};

static bool is_in_use(const struct condemned *condemned, const struct nat_key *leaving, const struct nat_entry *entry)
{
	const struct flow_timeouts *timeouts = condemned->timeouts;
	uint64_t timeout = leaving->protocol == PROTOCOL_TCP ? timeouts->tcp : timeouts->other;

	if (entry->kind != NAT_HOST && has_flow(condemned->maps, leaving))
		return true;
	return (entry->kind == NAT_HOST || condemned->flows_lost) &&
	       entry->checked + timeout * NS_PER_SECOND > condemned->now;
}

static bool is_alive(const struct condemned *condemned, const struct nat_key *key, const struct nat_entry *entry)
{
	struct nat_key leaving = leaving_key(key, entry);
	const struct addr *node = entry->end == NAT_SOURCE ? &entry->addr : &key->destination;

	/* Neither end of a service's connection need be here. */
	if (entry->kind < NAT_SERVICE && !(is_here(condemned->maps, &leaving.source) && is_here(condemned->maps, node)))
		return false;
	return is_in_use(condemned, &leaving, entry) &&
	       (entry->end == NAT_SOURCE || is_asked_for(condemned->maps, key, &leaving));
}

static int condemn(const struct nat_key *key, const struct nat_entry *entry, void *userdata)
{
	struct condemned *condemned = userdata;

	if (condemned->timeouts && is_alive(condemned, key, entry))
		return 0;
	if (condemned->count == condemned->room) {
		condemned->room = condemned->room ? condemned->room * 2 : 256;
		condemned->keys = xrealloc(condemned->keys, condemned->room * sizeof(*condemned->keys));
	}
	condemned->keys[condemned->count++] = *key;
	return 0;
}

static int remove_condemned(const struct maps *maps, const struct condemned *condemned, uint32_t *ret_removed)
{
	uint32_t removed = 0;

	for (uint32_t i = 0; i < condemned->count; i++) {
		int r = bpf_map_delete_elem(maps->nat, &condemned->keys[i]);

		if (r == -ENOENT)
			r = bpf_map_delete_elem(maps->service_nat, &condemned->keys[i]);
		if (r && r != -ENOENT)
			return r;
		removed += !r;
	}
	if (ret_removed)
		*ret_removed = removed;
	return 0;
}

int nat_table_age(const struct maps *maps, const struct flow_timeouts *timeouts, bool flows_lost, uint64_t now,
                  uint32_t *ret_removed)
{
	struct condemned condemned = {.maps = maps, .timeouts = timeouts, .flows_lost = flows_lost, .now = now};
	int r = nat_table_each(maps, condemn, &condemned);

	if (!r)
		r = remove_condemned(maps, &condemned, ret_removed);
	free(condemned.keys);
	return r;
}

int nat_table_flush(const struct maps *maps, uint32_t *ret_removed)
{
	return nat_table_age(maps, NULL, false, 0, ret_removed);
}

static struct masquerade_key masquerade_key(uint32_t ifindex, const struct prefix *prefix)
{
	return (struct masquerade_key){
		.prefix_bits = MASQUERADE_UPLINK_BITS + prefix->bits, .ifindex = ifindex, .addr = prefix->addr};
}

int masquerade_set(const struct maps *maps, uint32_t ifindex, const struct prefix *prefix, const struct addr *source)
{
	struct masquerade_key key = masquerade_key(ifindex, prefix);
	struct masquerade_entry entry = {};

	if (ifindex)
		entry.source = *source;
	return bpf_map_update_elem(maps->masquerade, &key, &entry, BPF_ANY);
}

int masquerade_delete(const struct maps *maps, uint32_t ifindex, const struct prefix *prefix)
{
	struct masquerade_key key = masquerade_key(ifindex, prefix);
	int r = bpf_map_delete_elem(maps->masquerade, &key);

	return r == -ENOENT ? 0 : r;
}

struct masquerade_visit {
	int (*each)(uint32_t ifindex, const struct prefix *prefix, const struct addr *source, void *userdata);
	void *userdata;
};

static int visit_masquerade(const void *key, const void *value, void *userdata)
{
	const struct masquerade_visit *visit = userdata;
	const struct masquerade_key *stored = key;
	const struct masquerade_entry *entry = value;
	struct prefix prefix = {.addr = stored->addr, .bits = stored->prefix_bits - MASQUERADE_UPLINK_BITS};

	return visit->each(stored->ifindex, &prefix, &entry->source, visit->userdata);
}

int masquerade_each(const struct maps *maps,
                    int (*each)(uint32_t ifindex, const struct prefix *prefix, const struct addr *source,
                                void *userdata),
                    void *userdata)
{
	struct masquerade_visit visit = {each, userdata};

	return map_walk(maps->masquerade, sizeof(struct masquerade_key), sizeof(struct masquerade_entry),
	                visit_masquerade, &visit);
}
