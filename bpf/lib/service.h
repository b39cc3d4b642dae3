/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Which service is asked for, and which of its backends is to answer: the same for sockets and packets. See
 * abi/service.h.
 */
#ifndef PILUS_BPF_SERVICE_H
#define PILUS_BPF_SERVICE_H

#include "abi/service.h"
#include "endpoint.h"
#include "ipcache.h"
#include "state.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 131072); /* the agent sets it, here and below */
	__type(key, struct service_key);
	__type(value, struct service);
} pilus_services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct service_slot_key);
	__type(value, struct service_slots);
} pilus_service_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u32);
	__type(value, struct backend);
} pilus_backends SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct source_range_key);
	__type(value, __u8);
} pilus_source_ranges SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct affinity_key);
	__type(value, struct affinity);
} pilus_affinity SEC(".maps");

/* What is chosen by. */
struct service_client {
	struct affinity_key affinity; /* its `service` is filled in here */
	__u32 hash;                   /* of the connection, for Maglev */
	__u8 side;                    /* enum service_side */
};

static __always_inline struct service *service_at(const struct addr *addr, __be16 port, __u8 protocol)
{
	struct service_key key = {.addr = *addr, .port = port, .protocol = protocol};

	return bpf_map_lookup_elem(&pilus_services, &key);
}

/* The address of zero, of the family. */
static __always_inline struct addr service_any_addr(const struct addr *family)
{
	return addr_is_v4(family) ? addr_from_v4(0) : (struct addr){};
}

static __always_inline _Bool port_is_node_port(__be16 port)
{
	__u16 number = bpf_ntohs(port);

	return number >= config.node_port_first && number <= config.node_port_last;
}

/* Is the address one that node ports are served on: of this node or, from inside and for ports of their range, of
 * another? */
static __always_inline _Bool service_is_at_node(const struct addr *addr, __be16 port, __u8 side, _Bool *ret_here)
{
	struct local_addr *local = local_lookup(addr);

	*ret_here = local && !local->endpoint;
	return *ret_here || (!local && side == SERVICE_INSIDE && port_is_node_port(port) &&
	                     ipcache_lookup(addr).identity == IDENTITY_REMOTE_NODE);
}

/* A node port. `here`: its address is this node's. */
static __always_inline struct service *service_at_node(const struct addr *addr, __be16 port, __u8 protocol, _Bool here)
{
	struct addr any = service_any_addr(addr);
	struct service *service = service_at(&any, port, protocol);

	return service && (here || !(service->flags & SERVICE_HERE)) ? service : NULL;
}

/* The service that is asked for, from `side`; NULL: none. */
static __always_inline struct service *service_find(const struct addr *addr, __be16 port, __u8 protocol, __u8 side)
{
	struct service *service = service_at(addr, port, protocol);
	_Bool here;

	if (!service && service_is_at_node(addr, port, side, &here))
		service = service_at_node(addr, port, protocol, here);
	return service && (side == SERVICE_INSIDE || service->flags & SERVICE_EXTERNAL) ? service : NULL;
}

static __always_inline _Bool service_serves(const struct service *service, const struct addr *client)
{
	struct source_range_key key = {.prefix_bits = SOURCE_RANGE_SERVICE_BITS + ADDR_BITS,
	                               .service = bpf_htonl(service->number),
	                               .addr = *client};

	return !(service->flags & SERVICE_SOURCE_RANGES) || bpf_map_lookup_elem(&pilus_source_ranges, &key);
}

static __always_inline struct backend *backend_by_id(__u32 id)
{
	return id ? bpf_map_lookup_elem(&pilus_backends, &id) : NULL;
}

static __always_inline __u32 service_slot(__u32 set, __u32 index)
{
	struct service_slot_key key = {.set = set, .chunk = index / SERVICE_SLOTS};
	struct service_slots *slots = bpf_map_lookup_elem(&pilus_service_slots, &key);

	return slots ? slots->backend[index % SERVICE_SLOTS] : 0;
}

/* The backend that the client had, if it has to keep it and may; else 0. */
static __always_inline __u32 affinity_recall(const struct affinity_key *key, __u32 seconds)
{
	struct affinity *affinity = bpf_map_lookup_elem(&pilus_affinity, key);
	__u64 now = bpf_ktime_get_coarse_ns();
	struct backend *backend;

	if (!affinity || now - affinity->last_used > seconds * 1000000000ull)
		return 0;
	backend = backend_by_id(affinity->backend);
	if (!backend || backend->service != key->service || !backend->serves)
		return 0;
	affinity->last_used = now;
	return affinity->backend;
}

static __always_inline void affinity_remember(const struct affinity_key *key, __u32 backend)
{
	struct affinity affinity = {.last_used = bpf_ktime_get_coarse_ns(), .backend = backend};

	bpf_map_update_elem(&pilus_affinity, key, &affinity, BPF_ANY);
}

static __always_inline __u32 service_pick(const struct service *service, const struct service_client *client)
{
	const struct service_set *set = &service->side[client->side & 1];
	__u32 count = set->count, by = service->flags & SERVICE_MAGLEV ? client->hash : bpf_get_prandom_u32();

	return count ? service_slot(set->set, by % count) : 0;
}

/* The id of the backend for a new connection; 0: there is none. */
static __always_inline __u32 service_choose(const struct service *service, struct service_client *client)
{
	__u32 id = 0;

	client->affinity.service = service->number;
	if (service->affinity)
		id = affinity_recall(&client->affinity, service->affinity);
	if (id)
		return id;
	id = service_pick(service, client);
	if (id && service->affinity)
		affinity_remember(&client->affinity, id);
	return id;
}

#endif
