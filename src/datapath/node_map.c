/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pilus_nodes and pilus_node_ids, kept in step: see abi/node.h.
 */
#include <bpf/bpf.h>
#include <errno.h>

#include "datapath/maps.h"
#include "datapath/walk.h"

/* The address may be another node's by now. */
static int node_forget_addr(const struct maps *maps, uint16_t id, const struct node *node)
{
	uint32_t owner;
	int r = node->ifindex ? bpf_map_lookup_elem(maps->node_ids, &node->remote, &owner) : -ENOENT;

	if (!r && owner == id)
		r = bpf_map_delete_elem(maps->node_ids, &node->remote);
	return r == -ENOENT ? 0 : r;
}

int node_map_set(const struct maps *maps, uint16_t id, const struct node *node)
{
	struct node old;
	uint32_t key = id;
	int r;

	if (!id || id > NODE_ID_MAX || !node->ifindex)
		return -EINVAL;
	r = bpf_map_lookup_elem(maps->nodes, &key, &old);
	if (!r)
		r = bpf_map_update_elem(maps->nodes, &key, node, BPF_ANY);
	if (!r)
		r = bpf_map_update_elem(maps->node_ids, &node->remote, &key, BPF_ANY);
	if (!r && !addr_equal(&old.remote, &node->remote))
		r = node_forget_addr(maps, id, &old);
	return r;
}

int node_map_clear(const struct maps *maps, uint16_t id)
{
	static const struct node none;
	struct node old;
	uint32_t key = id;
	int r;

	if (!id || id > NODE_ID_MAX)
		return -EINVAL;
	r = bpf_map_lookup_elem(maps->nodes, &key, &old);
	if (!r)
		r = node_forget_addr(maps, id, &old);
	if (!r)
		r = bpf_map_update_elem(maps->nodes, &key, &none, BPF_ANY);
	return r;
}

struct node_visit {
	int (*each)(uint16_t id, const struct node *node, void *userdata);
	void *userdata;
};

static int visit_node(const void *key, const void *value, void *userdata)
{
	const struct node_visit *visit = userdata;
	const struct node *node = value;

	return node->ifindex ? visit->each(*(const uint32_t *)key, node, visit->userdata) : 0;
}

int node_map_each(const struct maps *maps, int (*each)(uint16_t id, const struct node *node, void *userdata),
                  void *userdata)
{
	struct node_visit visit = {each, userdata};

	return map_walk(maps->nodes, sizeof(uint32_t), sizeof(struct node), visit_node, &visit);
}
