/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How the other nodes are reached. Written by the agent (neighbours from netlink events), read by the programs.
 *
 * pilus_nodes     array, index = node id          -> struct node (unused ids: all zero)
 * pilus_node_ids  hash,  struct addr (underlay)   -> node id (__u32): who may send us overlay packets
 *
 * A new next hop or MTU is one write to the array and no epoch: established flows follow at once.
 */
#ifndef PILUS_ABI_NODE_H
#define PILUS_ABI_NODE_H

#include "addr.h"

#define NODE_ID_MAX 4095 /* ids are local to each node, 1 … this; 0 is no node */

enum node_flag {
	NODE_NEIGHBOUR_KNOWN = 1, /* local_mac and next_hop_mac are valid: redirect, else bpf_redirect_neigh */
	NODE_DIRECT = 2, /* native routing: packets for its pods go to it by this neighbour, else by the stack */
};

struct node {
	struct addr remote; /* its underlay address: where the overlay's packets go */
	struct addr local;  /* ours towards it */
	struct addr next_hop;
	__u32 ifindex; /* the uplink towards it; 0: no such node */
	__u8 local_mac[6];
	__u8 next_hop_mac[6];
	__u32 flags; /* enum node_flag */
	__u32 mtu;   /* largest L3 packet that fits on the way: what is larger is left to the stack */
};
ABI_ASSERT_SIZE(struct node, 72);

#endif
