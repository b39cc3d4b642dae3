/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * This node's endpoints and own addresses. See abi/endpoint.h.
 */
#ifndef PILUS_BPF_ENDPOINT_H
#define PILUS_BPF_ENDPOINT_H

#include "abi/endpoint.h"
#include "packet.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ENDPOINT_ID_MAX + 1);
	__type(key, __u32);
	__type(value, struct endpoint);
} pilus_endpoints SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ENDPOINT_ID_MAX + 1);
	__type(key, __u32);
	__type(value, __u32);
} pilus_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct addr);
	__type(value, struct local_addr);
} pilus_local SEC(".maps");

/* NULL when the id is not in use. */
static __always_inline struct endpoint *endpoint_by_id(__u32 id)
{
	struct endpoint *endpoint = bpf_map_lookup_elem(&pilus_endpoints, &id);

	return endpoint && endpoint->ifindex ? endpoint : NULL;
}

/* The id of the endpoint behind a host-side veth; 0: none. */
static __always_inline __u16 endpoint_id_by_device(__u32 ifindex)
{
	__u32 *id = bpf_map_lookup_elem(&pilus_devices, &ifindex);

	return id ? *id : 0;
}

static __always_inline struct local_addr *local_lookup(const struct addr *addr)
{
	struct addr key = *addr;

	return bpf_map_lookup_elem(&pilus_local, &key);
}

static __always_inline _Bool addr_is_set(const struct addr *addr)
{
	return addr->quad[0] || addr->quad[1];
}

static __always_inline _Bool mac_equal(const __u8 *a, const __u8 *b)
{
	return *(const __u16 *)a == *(const __u16 *)b && *(const __u16 *)(a + 2) == *(const __u16 *)(b + 2) &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

#endif
