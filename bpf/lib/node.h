/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The other nodes. See abi/node.h.
 */
#ifndef PILUS_BPF_NODE_H
#define PILUS_BPF_NODE_H

#include "abi/node.h"
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NODE_ID_MAX + 1);
	__type(key, __u32);
	__type(value, struct node);
} pilus_nodes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NODE_ID_MAX + 1);
	__type(key, struct addr);
	__type(value, __u32);
} pilus_node_ids SEC(".maps");

/* NULL when the id is not in use. */
static __always_inline struct node *node_by_id(__u32 id)
{
	struct node *node = bpf_map_lookup_elem(&pilus_nodes, &id);

	return node && node->ifindex ? node : NULL;
}

/* The id of the node with this underlay address; 0: none. */
static __always_inline __u16 node_id_by_addr(const struct addr *addr)
{
	struct addr key = *addr;
	__u32 *id = bpf_map_lookup_elem(&pilus_node_ids, &key);

	return id ? *id : 0;
}

#endif
